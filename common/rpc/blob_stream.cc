#include "common/rpc/blob_stream.h"

#include <optional>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/blob_names.h"
#include "common/rpc/status_proto.h"

namespace crossmill::rpc {
namespace {

using google::bytestream::ByteStream;

// Larger pieces gain nothing; smaller ones cost a wake-up each.
constexpr size_t kDownloadPiece = 512 << 10;
constexpr absl::Duration kQueryLimit = absl::Seconds(30);

class StreamReader final : public BlobReader {
 public:
  StreamReader(ByteStream::StubInterface& stub, Digest digest, int64_t offset, const RetryPolicy& policy)
      : stub_(stub), digest_(std::move(digest)), received_(offset), backoff_(policy) {
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
    if (used_ == piece_.data().size() && !ended_) RETURN_IF_ERROR(Fetch());
    const size_t count = piece_.data().copy(buffer, size, used_);
    used_ += count;
    return count;
  }

 private:
  // Leaves the next piece in piece_, or sets ended_.
  absl::Status Fetch() {
    while (true) {
      if (stream_ == nullptr) Start();
      if (stream_->Read(&piece_)) {
        used_ = 0;
        if (piece_.data().empty()) continue;
        backoff_.Reset();
        return Account();
      }
      piece_.clear_data();
      used_ = 0;
      const absl::Status status = FromGrpc(stream_->Finish());
      stream_.reset();
      // Nothing is missing: how the stream ended does not matter any more.
      if (received_ == digest_.size && (status.ok() || IsTransient(status))) return CheckEnd();
      if (status.ok()) return Lost(fmt::format("ended after {} bytes", received_));
      if (!IsTransient(status) || !backoff_.Wait()) {
        return Annotate(status, fmt::format("reading blob {}", ToString(digest_)));
      }
    }
  }

  void Start() {
    context_ = std::make_unique<grpc::ClientContext>();
    google::bytestream::ReadRequest request;
    request.set_resource_name(ReadName(digest_));
    request.set_read_offset(received_);
    stream_ = stub_.Read(context_.get(), request);
  }

  absl::Status Account() {
    received_ += static_cast<int64_t>(piece_.data().size());
    if (received_ > digest_.size) return Lost("is longer than its digest says");
    if (hash_.has_value()) hash_->Update(piece_.data());
    return absl::OkStatus();
  }

  absl::Status CheckEnd() {
    ended_ = true;
    if (hash_.has_value() && hash_->Finish() != digest_) return Lost("does not have its digest");
    return absl::OkStatus();
  }

  absl::Status Lost(std::string_view what) const {
    return absl::DataLossError(fmt::format("blob {} {}", ToString(digest_), what));
  }

  ByteStream::StubInterface& stub_;
  const Digest digest_;
  // Offset of the next byte wanted from the server.
  int64_t received_;
  Backoff backoff_;
  std::optional<Sha256> hash_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderInterface<google::bytestream::ReadResponse>> stream_;
  google::bytestream::ReadResponse piece_;
  size_t used_ = 0;
  bool ended_ = false;
};

// One stream from `offset` on. Returns what the server says it has.
absl::StatusOr<int64_t> SendFrom(ByteStream::StubInterface& stub, const std::string& name,
                                 const UploadBuffer& buffer, int64_t offset) {
  grpc::ClientContext context;
  google::bytestream::WriteResponse response;
  auto stream = stub.Write(&context, &response);
  google::bytestream::WriteRequest request;
  request.set_resource_name(name);
  bool last = false;
  while (!last) {
    std::string* data = request.mutable_data();
    data->resize(kDownloadPiece);
    auto count = buffer.ReadAt(offset, data->data(), data->size());
    if (!count.ok()) {
      context.TryCancel();
      stream->Finish();
      return count.status();
    }
    data->resize(*count);
    request.set_write_offset(offset);
    offset += static_cast<int64_t>(*count);
    last = offset == buffer.size();
    request.set_finish_write(last);
    // False: the server ended the call, because it has the blob or because of an error.
    if (!stream->Write(request)) break;
    request.clear_resource_name();
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromGrpc(status);
  return response.committed_size();
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
                        const RetryPolicy& policy) {
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
    if (!backoff.Wait()) return Annotate(status, fmt::format("writing blob {}", ToString(digest)));
    const int64_t reached = Committed(stub, name, digest.size);
    if (reached == digest.size) return absl::OkStatus();
    if (reached > offset) backoff.Reset();
    offset = reached;
  }
}

absl::StatusOr<std::unique_ptr<BlobReader>> DownloadBlob(ByteStream::StubInterface& stub,
                                                         const Digest& digest, int64_t offset,
                                                         const RetryPolicy& policy) {
  auto reader = std::make_unique<StreamReader>(stub, digest, offset, policy);
  RETURN_IF_ERROR(reader->Begin());
  return reader;
}

}  // namespace crossmill::rpc
