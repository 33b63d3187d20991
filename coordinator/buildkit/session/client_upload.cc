#include "coordinator/buildkit/session/client_upload.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "coordinator/buildkit/session/client_call.h"
#include "moby/upload/v1/upload_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

using moby::upload::v1::BytesMessage;

class ClientUpload {
 public:
  ClientUpload(std::shared_ptr<ClientSession> session, std::stop_token stop)
      : session_(std::move(session)), call_(*session_, std::chrono::milliseconds(0), std::move(stop)) {}
  ~ClientUpload() {
    if (stream_ == nullptr) return;
    call_.context().TryCancel();
    stream_->Finish();
  }

  absl::Status Start(const std::string& id) {
    RETURN_IF_ERROR(call_.AddMetadata("urlpath", "/" + id, "upload"));
    RETURN_IF_ERROR(call_.AddMetadata("urlhost", "buildkit-session", "upload"));
    stub_ = moby::upload::v1::Upload::NewStub(session_->channel());
    stream_ = stub_->Pull(&call_.context());
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    while (read_ == piece_.data().size()) {
      if (over_) return ended_.ok() ? absl::StatusOr<size_t>(0) : ended_;
      read_ = 0;
      if (stream_->Read(&piece_)) continue;
      piece_.clear_data();
      over_ = true;
      ended_ = call_.StatusOf(stream_->Finish(), "the client's upload");
      stream_.reset();
    }
    const size_t count = std::min(size, piece_.data().size() - read_);
    piece_.data().copy(buffer, count, read_);
    read_ += count;
    return count;
  }

 private:
  const std::shared_ptr<ClientSession> session_;
  ClientCall call_;
  std::unique_ptr<moby::upload::v1::Upload::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<BytesMessage, BytesMessage>> stream_;
  BytesMessage piece_;
  size_t read_ = 0;
  bool over_ = false;
  absl::Status ended_;
};

}  // namespace

absl::StatusOr<layer::Source> OpenClientUpload(std::shared_ptr<ClientSession> session, const std::string& id,
                                               std::stop_token stop) {
  if (!session->Serves("/moby.upload.v1.Upload/Pull"))
    return absl::FailedPreconditionError("the client's session offers no upload (moby.upload.v1.Upload)");
  auto upload = std::make_shared<ClientUpload>(std::move(session), std::move(stop));
  RETURN_IF_ERROR(upload->Start(id));
  return layer::Source([upload](char* buffer, size_t size) { return upload->Read(buffer, size); });
}

}  // namespace crossmill::coordinator::buildkit
