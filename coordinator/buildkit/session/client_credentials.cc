#include "coordinator/buildkit/session/client_credentials.h"

#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/base/wiping.h"
#include "coordinator/buildkit/session/client_call.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace filesync = ::moby::filesync::v1;

// A client may run a helper program, and that may ask its user.
constexpr auto kCredentialPatience = std::chrono::seconds(60);
// Of a token, a user's name or a password.
constexpr size_t kMostCredentialBytes = 64 << 10;

class SessionKeeper final : public registry::CredentialKeeper {
 public:
  SessionKeeper(std::shared_ptr<ClientSession> session, std::string registry)
      : session_(std::move(session)),
        host_(registry == "docker.io" ? "registry-1.docker.io" : std::move(registry)),
        auth_(filesync::Auth::NewStub(session_->channel())) {}

  absl::StatusOr<std::string> FetchToken(const registry::TokenQuestion& question,
                                         const std::stop_token& stop) override {
    if (!session_->Serves("/moby.filesync.v1.Auth/FetchToken"))
      return absl::UnimplementedError("the client fetches no tokens");
    filesync::FetchTokenRequest request;
    request.set_client_id("crossmill");
    request.set_host(host_);
    // Out of a registry's header, which need not be UTF-8.
    request.set_realm(ValidUtf8(question.realm));
    request.set_service(ValidUtf8(question.service));
    for (const std::string& scope : question.scopes) request.add_scopes(ValidUtf8(scope));
    filesync::FetchTokenResponse response;
    ClientCall call(*session_, kCredentialPatience, stop);
    RETURN_IF_ERROR(call.StatusOf(auth_->FetchToken(&call.context(), request, &response), What()));
    if (response.token().size() > kMostCredentialBytes) return TooLong();
    return std::move(*response.mutable_token());
  }

  absl::StatusOr<std::optional<registry::Credentials>> Give(const std::stop_token& stop) override {
    std::optional<registry::Credentials> credentials;
    if (!session_->Serves("/moby.filesync.v1.Auth/Credentials")) return credentials;
    filesync::CredentialsRequest request;
    request.set_host(host_);
    filesync::CredentialsResponse response;
    ClientCall call(*session_, kCredentialPatience, stop);
    const grpc::Status given = auth_->Credentials(&call.context(), request, &response);
    const AtScopeEnd wipe([&response] { Wipe(response.mutable_secret()); });
    if (given.error_code() == grpc::StatusCode::UNIMPLEMENTED) return credentials;
    RETURN_IF_ERROR(call.StatusOf(given, What()));
    if (response.username().size() > kMostCredentialBytes || response.secret().size() > kMostCredentialBytes)
      return TooLong();
    if (response.secret().empty()) return credentials;
    credentials.emplace();
    (response.username().empty() ? credentials->identity_token : credentials->password) = response.secret();
    credentials->user = response.username();
    return credentials;
  }

 private:
  std::string What() const { return fmt::format("the client's credentials for {}", Printable(host_)); }
  absl::Status TooLong() const {
    return absl::InvalidArgumentError(
        fmt::format("{} are longer than {} bytes", What(), kMostCredentialBytes));
  }

  const std::shared_ptr<ClientSession> session_;
  const std::string host_;
  const std::unique_ptr<filesync::Auth::Stub> auth_;
};

}  // namespace

ClientCredentials CredentialsOfClient(std::shared_ptr<ClientSession> session, const std::string& registry) {
  if (session == nullptr || (!session->Serves("/moby.filesync.v1.Auth/FetchToken") &&
                             !session->Serves("/moby.filesync.v1.Auth/Credentials")))
    return {};
  registry::Credentials credentials;
  credentials.keeper = std::make_shared<SessionKeeper>(std::move(session), registry);
  return {{registry, std::move(credentials)}};
}

}  // namespace crossmill::coordinator::buildkit
