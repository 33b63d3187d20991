#include "coordinator/buildkit/solve/sources/client_word.h"

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/session/client_secrets.h"

namespace crossmill::coordinator::buildkit {

absl::StatusOr<std::shared_ptr<ClientSession>> SessionOfBuild(const SolveServices& services,
                                                              const ClientBuild& build,
                                                              const std::stop_token& stop) {
  auto session =
      services.sessions.Wait(build.request().session(), build.caller().key, kSessionPatience, stop);
  if (absl::IsNotFound(session.status())) return std::shared_ptr<ClientSession>();
  return session;
}

absl::StatusOr<bool> HasSecrets(const SolveServices& services, const ClientBuild& build,
                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOfBuild(services, build, stop));
  return session != nullptr && session->Serves("/moby.buildkit.secrets.v1.Secrets/GetSecret");
}

absl::StatusOr<ClientWord> AskClient(const SolveServices& services, const ClientBuild& build,
                                     const std::vector<std::string>& names, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOfBuild(services, build, stop));
  if (session == nullptr) return ClientWord();
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(WipedSecrets<v1::Secret> secrets, ReadClientSecrets(*session, {name}, stop));
    if (secrets.empty() || secrets[0].value().empty()) continue;
    return ClientWord(name, std::move(*secrets[0].mutable_value()));
  }
  return ClientWord();
}

absl::Status CheckHeader(const ClientWord& word) {
  if (word.value().find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("secret {}: expected one line: \"basic ...\", \"bearer ...\"", Printable(word.name())));
}

}  // namespace crossmill::coordinator::buildkit
