#include "common/rpc/local_blob_store.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/rpc/local_connections.h"

namespace crossmill::rpc {
namespace {

// Up to here bytes travel in the calls of the remote store, several blobs in one.
constexpr size_t kSmallBlob = 256 << 10;
// Bytes of one message; the rest of the packet is for its framing.
constexpr size_t kPacketBytes = kMostPacketBytes - 1024;

bool IsBroken(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

// The coordinator notices and says what is wrong with a blob that is read through it to its end.
absl::Status ReadToItsEnd(BlobStore& remote, const Digest& digest) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, remote.Open(digest, 0));
  std::string buffer(kSmallBlob, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer.data(), buffer.size()));
    if (count == 0) break;
  }
  return absl::DataLossError(fmt::format("blob {} does not have its digest on disk", ToString(digest)));
}

class LocalBlobStore final : public BlobStore {
 public:
  LocalBlobStore(const std::shared_ptr<grpc::Channel>& channel, const RemoteBlobOptions& options)
      : connections_(channel), remote_(MakeRemoteBlobStore(channel, options)) {}

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    return remote_->FindMissing(digests);
  }
  absl::StatusOr<std::string> Get(const Digest& digest) override {
    return digest.size <= static_cast<int64_t>(kSmallBlob) ? remote_->Get(digest) : BlobStore::Get(digest);
  }
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override {
    return remote_->Put(blobs);
  }
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override {
    return remote_->GetAll(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;

 private:
  class Writer;

  // The blob's file; invalid where it has to be read the other way.
  UniqueFd OpenFileOf(const Digest& digest);

  LocalConnections connections_;
  const std::unique_ptr<BlobStore> remote_;
};

UniqueFd LocalBlobStore::OpenFileOf(const Digest& digest) {
  std::unique_ptr<LocalConnection> connection = connections_.Take();
  if (connection == nullptr) return {};
  v1::LocalRequest request;
  ToProto(digest, request.mutable_open());
  UniqueFd file;
  absl::Status status = connection->Send(request);
  if (status.ok()) status = connection->Receive(&file).status();
  if (IsBroken(status)) {
    connections_.Broke();
  } else {
    connections_.Return(std::move(connection));
  }
  return file;
}

absl::StatusOr<std::unique_ptr<BlobReader>> LocalBlobStore::Open(const Digest& digest, int64_t offset) {
  if (offset >= 0 && offset <= digest.size && digest.size > static_cast<int64_t>(kSmallBlob)) {
    if (UniqueFd file = OpenFileOf(digest); file.valid()) {
      return MakeFileBlobReader(digest, std::move(file), offset,
                                [this, digest](int) { return ReadToItsEnd(*remote_, digest); });
    }
  }
  // What went wrong at the door goes wrong there too, with the right words.
  return remote_->Open(digest, offset);
}

// Keeps a small blob until its end and sends it with one call. A larger one goes through the door as it
// comes; where there is none, to a writer of the remote store.
class LocalBlobStore::Writer final : public BlobWriter {
 public:
  Writer(LocalBlobStore& store, Digest expected) : store_(store), expected_(std::move(expected)) {}

  absl::Status Write(std::string_view bytes) override {
    if (remote_ != nullptr) return remote_->Write(bytes);
    if (connection_ == nullptr && memory_.size() + bytes.size() > kSmallBlob) RETURN_IF_ERROR(Decide());
    if (remote_ != nullptr) return remote_->Write(bytes);
    if (connection_ == nullptr) {
      memory_.append(bytes);
      return absl::OkStatus();
    }
    return SendBytes(bytes);
  }

  absl::Status WriteFile(int fd, int64_t offset, int64_t size) override {
    if (size <= static_cast<int64_t>(kPacketBytes)) return BlobWriter::WriteFile(fd, offset, size);
    RETURN_IF_ERROR(Decide());
    if (remote_ != nullptr) return remote_->WriteFile(fd, offset, size);
    RETURN_IF_ERROR(Flush());
    v1::LocalRequest request;
    request.mutable_file_part()->set_offset(offset);
    request.mutable_file_part()->set_size(size);
    return Send(request, fd);
  }

  absl::Status WriteBlob(const Digest& blob) override {
    RETURN_IF_ERROR(Decide());
    if (remote_ != nullptr) return remote_->WriteBlob(blob);
    RETURN_IF_ERROR(Flush());
    v1::LocalRequest request;
    ToProto(blob, request.mutable_blob());
    RETURN_IF_ERROR(Send(request));
    return Receive().status();
  }

  absl::StatusOr<Digest> Commit() override {
    if (remote_ != nullptr) return remote_->Commit();
    if (connection_ == nullptr) return CommitSmall();
    RETURN_IF_ERROR(Flush());
    v1::LocalRequest request;
    request.set_commit(true);
    RETURN_IF_ERROR(Send(request));
    ASSIGN_OR_RETURN(const v1::LocalResponse response, Receive());
    store_.connections_.Return(std::move(connection_));
    return FromProto(response.digest());
  }

 private:
  absl::StatusOr<Digest> CommitSmall() {
    ASSIGN_OR_RETURN(remote_, store_.remote_->Create(expected_));
    RETURN_IF_ERROR(remote_->Write(memory_));
    return remote_->Commit();
  }

  // Which way the blob goes: once, when it turns out to be large.
  absl::Status Decide() {
    if (connection_ != nullptr || remote_ != nullptr) return absl::OkStatus();
    connection_ = store_.connections_.Take();
    v1::LocalRequest request;
    ToProto(expected_, request.mutable_begin());
    if (connection_ != nullptr && !connection_->Send(request).ok()) {
      // It was idle while the coordinator went away. Nothing is lost yet.
      store_.connections_.Broke();
      connection_ = nullptr;
    }
    const std::string begun = std::exchange(memory_, {});
    if (connection_ != nullptr) return SendBytes(begun);
    ASSIGN_OR_RETURN(remote_, store_.remote_->Create(expected_));
    return remote_->Write(begun);
  }

  // In packets that are full: a layer of many small files is many small pieces.
  absl::Status SendBytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t count = std::min(bytes.size(), kPacketBytes - memory_.size());
      memory_.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      if (memory_.size() == kPacketBytes) RETURN_IF_ERROR(Flush());
    }
    return absl::OkStatus();
  }

  absl::Status Flush() {
    if (memory_.empty()) return absl::OkStatus();
    v1::LocalRequest request;
    request.mutable_data()->swap(memory_);
    memory_.clear();
    return Send(request);
  }

  absl::Status Send(const v1::LocalRequest& request, int file = -1) {
    return Checked(connection_->Send(request, file));
  }

  absl::StatusOr<v1::LocalResponse> Receive() {
    auto response = connection_->Receive();
    if (!response.ok()) return Checked(response.status());
    return response;
  }

  absl::Status Checked(const absl::Status& status) {
    if (!IsBroken(status)) return status;
    store_.connections_.Broke();
    return absl::UnavailableError(status.message());
  }

  LocalBlobStore& store_;
  const Digest expected_;
  // What is not sent yet.
  std::string memory_;
  // At most one of the two: the way that it goes, once that is decided.
  std::unique_ptr<LocalConnection> connection_;
  std::unique_ptr<BlobWriter> remote_;
};

absl::StatusOr<std::unique_ptr<BlobWriter>> LocalBlobStore::Create(const Digest& expected) {
  return std::make_unique<Writer>(*this, expected);
}

}  // namespace

std::unique_ptr<BlobStore> MakeLocalBlobStore(std::shared_ptr<grpc::Channel> channel,
                                              const RemoteBlobOptions& options) {
  return std::make_unique<LocalBlobStore>(channel, options);
}

}  // namespace crossmill::rpc
