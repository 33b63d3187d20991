// Blobs from a registry, resumed over broken connections (RegistryClient::GetBlob).
#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/registry/registry.h"
#include "common/registry/registry_errors.h"

namespace crossmill::registry {

using registry_errors::AtRegistry;
using registry_errors::IsSuccess;
using registry_errors::Placed;
using registry_errors::StatusFor;

// How far a blob has come, over all its connections.
class RegistryClient::BlobTransfer {
 public:
  BlobTransfer(const Digest& digest, BlobWriter& writer, const TransferHooks& hooks)
      : digest_(digest), writer_(writer), hooks_(hooks) {}

  int64_t done() const { return done_; }
  bool complete() const { return done_ == digest_.size; }
  // What went wrong on our side; no other attempt can mend it.
  const absl::Status& writer_status() const { return writer_status_; }
  void BeginResponse() { skip_ = -1; }

  absl::Status Take(const http::HttpResponse& head, std::string_view bytes) {
    if (skip_ < 0) RETURN_IF_ERROR(BeginBody(head));
    const size_t skipped = static_cast<size_t>(std::min<int64_t>(skip_, static_cast<int64_t>(bytes.size())));
    skip_ -= static_cast<int64_t>(skipped);
    bytes.remove_prefix(skipped);
    if (done_ + static_cast<int64_t>(bytes.size()) > digest_.size) {
      return absl::DataLossError(
          fmt::format("blob {} has more than its {} bytes", digest_.Oci(), digest_.size));
    }
    sha_.Update(bytes);
    writer_status_ = writer_.Write(bytes);
    RETURN_IF_ERROR(writer_status_);
    done_ += static_cast<int64_t>(bytes.size());
    if (hooks_.on_progress) hooks_.on_progress(done_);
    return absl::OkStatus();
  }

  absl::Status Verify() {
    const Digest actual = sha_.Finish();
    if (actual == digest_) return absl::OkStatus();
    return absl::DataLossError(fmt::format("blob {} arrived with digest {}", digest_.Oci(), actual.Oci()));
  }

 private:
  // Servers may ignore Range (200: everything again) and must not send another range.
  absl::Status BeginBody(const http::HttpResponse& head) {
    skip_ = head.status == 206 ? 0 : done_;
    const std::string_view range = head.Header("content-range");
    if (head.status == 206 && !range.starts_with(fmt::format("bytes {}-", done_))) {
      return absl::UnavailableError(fmt::format("asked for bytes from {}, got '{}'", done_, range));
    }
    return absl::OkStatus();
  }

  const Digest& digest_;
  BlobWriter& writer_;
  const TransferHooks& hooks_;
  Sha256 sha_;
  absl::Status writer_status_;
  int64_t done_ = 0;
  int64_t skip_ = -1;  // Bytes of this response that are here already; -1 before its first.
};

absl::Status RegistryClient::GetBlobFrom(const Endpoint& endpoint, const oci::Reference& reference,
                                         const Digest& digest, BlobTransfer& transfer,
                                         const std::stop_token& stop) {
  const std::string what = fmt::format("blob {}", digest.Oci());
  http::HttpRequest request;
  request.url = fmt::format("{}/v2/{}/blobs/{}", endpoint.url, reference.repository, digest.Oci());
  request.stop = stop;
  int attempt = 0;
  while (true) {
    const int64_t before = transfer.done();
    transfer.BeginResponse();
    request.headers.clear();
    if (before > 0) request.headers.emplace_back("Range", fmt::format("bytes={}-", before));
    auto answer = Exchange(
        endpoint, reference, request,
        [&](const http::HttpResponse& head, std::string_view bytes) { return transfer.Take(head, bytes); });
    if (transfer.complete()) return absl::OkStatus();
    RETURN_IF_ERROR(transfer.writer_status());
    const bool success = answer.ok() && IsSuccess(answer->response.status);
    absl::Status status;
    if (!answer.ok()) {
      status = Placed(Annotate(answer.status(), what), reference, endpoint.host);
    } else if (success) {
      // A whole response that is too short is a broken connection too.
      status = AtRegistry(absl::StatusCode::kUnavailable, reference, endpoint.host,
                          fmt::format("{} ended after {} of {} bytes", what, transfer.done(), digest.size));
    } else {
      status = StatusFor(reference, endpoint.host, answer->response, answer->error_body, what);
    }
    const bool transient = status.code() == absl::StatusCode::kUnavailable;
    if (transfer.done() > before) attempt = 0;
    if (!transient || ++attempt >= AttemptsAt(endpoint)) return status;
    RETURN_IF_ERROR(Wait(attempt - 1, answer.ok() && !success ? &answer->response : nullptr, stop));
  }
}

absl::Status RegistryClient::GetBlob(const oci::Reference& reference, const Digest& digest,
                                     BlobWriter& writer, const TransferHooks& hooks) {
  BlobTransfer transfer(digest, writer, hooks);
  absl::Status status;
  for (const Endpoint& endpoint : EndpointsOf(reference)) {
    if (!transfer.complete()) {
      status = GetBlobFrom(endpoint, reference, digest, transfer, hooks.stop);
      // Bytes that are wrong have been written: no other endpoint can mend that.
      const bool final = status.code() == absl::StatusCode::kDataLoss || !transfer.writer_status().ok();
      if (final || hooks.stop.stop_requested()) return status;
    }
    if (transfer.complete()) return Placed(transfer.Verify(), reference, endpoint.host);
  }
  return status;
}

}  // namespace crossmill::registry
