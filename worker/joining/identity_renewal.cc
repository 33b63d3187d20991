#include "worker/joining/identity_renewal.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/wiping.h"
#include "common/certificates/certificate.h"
#include "common/certificates/request.h"
#include "common/rpc/status_proto.h"
#include "crossmill/v1/machines_service.grpc.pb.h"
#include "worker/joining/joined_files.h"

namespace crossmill::worker {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);
// A clock that is set at the coordinator is noticed within an hour.
constexpr absl::Duration kLongestSleep = absl::Hours(1);
constexpr absl::Duration kFirstRetry = absl::Seconds(2);
constexpr absl::Duration kLongestRetry = absl::Minutes(5);

absl::StatusOr<v1::RenewCertificateResponse> Ask(v1::Machines::Stub& stub,
                                                 const std::string& certificate_request) {
  v1::RenewCertificateRequest request;
  request.set_certificate_request(certificate_request);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  v1::RenewCertificateResponse response;
  if (const grpc::Status called = stub.RenewCertificate(&context, request, &response); !called.ok())
    return rpc::FromGrpc(called);
  return response;
}

}  // namespace

IdentityRenewal::IdentityRenewal(std::shared_ptr<grpc::Channel> channel, std::string file)
    : channel_(std::move(channel)),
      file_(std::move(file)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

absl::StatusOr<absl::Duration> IdentityRenewal::Renew() {
  const auto stub = v1::Machines::NewStub(channel_);
  ASSIGN_OR_RETURN(v1::RenewCertificateResponse answer, Ask(*stub, ""));
  if (answer.due_in_seconds() > 0) return std::min(absl::Seconds(answer.due_in_seconds()), kLongestSleep);
  ASSIGN_OR_RETURN(certificates::KeyAndRequest made, certificates::MakeKeyAndRequest());
  ASSIGN_OR_RETURN(answer, Ask(*stub, made.request_pem));
  if (answer.certificate().empty()) return kFirstRetry;
  RETURN_IF_ERROR(certificates::CheckPair(made.key_pem, answer.certificate()));
  const absl::Status written = WriteFileAtomic(file_, IdentityText(made.key_pem, answer.certificate()), 0600);
  Wipe(&made.key_pem);
  RETURN_IF_ERROR(written);
  LogInfo("certificate renewed file={}", file_);
  // Not capped: the connection that there is has the old one, which is good until its end, and asked about
  // that the coordinator would say once more that it is time.
  return absl::Seconds(std::max<int64_t>(1, answer.due_in_seconds()));
}

void IdentityRenewal::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  absl::Duration retry = kFirstRetry;
  while (!stop.stop_requested()) {
    const absl::StatusOr<absl::Duration> renewed = Renew();
    if (renewed.ok()) {
      retry = kFirstRetry;
    } else {
      if (retry == kFirstRetry)
        LogWarning("the certificate is not renewed yet: {}", Sv(renewed.status().message()));
      retry = std::min(retry * 2, kLongestRetry);
    }
    std::unique_lock lock(mutex);
    condition.wait_for(lock, stop, absl::ToChronoNanoseconds(renewed.ok() ? *renewed : retry),
                       [] { return false; });
  }
}

}  // namespace crossmill::worker
