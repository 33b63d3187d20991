#include "coordinator/bucket_flags.h"

namespace crossmill::coordinator {

void AddBucketFlags(CLI::App& app, BucketSettings& settings) {
  CLI::Option* bucket = app.add_option(
      "--bucket", settings.place,
      "s3://NAME/PREFIX of a bucket behind the disk: blobs are copied to it, and may leave the disk "
      "(docs/operations.md, \"A bucket behind the disk\")");
  app.add_option("--bucket-endpoint", settings.endpoint,
                 "https://HOST[:PORT] of its server, as workers reach it too (default: Amazon's)")
      ->needs(bucket);
  app.add_option("--bucket-region", settings.region, "Its region")->needs(bucket)->default_str("us-east-1");
  app.add_option(
         "--bucket-credentials", settings.credentials_file,
         "File with aws_access_key_id and aws_secret_access_key, for nobody else to read (default: the "
         "variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
      ->needs(bucket);
  app.add_option("--bucket-addressing", settings.addressing,
                 "Where addresses have the bucket's name: path, host or auto")
      ->needs(bucket)
      ->check(CLI::IsMember({"auto", "path", "host"}))
      ->capture_default_str();
  app.add_option(
         "--bucket-disk", settings.disk_bytes,
         "The most that blobs take on the disk before those that are in the bucket leave it: 20g (default: "
         "until --least-space is near)")
      ->needs(bucket)
      ->transform(CLI::AsSizeValue(false));
}

}  // namespace crossmill::coordinator
