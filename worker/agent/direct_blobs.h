// The farm's blob store with large blobs read from where they lie: the coordinator gives a URL that is good
// for one blob and some minutes, and the worker fetches from the bucket itself. What comes is compared with
// the digest before anybody sees it; whatever goes wrong, the coordinator is asked as ever.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "common/base/blob_store.h"
#include "common/http/http_client.h"

namespace crossmill::worker {

struct DirectBlobOptions {
  // Where a blob is kept while it is read, without a name.
  std::string buffer_folder;
  // Smaller ones are not worth the question.
  int64_t least_bytes = int64_t{4} << 20;
  // After a failure, and after the coordinator has said that there is no bucket.
  absl::Duration rest = absl::Minutes(1);
  absl::Duration long_rest = absl::Minutes(10);
};

// Thread safe. The references outlive it. URLs stay in this process: no step, log or error has one.
std::unique_ptr<BlobStore> MakeDirectBlobStore(BlobStore& farm, const std::shared_ptr<grpc::Channel>& channel,
                                               http::HttpClient& http, DirectBlobOptions options);

// Follows no redirects.
std::unique_ptr<http::HttpClient> MakeDirectHttpClient();

}  // namespace crossmill::worker
