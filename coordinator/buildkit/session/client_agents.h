// The ssh agents of a BuildKit client for the steps of its build: between the farm's Builds.Attach, called in
// the client's name, and moby.sshforward.v1 over its session. Nothing that passes through is recorded.
#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/buildkit/session/client_session.h"

namespace crossmill::coordinator::buildkit {

// Those of `ids` for which the client has no agent, and why; empty: it has all. Errors are the session's.
absl::StatusOr<std::string> MissingAgents(ClientSession& session, const std::set<std::string>& ids,
                                          std::stop_token stop);

// Connections of steps reach the client's agents as long as it lives, and the build runs. Each has two
// threads and up to a megabyte on its way; one whose agent does not read is closed.
class ClientAgents {
 public:
  // `farm`: RpcServer::InProcessChannel; `token`: lent, good for longer. RESOURCE_EXHAUSTED: there is no
  // thread for it.
  static absl::StatusOr<std::unique_ptr<ClientAgents>> Offer(std::shared_ptr<ClientSession> session,
                                                             std::shared_ptr<grpc::Channel> farm,
                                                             const std::string& token, int64_t build,
                                                             std::set<std::string> ids);
  ~ClientAgents();

 private:
  class Relay;
  ClientAgents() = default;
  std::unique_ptr<Relay> relay_;
  // Last: it uses the relay.
  std::jthread thread_;
};

}  // namespace crossmill::coordinator::buildkit
