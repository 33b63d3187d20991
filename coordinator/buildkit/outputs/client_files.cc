#include "coordinator/buildkit/outputs/client_files.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/rpc/status_proto.h"
#include "containerd/services/content/v1/content_service.grpc.pb.h"
#include "moby/filesync/v1/filesync.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

using Bytes = moby::filesync::v1::BytesMessage;
namespace content = containerd::services::content::v1;

constexpr char kExporterHeader[] = "buildkit-attachable-exporter-id";
constexpr char kMetadataPrefix[] = "exporter-md-";
constexpr char kStoreHeader[] = "buildkit-attachable-store-id";
// The store that clients have for results.
constexpr char kExportStore[] = "export";

// Ends the call when its build or the client's session does.
class CallStop {
 public:
  CallStop(grpc::ClientContext& context, std::stop_token stop, std::stop_token ended)
      : stop_(std::move(stop), Cancel{&context}), ended_(std::move(ended), Cancel{&context}) {}

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };
  std::stop_callback<Cancel> stop_;
  std::stop_callback<Cancel> ended_;
};

// One operation at a time: each waits for its end. (The service's own stub has another type of message.)
class ArchiveCall final : public ClientArchive {
 public:
  ArchiveCall(ClientSession& session, std::stop_token stop) : session_(session), stop_(std::move(stop)) {}

  ~ArchiveCall() override {
    if (call_ && !status_) {
      context_.TryCancel();
      End().IgnoreError();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  grpc::ClientContext& context() { return context_; }

  absl::Status Start() {
    cancel_.emplace(context_, stop_, session_.ended());
    stub_.emplace(session_.channel());
    call_ = stub_->PrepareCall(&context_, std::string(kFileSendMethod), &queue_);
    call_->StartCall(this);
    return Done() ? absl::OkStatus() : End();
  }

  absl::Status Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (status_) return rpc::FromGrpc(*status_);
      const size_t count = std::min(bytes.size(), kMostMessageBytes);
      Bytes message;
      message.set_data(std::string(bytes.substr(0, count)));
      call_->Write(message, this);
      if (!Done()) {
        const absl::Status status = End();
        // Whoever has it already closes the stream.
        return status.ok() ? absl::AlreadyExistsError("the client has it") : status;
      }
      bytes.remove_prefix(count);
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (!status_) {
      call_->WritesDone(this);
      Done();
      End().IgnoreError();
    }
    if (status_->error_code() == grpc::StatusCode::ALREADY_EXISTS) return absl::OkStatus();
    return rpc::FromGrpc(*status_);
  }

 private:
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  absl::Status End() {
    if (!status_) {
      // There is no status while a message is unread.
      Bytes unread;
      do {
        call_->Read(&unread, this);
      } while (Done());
      grpc::Status status;
      call_->Finish(&status, this);
      Done();
      status_ = std::move(status);
    }
    return rpc::FromGrpc(*status_);
  }

  ClientSession& session_;
  const std::stop_token stop_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::optional<CallStop> cancel_;
  std::optional<grpc::TemplatedGenericStub<Bytes, Bytes>> stub_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Bytes, Bytes>> call_;
  std::optional<grpc::Status> status_;
};

// One upload of a blob, request by request.
class BlobUploadCall {
 public:
  BlobUploadCall(ClientSession& session, const Digest& blob, std::stop_token stop)
      : blob_(blob), stub_(content::Content::NewStub(session.channel())) {
    context_.AddMetadata(kStoreHeader, kExportStore);
    cancel_.emplace(context_, std::move(stop), session.ended());
    stream_ = stub_->Write(&context_);
  }

  absl::Status Run(BlobStore& blobs) {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, blobs.Open(blob_, 0));
    const absl::Status sent = Send(*reader);
    // An error of the store, not of the client: it must not wait for more.
    if (!sent.ok() && !broken_) context_.TryCancel();
    // There is no status while an answer is unread, and containerd answers the last request twice.
    content::WriteContentResponse unread;
    while (stream_->Read(&unread)) {
    }
    const grpc::Status status = stream_->Finish();
    if (status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return absl::OkStatus();
    if (!status.ok() && broken_) return rpc::FromGrpc(status);
    if (!sent.ok()) return sent;
    return rpc::FromGrpc(status);
  }

 private:
  absl::Status Exchange(const content::WriteContentRequest& request) {
    content::WriteContentResponse response;
    broken_ = !stream_->Write(request) || !stream_->Read(&response);
    return broken_ ? absl::UnavailableError("the client ended the upload") : absl::OkStatus();
  }

  content::WriteContentRequest Request(content::WriteAction action, int64_t offset) const {
    content::WriteContentRequest request;
    request.set_action(action);
    request.set_ref("crossmill-" + blob_.hash);
    request.set_total(blob_.size);
    request.set_expected(blob_.Oci());
    request.set_offset(offset);
    return request;
  }

  absl::Status Send(BlobReader& reader) {
    // Says whether the client has it.
    RETURN_IF_ERROR(Exchange(Request(content::STAT, 0)));
    std::string buffer(kMostMessageBytes, '\0');
    int64_t offset = 0;
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, reader.Read(buffer.data(), buffer.size()));
      if (count == 0) break;
      content::WriteContentRequest request = Request(content::WRITE, offset);
      request.set_data(buffer.substr(0, count));
      RETURN_IF_ERROR(Exchange(request));
      offset += static_cast<int64_t>(count);
    }
    RETURN_IF_ERROR(Exchange(Request(content::COMMIT, offset)));
    stream_->WritesDone();
    return absl::OkStatus();
  }

  const Digest blob_;
  grpc::ClientContext context_;
  std::optional<CallStop> cancel_;
  const std::unique_ptr<content::Content::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<content::WriteContentRequest, content::WriteContentResponse>>
      stream_;
  bool broken_ = false;
};

}  // namespace

void AddExporter(grpc::ClientContext& context, int index) {
  context.AddMetadata(kExporterHeader, std::to_string(index));
}

absl::Status CheckHeaderValue(std::string_view name, std::string_view value) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char byte) { return byte >= 0x20 && byte <= 0x7e; });
  if (printable) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{} has bytes that are no printable ASCII", name));
}

absl::StatusOr<std::unique_ptr<ClientArchive>> ClientArchive::Open(
    ClientSession& session, int exporter, const std::map<std::string, std::string>& metadata,
    std::stop_token stop) {
  if (!session.Serves(kFileSendMethod)) {
    return absl::FailedPreconditionError("the client takes no files: it offers no moby.filesync.v1.FileSend");
  }
  auto call = std::make_unique<ArchiveCall>(session, std::move(stop));
  AddExporter(call->context(), exporter);
  for (const auto& [name, value] : metadata) {
    RETURN_IF_ERROR(CheckHeaderValue(name, value));
    call->context().AddMetadata(kMetadataPrefix + name, value);
  }
  RETURN_IF_ERROR(call->Start());
  return call;
}

absl::Status WriteClientBlob(ClientSession& session, BlobStore& blobs, const Digest& blob,
                             std::stop_token stop) {
  return BlobUploadCall(session, blob, std::move(stop)).Run(blobs);
}

}  // namespace crossmill::coordinator::buildkit
