#include "common/rpc/remote_blob_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "build/bazel/remote/execution/v2/remote_execution_services.grpc.pb.h"
#include "common/base/mutex.h"
#include "common/base/room/peer_room.h"
#include "common/base/status.h"
#include "common/rpc/blob_stream.h"
#include "common/rpc/status_proto.h"
#include "common/rpc/upload_buffer.h"

namespace crossmill::rpc {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// About 75 bytes each on the wire.
constexpr size_t kDigestsPerCall = 20'000;
// What a server gets that advertises no limit, and the most any server gets, in bytes.
constexpr int64_t kDefaultBatch = (4 << 20) - (128 << 10);
constexpr int64_t kLargestBatch = 32 << 20;
// Digest, field headers and status around a blob; whether they count is unsettled in the API.
constexpr int64_t kBlobOverhead = 160;
// Up to here one call that returns everything beats a stream.
constexpr int64_t kSmallRead = 1 << 20;
constexpr absl::Duration kCallLimit = absl::Minutes(2);

class MemoryReader final : public BlobReader {
 public:
  MemoryReader(std::string content, size_t offset) : content_(std::move(content)), offset_(offset) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t count = content_.copy(buffer, size, offset_);
    offset_ += count;
    return count;
  }

 private:
  const std::string content_;
  size_t offset_;
};

class RemoteBlobStore final : public BlobStore {
 public:
  RemoteBlobStore(std::shared_ptr<grpc::Channel> channel, const RemoteBlobOptions& options)
      : options_(options),
        cas_(reapi::ContentAddressableStorage::NewStub(channel)),
        capabilities_(reapi::Capabilities::NewStub(channel)),
        bytes_(google::bytestream::ByteStream::NewStub(channel)) {}

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;
  absl::StatusOr<std::string> Get(const Digest& digest) override;
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override;
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override;

 private:
  class Writer;

  // Calls `method` until it succeeds, fails for good, or the attempts are used up.
  template <typename Request, typename Response, typename Stub>
  absl::Status Call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    Backoff backoff(options_.retry);
    while (true) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + kCallLimit));
      response->Clear();
      const absl::Status status = OfPeer(FromGrpc((stub.*method)(&context, request, response)));
      if (status.ok()) backoff.Reset();
      if (!IsTransient(status) || !backoff.Wait(status)) return status;
    }
  }

  // Bytes of blobs, overhead included, that may travel in one batch call.
  absl::StatusOr<int64_t> BatchLimit();
  // Blobs that fit in one call, none of them empty, in any order.
  absl::Status FetchBatch(absl::Span<const Digest> digests,
                          absl::flat_hash_map<Digest, std::string>* contents);
  absl::Status SendBatch(const reapi::BatchUpdateBlobsRequest& request);
  absl::Status Upload(const Digest& digest, const UploadBuffer& buffer) {
    return UploadBlob(*bytes_, digest, buffer, options_.retry, options_.compress);
  }

  const RemoteBlobOptions options_;
  const std::unique_ptr<reapi::ContentAddressableStorage::StubInterface> cas_;
  const std::unique_ptr<reapi::Capabilities::StubInterface> capabilities_;
  const std::unique_ptr<google::bytestream::ByteStream::StubInterface> bytes_;
  Mutex mutex_;
  // 0: not asked yet.
  int64_t batch_limit_ ABSL_GUARDED_BY(mutex_) = 0;
};

class RemoteBlobStore::Writer final : public BlobWriter {
 public:
  Writer(RemoteBlobStore& store, Digest expected)
      : store_(store),
        expected_(std::move(expected)),
        buffer_(store.options_.buffer_folder, store.options_.memory_buffer) {}

  absl::Status Write(std::string_view bytes) override {
    hash_.Update(bytes);
    return buffer_.Append(bytes);
  }

  absl::StatusOr<Digest> Commit() override {
    Digest digest = hash_.Finish();
    if (!expected_.empty() && digest != expected_) {
      return absl::InvalidArgumentError(
          fmt::format("blob has digest {}, not {}", ToString(digest), ToString(expected_)));
    }
    if (buffer_.in_memory()) {
      ASSIGN_OR_RETURN(std::string bytes, buffer_.TakeMemory());
      const std::pair<Digest, std::string> blob(digest, std::move(bytes));
      RETURN_IF_ERROR(store_.Put(absl::MakeConstSpan(&blob, 1)));
    } else {
      RETURN_IF_ERROR(store_.Upload(digest, buffer_));
    }
    return digest;
  }

 private:
  RemoteBlobStore& store_;
  const Digest expected_;
  Sha256 hash_;
  UploadBuffer buffer_;
};

absl::StatusOr<int64_t> RemoteBlobStore::BatchLimit() {
  {
    MutexLock lock(mutex_);
    if (batch_limit_ != 0) return batch_limit_;
  }
  // Asked without the lock; several threads asking at once get the same answer.
  reapi::ServerCapabilities answer;
  const absl::Status status = Call<reapi::GetCapabilitiesRequest, reapi::ServerCapabilities>(
      *capabilities_, &reapi::Capabilities::StubInterface::GetCapabilities, {}, &answer);
  if (!status.ok() && !absl::IsUnimplemented(status))
    return Annotate(status, "asking for the blob store's limits");
  const int64_t said = answer.cache_capabilities().max_batch_total_size_bytes();
  MutexLock lock(mutex_);
  batch_limit_ = said <= 0 ? kDefaultBatch : std::min(said, kLargestBatch);
  return batch_limit_;
}

absl::StatusOr<std::vector<Digest>> RemoteBlobStore::FindMissing(absl::Span<const Digest> digests) {
  std::vector<Digest> asked;
  absl::flat_hash_set<Digest> seen;
  for (const Digest& digest : digests) {
    if (digest.size != 0 && seen.insert(digest).second) asked.push_back(digest);
  }
  absl::flat_hash_set<Digest> missing;
  for (size_t begin = 0; begin < asked.size(); begin += kDigestsPerCall) {
    reapi::FindMissingBlobsRequest request;
    const size_t end = std::min(asked.size(), begin + kDigestsPerCall);
    for (size_t i = begin; i < end; ++i) ToProto(asked[i], request.add_blob_digests());
    reapi::FindMissingBlobsResponse response;
    RETURN_IF_ERROR(
        Call(*cas_, &reapi::ContentAddressableStorage::StubInterface::FindMissingBlobs, request, &response));
    for (const reapi::Digest& digest : response.missing_blob_digests()) missing.insert(FromProto(digest));
  }
  std::erase_if(asked, [&](const Digest& digest) { return !missing.contains(digest); });
  return asked;
}

absl::StatusOr<std::string> RemoteBlobStore::Get(const Digest& digest) {
  if (digest.size == 0) return std::string();
  ASSIGN_OR_RETURN(const int64_t limit, BatchLimit());
  if (digest.size + kBlobOverhead > limit) return BlobStore::Get(digest);
  absl::flat_hash_map<Digest, std::string> content;
  RETURN_IF_ERROR(FetchBatch(absl::MakeConstSpan(&digest, 1), &content));
  return std::move(content.begin()->second);
}

absl::StatusOr<std::vector<std::string>> RemoteBlobStore::GetAll(absl::Span<const Digest> digests) {
  ASSIGN_OR_RETURN(const int64_t limit, BatchLimit());
  absl::flat_hash_map<Digest, std::string> found;
  std::vector<Digest> batch;
  int64_t batch_bytes = 0;
  for (const Digest& digest : digests) {
    if (digest.size == 0 || found.contains(digest)) continue;
    const int64_t cost = digest.size + kBlobOverhead;
    if (cost > limit) {
      ASSIGN_OR_RETURN(found[digest], BlobStore::Get(digest));
      continue;
    }
    if (batch_bytes + cost > limit) {
      RETURN_IF_ERROR(FetchBatch(batch, &found));
      batch.clear();
      batch_bytes = 0;
    }
    found[digest];  // Taken: each is asked for once.
    batch.push_back(digest);
    batch_bytes += cost;
  }
  if (!batch.empty()) RETURN_IF_ERROR(FetchBatch(batch, &found));
  std::vector<std::string> contents;
  contents.reserve(digests.size());
  for (const Digest& digest : digests) {
    contents.push_back(digest.size == 0 ? std::string() : found.at(digest));
  }
  return contents;
}

absl::Status RemoteBlobStore::FetchBatch(absl::Span<const Digest> digests,
                                         absl::flat_hash_map<Digest, std::string>* contents) {
  reapi::BatchReadBlobsRequest request;
  absl::flat_hash_set<Digest> wanted(digests.begin(), digests.end());
  for (const Digest& digest : wanted) ToProto(digest, request.add_digests());
  reapi::BatchReadBlobsResponse response;
  RETURN_IF_ERROR(
      Call(*cas_, &reapi::ContentAddressableStorage::StubInterface::BatchReadBlobs, request, &response));
  for (auto& blob : *response.mutable_responses()) {
    const Digest digest = FromProto(blob.digest());
    const absl::Status status = StatusFromProto(blob.status());
    if (!status.ok()) return Annotate(status, fmt::format("reading blob {}", ToString(digest)));
    if (DigestOf(blob.data()) != digest) {
      return absl::DataLossError(fmt::format("blob {} does not have its digest", ToString(digest)));
    }
    if (wanted.erase(digest) == 0) {
      return absl::InternalError(
          fmt::format("the server sent blob {}, for which nobody asked", ToString(digest)));
    }
    (*contents)[digest] = std::move(*blob.mutable_data());
  }
  if (!wanted.empty()) {
    return absl::InternalError(
        fmt::format("the server did not answer for {} of {} blobs", wanted.size(), digests.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<BlobReader>> RemoteBlobStore::Open(const Digest& digest, int64_t offset) {
  if (offset < 0 || offset > digest.size) {
    return absl::OutOfRangeError(fmt::format("offset {} in blob {}", offset, ToString(digest)));
  }
  if (digest.size <= kSmallRead) {
    ASSIGN_OR_RETURN(std::string content, Get(digest));
    return std::make_unique<MemoryReader>(std::move(content), static_cast<size_t>(offset));
  }
  return DownloadBlob(*bytes_, digest, offset, options_.retry, options_.compress);
}

absl::StatusOr<std::unique_ptr<BlobWriter>> RemoteBlobStore::Create(const Digest& expected) {
  return std::make_unique<Writer>(*this, expected);
}

absl::Status RemoteBlobStore::SendBatch(const reapi::BatchUpdateBlobsRequest& request) {
  if (request.requests().empty()) return absl::OkStatus();
  reapi::BatchUpdateBlobsResponse response;
  RETURN_IF_ERROR(
      Call(*cas_, &reapi::ContentAddressableStorage::StubInterface::BatchUpdateBlobs, request, &response));
  absl::flat_hash_set<Digest> stored;
  for (const auto& blob : response.responses()) {
    const absl::Status status = OfPeer(StatusFromProto(blob.status()));
    if (!status.ok())
      return Annotate(status, fmt::format("writing blob {}", ToString(FromProto(blob.digest()))));
    stored.insert(FromProto(blob.digest()));
  }
  for (const auto& blob : request.requests()) {
    if (stored.contains(FromProto(blob.digest()))) continue;
    return absl::InternalError(
        fmt::format("the server did not say whether it stored blob {}", ToString(FromProto(blob.digest()))));
  }
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Put(absl::Span<const std::pair<Digest, std::string>> blobs) {
  ASSIGN_OR_RETURN(const int64_t limit, BatchLimit());
  reapi::BatchUpdateBlobsRequest batch;
  int64_t batch_bytes = 0;
  absl::flat_hash_set<Digest> seen;
  for (const auto& [digest, bytes] : blobs) {
    if (DigestOf(bytes) != digest) {
      return absl::InvalidArgumentError(fmt::format("blob does not have the digest {}", ToString(digest)));
    }
    if (bytes.empty() || !seen.insert(digest).second) continue;
    const int64_t cost = digest.size + kBlobOverhead;
    if (cost > limit) {
      UploadBuffer buffer("", bytes.size());
      RETURN_IF_ERROR(buffer.Append(bytes));
      RETURN_IF_ERROR(Upload(digest, buffer));
      continue;
    }
    if (batch_bytes + cost > limit) {
      RETURN_IF_ERROR(SendBatch(batch));
      batch.Clear();
      batch_bytes = 0;
    }
    auto* request = batch.add_requests();
    ToProto(digest, request->mutable_digest());
    request->set_data(bytes);
    batch_bytes += cost;
  }
  return SendBatch(batch);
}

}  // namespace

std::unique_ptr<BlobStore> MakeRemoteBlobStore(std::shared_ptr<grpc::Channel> channel,
                                               const RemoteBlobOptions& options) {
  return std::make_unique<RemoteBlobStore>(std::move(channel), options);
}

std::unique_ptr<BlobStore> MakeRemoteBlobStore(std::shared_ptr<grpc::Channel> channel,
                                               std::string buffer_folder) {
  RemoteBlobOptions options;
  options.buffer_folder = std::move(buffer_folder);
  return MakeRemoteBlobStore(std::move(channel), options);
}

}  // namespace crossmill::rpc
