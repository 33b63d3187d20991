// The client's end of what a build may ask of it while it runs: values of secrets, and connections to ssh
// agents.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session/environment.h"
#include "common/base/wiping.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::cli {

// --secret: where the value of a secret comes from.
struct SecretSource {
  std::string id;
  // One of them is set.
  std::string file;
  std::string variable;
};

// --ssh: what answers for an ssh id.
struct AgentSource {
  std::string id;
  // A socket, or key files; all empty: the agent of SSH_AUTH_SOCK.
  std::vector<std::string> paths;
};

// Forms: "id=ID,src=FILE" (source=), "id=ID,env=NAME", "id=ID" or "ID" alone (type=env: the variable ID;
// type=file: the file ID; without type the variable if it is set, else the file), "type=file,...".
// INVALID_ARGUMENT says what was expected.
absl::StatusOr<SecretSource> ParseSecret(std::string_view text, Environment& env);
// "default", "ID", "ID=SOCKET", "ID=KEY_FILE,KEY_FILE".
absl::StatusOr<AgentSource> ParseAgent(std::string_view text);

// Reads the values. Each id may be given once; at most 500 KiB each.
absl::StatusOr<WipedSecrets<v1::Secret>> ReadSecrets(const std::vector<std::string>& flags, Environment& env);

// Sockets of agents, and the agents that it starts itself for key files; those end with it.
class LocalAgents {
 public:
  static absl::StatusOr<std::unique_ptr<LocalAgents>> Start(const std::vector<std::string>& flags,
                                                            Environment& env);
  ~LocalAgents();
  LocalAgents(const LocalAgents&) = delete;
  LocalAgents& operator=(const LocalAgents&) = delete;

  // Path of the agent's socket by ssh id.
  const std::map<std::string, std::string>& sockets() const { return sockets_; }

 private:
  class OwnAgent;
  LocalAgents();
  std::map<std::string, std::string> sockets_;
  std::vector<std::unique_ptr<OwnAgent>> own_;
};

// Secrets and agents that a client keeps at hand until its build ends.
struct ClientOffers {
  WipedSecrets<v1::Secret> secrets;
  std::map<std::string, std::string> agent_sockets;
  bool empty() const { return secrets.empty() && agent_sockets.empty(); }
  bool HasSecret(std::string_view id) const;
  bool HasAgent(const std::string& id) const { return agent_sockets.contains(id); }
};

// What an earlier build was given has to be given to its repetition again: values are kept nowhere.
// INVALID_ARGUMENT names the first that is not offered, and the flag.
absl::Status CheckGivenAgain(const ClientOffers& offers, const std::vector<std::string>& secret_ids,
                             const std::vector<std::string>& ssh_ids);

// Attached to a build, over lost connections, until it is destroyed. Owns its threads; the references must
// outlive it. `on_problem` is called at most once, on a thread of its own, when the coordinator refuses it
// for good.
class BuildAttachment {
 public:
  BuildAttachment(Farm& farm, int64_t build_id, const ClientOffers& offers,
                  std::function<void(std::string_view)> on_problem);
  ~BuildAttachment();
  BuildAttachment(const BuildAttachment&) = delete;
  BuildAttachment& operator=(const BuildAttachment&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crossmill::cli
