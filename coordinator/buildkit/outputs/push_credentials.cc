#include "coordinator/buildkit/outputs/push_credentials.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>

#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/rpc/status_proto.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Clients may ask a helper program, which may ask its user.
constexpr std::chrono::seconds kPatience{60};
constexpr std::string_view kMethod = "/moby.filesync.v1.Auth/Credentials";
constexpr size_t kMostSecretBytes = 64 << 10;

}  // namespace

absl::StatusOr<ClientCredentials> PushCredentials(ClientSession* session, const std::string& registry,
                                                  const std::stop_token& stop) {
  ClientCredentials none;
  if (session == nullptr || !session->Serves(kMethod)) return none;
  const auto auth = moby::filesync::v1::Auth::NewStub(session->channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const StopOfEither either(stop, session->ended());
  const std::stop_callback<std::function<void()>> cancel(either.token(), [&] { context.TryCancel(); });
  moby::filesync::v1::CredentialsRequest request;
  request.set_host(registry == "docker.io" ? "registry-1.docker.io" : registry);
  moby::filesync::v1::CredentialsResponse response;
  const grpc::Status status = auth->Credentials(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return none;
  if (!status.ok())
    return Annotate(rpc::FromGrpc(status), fmt::format("the client's credentials for {}", registry));
  if (response.secret().size() > kMostSecretBytes || response.username().size() > kMostSecretBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the client's credentials for {} are over {} bytes", registry, kMostSecretBytes));
  }
  if (response.secret().empty()) return none;
  registry::Credentials credentials;
  if (response.username().empty()) {
    credentials.identity_token = response.secret();
  } else {
    credentials.user = response.username();
    credentials.password = response.secret();
  }
  return ClientCredentials{{registry, std::move(credentials)}};
}

}  // namespace crossmill::coordinator::buildkit
