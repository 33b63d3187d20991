// An ssh agent of a BuildKit client for a program on this machine: a unix socket whose connections go on over
// the client's session (moby.sshforward.v1). Nothing that passes through is recorded.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/session/client_session.h"

namespace crossmill::coordinator::buildkit {

// Each connection has two threads and holds 16 KiB in each direction; there are at most 16, and others wait.
// All end with the client's session, or with this.
class AgentSocket {
 public:
  // The socket is made in `folder`, which only this user may enter. `id`: of the agent, as the client knows
  // it. INVALID_ARGUMENT: no socket can have a path that long; RESOURCE_EXHAUSTED: there is no thread for it.
  static absl::StatusOr<std::unique_ptr<AgentSocket>> Open(std::shared_ptr<ClientSession> session,
                                                           const std::string& id, const std::string& folder);
  ~AgentSocket();

  const std::string& path() const;

 private:
  class Listener;
  AgentSocket() = default;
  std::unique_ptr<Listener> listener_;
};

}  // namespace crossmill::coordinator::buildkit
