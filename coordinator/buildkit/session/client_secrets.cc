#include "coordinator/buildkit/session/client_secrets.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/session/client_call.h"
#include "coordinator/engine/build_secrets.h"
#include "moby/buildkit/secrets/v1/secrets_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

// A client may run a program for it, or ask its user.
constexpr auto kSecretPatience = std::chrono::seconds(60);

}  // namespace

absl::StatusOr<WipedSecrets<v1::Secret>> ReadClientSecrets(ClientSession& session,
                                                           const std::set<std::string>& ids,
                                                           std::stop_token stop) {
  WipedSecrets<v1::Secret> secrets;
  if (ids.empty() || !session.Serves("/moby.buildkit.secrets.v1.Secrets/GetSecret")) return secrets;
  const auto stub = moby::buildkit::secrets::v1::Secrets::NewStub(session.channel());
  for (const std::string& id : ids) {
    const std::string what = fmt::format("secret {}", Printable(id));
    ClientCall call(session, kSecretPatience, stop);
    moby::buildkit::secrets::v1::GetSecretRequest request;
    request.set_id(id);
    moby::buildkit::secrets::v1::GetSecretResponse response;
    const grpc::Status got = stub->GetSecret(&call.context(), request, &response);
    if (got.error_code() == grpc::StatusCode::NOT_FOUND ||
        got.error_code() == grpc::StatusCode::UNIMPLEMENTED)
      continue;
    RETURN_IF_ERROR(call.StatusOf(got, what));
    if (response.data().size() > kMaxSecretBytes) {
      Wipe(response.mutable_data());
      return absl::InvalidArgumentError(fmt::format("{} is longer than {} bytes", what, kMaxSecretBytes));
    }
    v1::Secret& secret = secrets.emplace_back();
    secret.set_id(id);
    // Not copied: the bytes go from one message to the other.
    secret.mutable_value()->swap(*response.mutable_data());
  }
  return secrets;
}

}  // namespace crossmill::coordinator::buildkit
