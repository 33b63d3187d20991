#include "common/rpc/blob_stream.h"

#include <optional>
#include <string>
#include <utility>

#include "common/base/room/peer_room.h"
#include "common/base/status.h"
#include "common/rpc/resource_names.h"
#include "common/rpc/status_proto.h"
#include "common/rpc/zstd_stream.h"

namespace crossmill::rpc {
namespace {

using google::bytestream::ByteStream;

// Larger pieces gain nothing; smaller ones cost a wake-up each.
constexpr size_t kPiece = 512 << 10;
constexpr size_t kSample = 256 << 10;
constexpr absl::Duration kQueryLimit = absl::Seconds(30);

class StreamReader final : public BlobReader {
 public:
  StreamReader(ByteStream::StubInterface& stub, Digest digest, int64_t offset, const RetryPolicy& policy,
               bool compress)
      : stub_(stub), digest_(std::move(digest)), compress_(compress), received_(offset), backoff_(policy) {
    if (offset == 0) hash_.emplace();
  }

  ~StreamReader() override {
    if (stream_ == nullptr) return;
    context_->TryCancel();
    stream_->Finish();
  }

  // Fetches the first piece.
  absl::Status Begin() { return Fetch(); }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (used_ == piece_.size() && !ended_) RETURN_IF_ERROR(Fetch());
    const size_t count = piece_.copy(buffer, size, used_);
    used_ += count;
    return count;
  }

 private:
  // Leaves the next piece in piece_, or sets ended_.
  absl::Status Fetch() {
    piece_ = {};
    used_ = 0;
    while (true) {
      if (stream_ == nullptr) Start();
      ASSIGN_OR_RETURN(const bool more, NextPiece());
      if (more && piece_.empty()) continue;
      if (more) return Account();
      const absl::Status status = FromGrpc(stream_->Finish());
      stream_.reset();
      // Nothing is missing: how the stream ended does not matter any more.
      if (received_ == digest_.size && (status.ok() || IsTransient(status))) return CheckEnd();
      if (status.ok()) return Lost(fmt::format("ended after {} bytes", received_));
      if (!IsTransient(status) || !backoff_.Wait(status)) {
        return Annotate(status, fmt::format("reading blob {}", ToString(digest_)));
      }
    }
  }

  // False: the stream has ended. The piece may be empty.
  absl::StatusOr<bool> NextPiece() {
    if (unzip_.has_value()) {
      auto unzipped = unzip_->Next();
      if (!unzipped.ok()) return Lost(fmt::format("cannot be read: {}", Sv(unzipped.status().message())));
      piece_ = *unzipped;
      if (!piece_.empty()) return true;
    }
    if (!stream_->Read(&message_)) return false;
    backoff_.Reset();
    if (unzip_.has_value()) {
      unzip_->SetInput(message_.data());
    } else {
      piece_ = message_.data();
    }
    return true;
  }

  void Start() {
    context_ = std::make_unique<grpc::ClientContext>();
    google::bytestream::ReadRequest request;
    request.set_resource_name(ReadName(digest_, compress_));
    // Of the blob itself, compressed or not.
    request.set_read_offset(received_);
    if (compress_) unzip_.emplace(digest_.size - received_);
    stream_ = stub_.Read(context_.get(), request);
  }

  absl::Status Account() {
    received_ += static_cast<int64_t>(piece_.size());
    if (received_ > digest_.size) return Lost("is longer than its digest says");
    if (hash_.has_value()) hash_->Update(piece_);
    return absl::OkStatus();
  }

  absl::Status CheckEnd() {
    ended_ = true;
    if (hash_.has_value() && hash_->Finish() != digest_) return Lost("does not have its digest");
    return absl::OkStatus();
  }

  absl::Status Lost(absl::string_view what) const {
    return absl::DataLossError(fmt::format("blob {} {}", ToString(digest_), Sv(what)));
  }

  ByteStream::StubInterface& stub_;
  const Digest digest_;
  const bool compress_;
  // Offset of the next byte wanted from the server.
  int64_t received_;
  Backoff backoff_;
  std::optional<Sha256> hash_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderInterface<google::bytestream::ReadResponse>> stream_;
  google::bytestream::ReadResponse message_;
  // Of the stream that there is, if compressed.
  std::optional<ZstdDecompressor> unzip_;
  // In message_ or unzip_.
  std::string_view piece_;
  size_t used_ = 0;
  bool ended_ = false;
};

// One Write call.
class Upload {
 public:
  Upload(ByteStream::StubInterface& stub, const std::string& name, int64_t offset) : offset_(offset) {
    stream_ = stub.Write(&context_, &response_);
    request_.set_resource_name(name);
  }
  // Of the next message: filled by the caller, then sent.
  std::string& data() { return *request_.mutable_data(); }
  // False: the server ended the call, because it has the blob or because of an error.
  bool Send(bool last) {
    request_.set_write_offset(offset_);
    request_.set_finish_write(last);
    offset_ += static_cast<int64_t>(request_.data().size());
    const bool sent = stream_->Write(request_);
    request_.clear_resource_name();
    return sent;
  }
  // What the server says it has.
  absl::StatusOr<int64_t> Finish() {
    stream_->WritesDone();
    const grpc::Status status = stream_->Finish();
    if (!status.ok()) return OfPeer(FromGrpc(status));
    return response_.committed_size();
  }
  absl::Status Cancel(const absl::Status& reason) {
    context_.TryCancel();
    stream_->Finish();
    return reason;
  }

 private:
  grpc::ClientContext context_;
  google::bytestream::WriteResponse response_;
  std::unique_ptr<grpc::ClientWriterInterface<google::bytestream::WriteRequest>> stream_;
  google::bytestream::WriteRequest request_;
  int64_t offset_;
};

// One stream from `offset` on. Returns what the server says it has.
absl::StatusOr<int64_t> SendFrom(ByteStream::StubInterface& stub, const std::string& name,
                                 const UploadBuffer& buffer, int64_t offset) {
  Upload upload(stub, name, offset);
  while (true) {
    upload.data().resize(kPiece);
    auto count = buffer.ReadAt(offset, upload.data().data(), kPiece);
    if (!count.ok()) return upload.Cancel(count.status());
    upload.data().resize(*count);
    offset += static_cast<int64_t>(*count);
    const bool last = offset == buffer.size();
    if (!upload.Send(last) || last) return upload.Finish();
  }
}

// The whole buffer as zstd. OK: the server has the blob.
absl::Status SendCompressed(ByteStream::StubInterface& stub, const Digest& digest,
                            const UploadBuffer& buffer) {
  Upload upload(stub, NewWriteName(digest, true), 0);
  bool ended = false;
  ZstdCompressor compressor([&](std::string_view bytes) {
    upload.data().append(bytes);
    if (ended || upload.data().size() < kPiece) return absl::OkStatus();
    ended = !upload.Send(false);
    upload.data().clear();
    return absl::OkStatus();
  });
  std::string piece(kPiece, '\0');
  for (int64_t offset = 0; offset < buffer.size() && !ended;) {
    auto count = buffer.ReadAt(offset, piece.data(), piece.size());
    if (!count.ok()) return upload.Cancel(count.status());
    const absl::Status written = compressor.Write(std::string_view(piece.data(), *count));
    if (!written.ok()) return upload.Cancel(written);
    offset += static_cast<int64_t>(*count);
  }
  if (!ended) {
    const absl::Status finished = compressor.Finish();
    if (!finished.ok()) return upload.Cancel(finished);
  }
  if (!ended) upload.Send(true);
  return upload.Finish().status();
}

// A piece of its middle tells: the beginning of a layer is headers.
absl::StatusOr<bool> IsWorthCompressing(const UploadBuffer& buffer) {
  std::string sample(kSample, '\0');
  ASSIGN_OR_RETURN(const size_t count, buffer.ReadAt(buffer.size() / 2, sample.data(), sample.size()));
  return Shrinks(std::string_view(sample.data(), count));
}

// How far a broken upload got. 0 when the server does not know it (any more).
int64_t Committed(ByteStream::StubInterface& stub, const std::string& name, int64_t size) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kQueryLimit));
  google::bytestream::QueryWriteStatusRequest request;
  google::bytestream::QueryWriteStatusResponse response;
  request.set_resource_name(name);
  if (!stub.QueryWriteStatus(&context, request, &response).ok()) return 0;
  if (response.complete()) return size;
  const int64_t committed = response.committed_size();
  return committed < 0 || committed > size ? 0 : committed;
}

}  // namespace

absl::Status UploadBlob(ByteStream::StubInterface& stub, const Digest& digest, const UploadBuffer& buffer,
                        const RetryPolicy& policy, bool compress) {
  if (compress) {
    ASSIGN_OR_RETURN(const bool worth, IsWorthCompressing(buffer));
    if (worth) {
      const absl::Status sent = SendCompressed(stub, digest, buffer);
      if (!IsTransient(sent)) return Annotate(sent, fmt::format("writing blob {}", ToString(digest)));
    }
  }
  const std::string name = NewWriteName(digest);
  Backoff backoff(policy);
  int64_t offset = 0;
  while (true) {
    auto committed = SendFrom(stub, name, buffer, offset);
    if (committed.ok() && *committed == digest.size) return absl::OkStatus();
    absl::Status status =
        committed.ok()
            ? absl::UnavailableError(fmt::format("the server kept {} of {} bytes", *committed, digest.size))
            : committed.status();
    // OUT_OF_RANGE: the server's offset is another one (it lost the upload); ask and go on from there.
    if (!IsTransient(status) && !absl::IsOutOfRange(status)) {
      return Annotate(status, fmt::format("writing blob {}", ToString(digest)));
    }
    if (!backoff.Wait(status)) return Annotate(status, fmt::format("writing blob {}", ToString(digest)));
    const int64_t reached = Committed(stub, name, digest.size);
    if (reached == digest.size) return absl::OkStatus();
    if (reached > offset) backoff.Reset();
    offset = reached;
  }
}

absl::StatusOr<std::unique_ptr<BlobReader>> DownloadBlob(ByteStream::StubInterface& stub,
                                                         const Digest& digest, int64_t offset,
                                                         const RetryPolicy& policy, bool compress) {
  auto reader = std::make_unique<StreamReader>(stub, digest, offset, policy, compress);
  RETURN_IF_ERROR(reader->Begin());
  return reader;
}

}  // namespace crossmill::rpc
