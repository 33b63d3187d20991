#include "coordinator/bucket/farm_bucket.h"

#include <map>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

absl::StatusOr<bucket::Addressing> AddressingOf(const std::string& name) {
  static const std::map<std::string, bucket::Addressing> kNames = {{"auto", bucket::Addressing::kAutomatic},
                                                                   {"path", bucket::Addressing::kPath},
                                                                   {"host", bucket::Addressing::kHost}};
  const auto found = kNames.find(name);
  if (found != kNames.end()) return found->second;
  return absl::InvalidArgumentError(fmt::format("--bucket-addressing {}: expected auto, path or host", name));
}

}  // namespace

absl::StatusOr<std::unique_ptr<bucket::Bucket>> OpenS3Bucket(const BucketSettings& settings,
                                                             http::HttpClient& http) {
  ASSIGN_OR_RETURN(const bucket::Addressing addressing, AddressingOf(settings.addressing));
  bucket::S3Options options;
  auto address = bucket::ParseBucketAddress(settings.place, settings.endpoint, settings.region, addressing);
  if (!address.ok()) return Annotate(address.status(), "--bucket");
  options.address = *std::move(address);
  options.credentials = settings.credentials_file.empty()
                            ? bucket::CredentialsOfEnvironment()
                            : bucket::CredentialsOfFile(settings.credentials_file);
  // What is wrong with them now is an operator's mistake; later it is waited out.
  if (const auto credentials = options.credentials(); !credentials.ok())
    return Annotate(credentials.status(), "--bucket-credentials");
  // Somebody waits for a read; uploads are begun again by their own rule.
  options.attempts = 4;
  return bucket::MakeS3Bucket(http, std::move(options));
}

absl::StatusOr<std::unique_ptr<FarmBucket>> FarmBucket::Open(const BucketSettings& settings,
                                                             const std::string& data_folder,
                                                             const std::string& owner, DiskBlobStore& disk,
                                                             BlobStore& cache, Clock& clock,
                                                             std::function<int64_t()> wanted_room) {
  auto farm = std::make_unique<FarmBucket>();
  farm->http_ = bucket::MakeBucketHttpClient();
  ASSIGN_OR_RETURN(farm->bucket_, OpenS3Bucket(settings, *farm->http_));
  BucketStoreOptions store;
  store.index_file = data_folder + "/bucket.db";
  store.client = {.place = settings.place,
                  .endpoint = settings.endpoint,
                  .region = settings.region,
                  .credentials_file = settings.credentials_file,
                  .addressing = settings.addressing};
  store.owner = owner;
  store.disk_bytes = settings.disk_bytes;
  store.wanted_room = std::move(wanted_room);
  ASSIGN_OR_RETURN(farm->store_,
                   BucketBlobStore::Start(disk, cache, *farm->bucket_, clock, std::move(store)));
  return farm;
}

}  // namespace crossmill::coordinator
