#include "worker/joining/join_farm.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <memory>
#include <optional>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/certificates/certificate.h"
#include "common/certificates/invitation.h"
#include "common/certificates/request.h"
#include "common/certificates/served_chain.h"
#include "common/rpc/channel.h"
#include "common/rpc/protocol.h"
#include "common/rpc/status_proto.h"
#include "crossmill/v1/machines_service.grpc.pb.h"

namespace crossmill::worker {
namespace {

// What was found of who answered. Thread safe: gRPC asks on a thread of its own.
class Found {
 public:
  void Set(absl::StatusOr<std::string> authority) {
    MutexLock lock(mutex_);
    authority_ = std::move(authority);
  }
  std::optional<absl::StatusOr<std::string>> Get() {
    MutexLock lock(mutex_);
    return authority_;
  }

 private:
  Mutex mutex_;
  std::optional<absl::StatusOr<std::string>> authority_ ABSL_GUARDED_BY(mutex_);
};

// gRPC asks it after the handshake and before the first byte of a call.
class AuthorityVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  AuthorityVerifier(std::string fingerprint, std::string host, std::shared_ptr<Found> found)
      : fingerprint_(std::move(fingerprint)), host_(std::move(host)), found_(std::move(found)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* answer) override {
    const grpc::string_ref shown = request->peer_cert_full_chain();
    absl::StatusOr<std::string> authority =
        certificates::CheckServedChain({shown.data(), shown.size()}, fingerprint_, host_);
    *answer = rpc::ToGrpc(authority.status());
    found_->Set(std::move(authority));
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  const std::string fingerprint_;
  const std::string host_;
  const std::shared_ptr<Found> found_;
};

// "[::1]:7777" has the host "::1".
absl::StatusOr<std::string> HostOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size())
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no address of a coordinator: expected HOST:PORT, farm.example:7777", address));
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const std::string& fingerprint,
                                         const std::string& host, const std::shared_ptr<Found>& found) {
  rpc::KeepGrpcRunning();
  grpc::experimental::TlsChannelCredentialsOptions tls;
  // All of it is the verifier's: there is nothing yet that gRPC could verify with.
  tls.set_verify_server_certs(false);
  tls.set_check_call_host(false);
  tls.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<AuthorityVerifier>(fingerprint, host, found));
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(rpc::UserAgentOf(CROSSMILL_VERSION, rpc::kProtocol));
  if (!rpc::LeavesMachine(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::experimental::TlsCredentials(tls), arguments);
}

}  // namespace

absl::StatusOr<Joined> JoinFarm(const JoinOptions& options) {
  ASSIGN_OR_RETURN(const certificates::Invitation invitation,
                   certificates::ParseInvitation(options.invitation));
  ASSIGN_OR_RETURN(const std::string host, HostOf(options.address));
  ASSIGN_OR_RETURN(certificates::KeyAndRequest made, certificates::MakeKeyAndRequest());
  const auto found = std::make_shared<Found>();
  const auto stub = v1::Machines::NewStub(ChannelTo(options.address, invitation.authority, host, found));
  v1::JoinRequest request;
  request.set_secret(invitation.secret);
  request.set_name(options.name);
  request.set_host_name(options.host_name);
  request.set_certificate_request(made.request_pem);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options.patience));
  v1::JoinResponse response;
  const grpc::Status called = stub->Join(&context, request, &response);
  const auto authority = found->Get();
  // Its own sentence: gRPC's says no more than that there is no connection.
  if (authority && !authority->ok()) return authority->status();
  if (!called.ok()) return rpc::FromGrpc(called);
  if (!authority) return absl::InternalError("the coordinator's certificate was not looked at");
  if (const absl::Status pair = certificates::CheckPair(made.key_pem, response.certificate()); !pair.ok())
    return Annotate(pair, "what the coordinator answered");
  return Joined{options.address,         response.name(),        response.pool(),
                std::move(made.key_pem), response.certificate(), **authority};
}

}  // namespace crossmill::worker
