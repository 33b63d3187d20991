// The bucket of a farm by its settings: address, credentials, client and store together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/bucket/bucket_blob_store.h"

namespace crossmill::coordinator {

struct BucketSettings {
  // "s3://NAME/PREFIX"; empty: the farm has none.
  std::string place;
  // Empty: Amazon's for the region.
  std::string endpoint;
  std::string region;
  // Empty: the environment's.
  std::string credentials_file;
  // auto, path or host.
  std::string addressing = "auto";
  // The most that blobs take on the disk; 0: as much as there is.
  int64_t disk_bytes = 0;
};

// The client by these settings; nothing is asked yet. Errors are an operator's to set right.
absl::StatusOr<std::unique_ptr<bucket::Bucket>> OpenS3Bucket(const BucketSettings& settings,
                                                             http::HttpClient& http);

class FarmBucket {
 public:
  // `owner` is the farm's identity. Errors are an operator's to set right: a bucket that cannot be reached is
  // none.
  static absl::StatusOr<std::unique_ptr<FarmBucket>> Open(const BucketSettings& settings,
                                                          const std::string& data_folder,
                                                          const std::string& owner, DiskBlobStore& disk,
                                                          BlobStore& cache, Clock& clock,
                                                          std::function<int64_t()> wanted_room);
  BucketBlobStore& store() { return *store_; }

 private:
  std::unique_ptr<http::HttpClient> http_;
  std::unique_ptr<bucket::Bucket> bucket_;
  std::unique_ptr<BucketBlobStore> store_;
};

}  // namespace crossmill::coordinator
