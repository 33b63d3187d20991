#include "coordinator/rpc/cas_service.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "common/rpc/resource_names.h"
#include "common/rpc/status_proto.h"
#include "common/rpc/zstd_stream.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

using rpc::ToGrpc;

// Directories of GetTree are sent when this many bytes have come together.
constexpr size_t kTreePiece = 1 << 20;

absl::Status CheckFunction(reapi::DigestFunction::Value function) {
  if (function == reapi::DigestFunction::UNKNOWN || function == reapi::DigestFunction::SHA256)
    return absl::OkStatus();
  return absl::InvalidArgumentError("the only digest function here is SHA256");
}

// Sizes as claimed: an honest client counts the same.
template <typename Blobs, typename SizeOf>
absl::Status CheckBatch(const Blobs& blobs, SizeOf size_of) {
  int64_t total = 0;
  for (const auto& blob : blobs) {
    total += std::max<int64_t>(0, size_of(blob));
    if (total > kMaxBatchBytes) {
      return absl::InvalidArgumentError(
          fmt::format("the batch holds more than {} bytes; use ByteStream for large blobs", kMaxBatchBytes));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ContentOf(const reapi::BatchUpdateBlobsRequest::Request& blob) {
  const Digest digest = FromProto(blob.digest());
  RETURN_IF_ERROR(rpc::CheckDigest(digest));
  std::string content;
  if (blob.compressor() == reapi::Compressor::IDENTITY) {
    content = blob.data();
  } else if (blob.compressor() == reapi::Compressor::ZSTD) {
    if (digest.size > kMaxBatchBytes) return absl::InvalidArgumentError("the blob is too large for a batch");
    ASSIGN_OR_RETURN(content, rpc::ZstdDecompress(blob.data(), digest.size));
  } else {
    return absl::InvalidArgumentError("the only compressor here is zstd");
  }
  if (DigestOf(content) != digest) {
    return absl::InvalidArgumentError(
        fmt::format("blob has digest {}, not {}", ToString(DigestOf(content)), ToString(digest)));
  }
  return content;
}

}  // namespace

grpc::Status CasService::FindMissingBlobs(grpc::ServerContext* context,
                                          const reapi::FindMissingBlobsRequest* request,
                                          reapi::FindMissingBlobsResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ANY); !status.ok()) return ToGrpc(status);
  if (auto status = CheckFunction(request->digest_function()); !status.ok()) return ToGrpc(status);
  std::vector<Digest> digests;
  digests.reserve(static_cast<size_t>(request->blob_digests_size()));
  for (const reapi::Digest& digest : request->blob_digests()) {
    digests.push_back(FromProto(digest));
    if (auto status = rpc::CheckDigest(digests.back()); !status.ok()) return ToGrpc(status);
  }
  const auto missing = blobs_.FindMissing(digests);
  if (!missing.ok()) return ToGrpc(missing.status());
  for (const Digest& digest : *missing) ToProto(digest, response->add_missing_blob_digests());
  return grpc::Status::OK;
}

grpc::Status CasService::BatchUpdateBlobs(grpc::ServerContext* context,
                                          const reapi::BatchUpdateBlobsRequest* request,
                                          reapi::BatchUpdateBlobsResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_CONTENT);
  if (!roles.ok()) return ToGrpc(roles.status());
  if (auto status = CheckFunction(request->digest_function()); !status.ok()) return ToGrpc(status);
  auto status = CheckBatch(request->requests(), [](const auto& blob) {
    // Also what compressed data unfolds to.
    return std::max(static_cast<int64_t>(blob.data().size()), blob.digest().size_bytes());
  });
  if (!status.ok()) return ToGrpc(status);
  std::vector<std::pair<Digest, std::string>> good;
  std::vector<int> places;
  for (const auto& blob : request->requests()) {
    auto* answer = response->add_responses();
    *answer->mutable_digest() = blob.digest();
    auto content = ContentOf(blob);
    rpc::StatusToProto(content.status(), answer->mutable_status());
    if (!content.ok()) continue;
    good.emplace_back(FromProto(blob.digest()), *std::move(content));
    places.push_back(response->responses_size() - 1);
  }
  // One group for the disk: the blobs of a batch share their syncs.
  const absl::Status stored = (roles->worker ? blobs_ : of_clients_).Put(good);
  for (int place : places) rpc::StatusToProto(stored, response->mutable_responses(place)->mutable_status());
  return grpc::Status::OK;
}

grpc::Status CasService::BatchReadBlobs(grpc::ServerContext* context,
                                        const reapi::BatchReadBlobsRequest* request,
                                        reapi::BatchReadBlobsResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ANY); !status.ok()) return ToGrpc(status);
  if (auto status = CheckFunction(request->digest_function()); !status.ok()) return ToGrpc(status);
  auto status = CheckBatch(request->digests(), [](const auto& digest) { return digest.size_bytes(); });
  if (!status.ok()) return ToGrpc(status);
  for (const reapi::Digest& wanted : request->digests()) {
    auto* answer = response->add_responses();
    *answer->mutable_digest() = wanted;
    const Digest digest = FromProto(wanted);
    absl::Status checked = rpc::CheckDigest(digest);
    if (checked.ok()) {
      auto content = blobs_.Get(digest);
      checked = content.status();
      if (content.ok()) answer->set_data(*std::move(content));
    }
    rpc::StatusToProto(checked, answer->mutable_status());
  }
  return grpc::Status::OK;
}

grpc::Status CasService::GetTree(grpc::ServerContext* context, const reapi::GetTreeRequest* request,
                                 grpc::ServerWriter<reapi::GetTreeResponse>* writer) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ANY); !status.ok()) return ToGrpc(status);
  if (auto status = CheckFunction(request->digest_function()); !status.ok()) return ToGrpc(status);
  if (!request->page_token().empty()) return ToGrpc(absl::InvalidArgumentError("unknown page token"));
  const Digest root = FromProto(request->root_digest());
  if (auto status = rpc::CheckDigest(root); !status.ok()) return ToGrpc(status);
  std::deque<Digest> queue = {root};
  absl::flat_hash_set<Digest> seen = {root};
  reapi::GetTreeResponse response;
  size_t bytes = 0;
  while (!queue.empty()) {
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    const Digest digest = std::move(queue.front());
    queue.pop_front();
    auto content = blobs_.Get(digest);
    if (absl::IsNotFound(content.status()) && digest != root) continue;
    if (!content.ok()) return ToGrpc(content.status());
    reapi::Directory directory;
    if (!directory.ParseFromString(*content)) {
      return ToGrpc(absl::InvalidArgumentError(fmt::format("blob {} is not a Directory", ToString(digest))));
    }
    for (const auto& child : directory.directories()) {
      Digest below = FromProto(child.digest());
      if (seen.insert(below).second) queue.push_back(std::move(below));
    }
    bytes += content->size();
    *response.add_directories() = std::move(directory);
    if (bytes >= kTreePiece) {
      if (!writer->Write(response)) return grpc::Status::CANCELLED;
      response.Clear();
      bytes = 0;
    }
  }
  if (response.directories_size() > 0) writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status CapabilitiesService::GetCapabilities(grpc::ServerContext* context,
                                                  const reapi::GetCapabilitiesRequest*,
                                                  reapi::ServerCapabilities* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ANY); !status.ok()) return ToGrpc(status);
  auto* cache = response->mutable_cache_capabilities();
  cache->add_digest_functions(reapi::DigestFunction::SHA256);
  cache->mutable_action_cache_update_capabilities()->set_update_enabled(false);
  cache->set_max_batch_total_size_bytes(kMaxBatchBytes);
  cache->set_symlink_absolute_path_strategy(reapi::SymlinkAbsolutePathStrategy::ALLOWED);
  cache->add_supported_compressors(reapi::Compressor::ZSTD);
  cache->add_supported_batch_update_compressors(reapi::Compressor::ZSTD);
  response->mutable_deprecated_api_version()->set_major(2);
  response->mutable_low_api_version()->set_major(2);
  response->mutable_high_api_version()->set_major(2);
  response->mutable_high_api_version()->set_minor(3);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
