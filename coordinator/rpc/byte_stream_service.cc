#include "coordinator/rpc/byte_stream_service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "common/rpc/zstd_stream.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {
namespace {

using google::bytestream::QueryWriteStatusRequest;
using google::bytestream::QueryWriteStatusResponse;
using google::bytestream::ReadRequest;
using google::bytestream::ReadResponse;
using google::bytestream::WriteRequest;
using google::bytestream::WriteResponse;
using rpc::ResourceName;
using rpc::ToGrpc;

constexpr size_t kPiece = 512 << 10;
// How long a resumed upload waits for the broken stream before it to let go.
constexpr absl::Duration kTakeOver = absl::Seconds(5);
// Of one message's bytes: what gRPC itself takes from those who do not ask for more.
constexpr size_t kMostMessage = 4 << 20;
// Between two looks at what has been idle for too long.
constexpr std::chrono::seconds kSweep{1};

absl::Status Gone() { return absl::CancelledError("the client went away"); }

// Feeds `limit` bytes of the reader to the sink.
absl::Status Pump(BlobReader& reader, int64_t limit, const rpc::ByteSink& sink) {
  std::string buffer(static_cast<size_t>(std::clamp<int64_t>(limit, 1, kPiece)), '\0');
  while (limit > 0) {
    const size_t wanted = static_cast<size_t>(std::min<int64_t>(limit, static_cast<int64_t>(buffer.size())));
    ASSIGN_OR_RETURN(const size_t count, reader.Read(buffer.data(), wanted));
    if (count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(sink(std::string_view(buffer.data(), count)));
    limit -= static_cast<int64_t>(count);
  }
  return absl::OkStatus();
}

absl::Status Send(grpc::ServerWriter<ReadResponse>& writer, ReadResponse& message, std::string_view bytes) {
  message.set_data(bytes.data(), bytes.size());
  return writer.Write(message) ? absl::OkStatus() : Gone();
}

absl::Status ReadBlob(BlobStore& blobs, const ReadRequest& request,
                      grpc::ServerWriter<ReadResponse>& writer) {
  ASSIGN_OR_RETURN(const ResourceName name, rpc::ParseReadName(request.resource_name()));
  const int64_t offset = request.read_offset();
  if (offset < 0 || offset > name.digest.size) {
    return absl::OutOfRangeError(fmt::format("offset {} in a blob of {} bytes", offset, name.digest.size));
  }
  if (request.read_limit() < 0) return absl::InvalidArgumentError("the limit is negative");
  if (name.zstd && request.read_limit() != 0) {
    return absl::InvalidArgumentError("compressed blobs cannot be read with a limit");
  }
  ASSIGN_OR_RETURN(auto reader, blobs.Open(name.digest, offset));
  const int64_t left = name.digest.size - offset;
  const int64_t limit = request.read_limit() == 0 ? left : std::min(left, request.read_limit());
  ReadResponse message;
  const rpc::ByteSink send = [&](std::string_view bytes) { return Send(writer, message, bytes); };
  if (!name.zstd) return Pump(*reader, limit, send);
  rpc::ZstdCompressor compressor(send);
  RETURN_IF_ERROR(Pump(*reader, limit, [&](std::string_view bytes) { return compressor.Write(bytes); }));
  return compressor.Finish();
}

// Every later message may repeat the name or leave it out, nothing else.
absl::Status CheckSameName(const WriteRequest& message, const std::string& resource) {
  if (message.resource_name().empty() || message.resource_name() == resource) return absl::OkStatus();
  return absl::InvalidArgumentError("the resource name changed within a stream");
}

}  // namespace

grpc::Status ByteStreamService::Read(grpc::ServerContext* context, const ReadRequest* request,
                                     grpc::ServerWriter<ReadResponse>* writer) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ANY); !status.ok()) return ToGrpc(status);
  return ToGrpc(ReadBlob(blobs_, *request, *writer));
}

struct ByteStreamService::Incoming {
  BlobStore& blobs;
  // Whose it is, and the name of the stream's first message.
  UploadSessions::Key key;
  Reader& reader;
  UploadSessions::Stream& stream;
  // The current one.
  WriteRequest message{};

  // False: there is no further one.
  bool Next() {
    // What a message held is given back before the next is awaited: that may be long.
    delete message.release_data();
    stream.Waits(true);
    const bool read = reader.Read(&message);
    stream.Waits(false);
    return read;
  }
  absl::Status Check() const {
    if (message.data().size() <= kMostMessage) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format(
        "a message of an upload holds {} bytes; expected at most {}", message.data().size(), kMostMessage));
  }
};

absl::StatusOr<bool> ByteStreamService::Receive(const ResourceName& name, Incoming& incoming,
                                                UploadSessions::Upload& upload) {
  const WriteRequest& message = incoming.message;
  while (true) {
    if (message.write_offset() != upload.committed) {
      return absl::OutOfRangeError(fmt::format("write offset {} where {} bytes have arrived",
                                               message.write_offset(), upload.committed));
    }
    const auto size = static_cast<int64_t>(message.data().size());
    if (upload.committed + size > name.digest.size) {
      return absl::InvalidArgumentError(
          fmt::format("more than the {} bytes of the digest", name.digest.size));
    }
    RETURN_IF_ERROR(incoming.Check());
    RETURN_IF_ERROR(upload.writer->Write(message.data()));
    upload.committed += size;
    sessions_.Progress(incoming.key, upload.committed);
    if (message.finish_write()) return true;
    if (!incoming.Next()) return false;
    RETURN_IF_ERROR(CheckSameName(message, incoming.key.second));
  }
}

absl::StatusOr<int64_t> ByteStreamService::WriteRaw(const ResourceName& name, Incoming& incoming) {
  const UploadSessions::Key& key = incoming.key;
  ASSIGN_OR_RETURN(std::optional<UploadSessions::Upload> upload, sessions_.Take(key, kTakeOver));
  if (!upload.has_value() || upload->writer == nullptr || incoming.message.write_offset() == 0) {
    auto writer = incoming.blobs.Create(name.digest);
    if (!writer.ok()) {
      sessions_.Forget(key);
      return writer.status();
    }
    upload = UploadSessions::Upload{*std::move(writer), 0};
  }
  auto finished = Receive(name, incoming, *upload);
  // A wrong offset harms nothing: what has arrived stays.
  const bool keep = finished.ok() ? !*finished : absl::IsOutOfRange(finished.status());
  if (keep) {
    const int64_t committed = upload->committed;
    sessions_.Put(key, *std::move(upload));
    if (!finished.ok()) return finished.status();
    return committed;
  }
  absl::Status status = finished.status();
  if (status.ok()) status = upload->writer->Commit().status();
  sessions_.Forget(key);
  if (!status.ok()) return status;
  return upload->committed;
}

absl::StatusOr<int64_t> ByteStreamService::WriteZstd(const ResourceName& name, Incoming& incoming) {
  ASSIGN_OR_RETURN(auto writer, incoming.blobs.Create(name.digest));
  rpc::ZstdDecompressor decompressor(name.digest.size);
  const rpc::ByteSink write = [&](std::string_view bytes) { return writer->Write(bytes); };
  const WriteRequest& message = incoming.message;
  int64_t received = 0;
  while (true) {
    // Offsets count compressed bytes; a compressed upload begins at 0, it is not resumable.
    if (message.write_offset() != received) {
      return absl::OutOfRangeError(
          fmt::format("write offset {} where {} bytes have arrived", message.write_offset(), received));
    }
    RETURN_IF_ERROR(incoming.Check());
    RETURN_IF_ERROR(decompressor.Write(message.data(), write));
    received += static_cast<int64_t>(message.data().size());
    if (message.finish_write()) break;
    if (!incoming.Next()) return absl::InvalidArgumentError("the upload ended before finish_write");
    RETURN_IF_ERROR(CheckSameName(message, incoming.key.second));
  }
  RETURN_IF_ERROR(decompressor.Finish());
  RETURN_IF_ERROR(writer->Commit().status());
  return received;
}

grpc::Status ByteStreamService::Write(grpc::ServerContext* context, Reader* reader, WriteResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_CONTENT);
  if (!roles.ok()) return ToGrpc(roles.status());
  absl::StatusOr<UploadSessions::Stream> stream = sessions_.Open(core::ClientOf(AuthorOf(*roles)), context);
  if (!stream.ok()) return ToGrpc(stream.status());
  Incoming incoming{
      roles->worker ? blobs_ : of_clients_, {core::ClientOf(AuthorOf(*roles)), ""}, *reader, *stream};
  if (!incoming.Next()) return ToGrpc(absl::InvalidArgumentError("an upload without a message"));
  incoming.key.second = incoming.message.resource_name();
  const auto name = rpc::ParseWriteName(incoming.message.resource_name());
  if (!name.ok()) return ToGrpc(name.status());
  const auto missing = blobs_.FindMissing(absl::MakeConstSpan(&name->digest, 1));
  if (!missing.ok()) return ToGrpc(missing.status());
  if (missing->empty()) {
    response->set_committed_size(name->zstd ? -1 : name->digest.size);
    return grpc::Status::OK;
  }
  const auto committed = name->zstd ? WriteZstd(*name, incoming) : WriteRaw(*name, incoming);
  if (!committed.ok()) return ToGrpc(committed.status());
  response->set_committed_size(*committed);
  return grpc::Status::OK;
}

void ByteStreamService::SweepNowAndThen(const std::stop_token& stop) {
  Mutex mutex;
  CondVar wake;
  const std::stop_callback on_stop(stop, [&] {
    MutexLock lock(mutex);
    wake.NotifyAll();
  });
  while (!stop.stop_requested()) {
    sessions_.Sweep();
    MutexLock lock(mutex);
    if (!stop.stop_requested()) wake.WaitFor(mutex, kSweep);
  }
}

grpc::Status ByteStreamService::QueryWriteStatus(grpc::ServerContext* context,
                                                 const QueryWriteStatusRequest* request,
                                                 QueryWriteStatusResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_CONTENT);
  if (!roles.ok()) return ToGrpc(roles.status());
  const auto name = rpc::ParseWriteName(request->resource_name());
  if (!name.ok()) return ToGrpc(name.status());
  const auto missing = blobs_.FindMissing(absl::MakeConstSpan(&name->digest, 1));
  if (!missing.ok()) return ToGrpc(missing.status());
  if (missing->empty()) {
    response->set_complete(true);
    response->set_committed_size(name->digest.size);
  } else {
    // An unknown upload has 0 bytes: the client begins, which is right in every case.
    response->set_committed_size(
        sessions_.Committed({core::ClientOf(AuthorOf(*roles)), request->resource_name()}).value_or(0));
  }
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
