// What only the client of a build has and its steps need: values of secrets, connections to ssh agents.
//
// A value is here until its build ends, and with a lease until that is sent; it is in nothing that is
// recorded. So a restarted coordinator has none: tasks that need one are held until the client attaches
// again.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/engine/agent_relay.h"
#include "coordinator/engine/build_secrets.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// Only used in the transaction loop, but for Detach, Open and CloseAll, which are thread safe.
class ClientSupplies {
 public:
  void Give(int64_t build, const std::vector<v1::Secret>& secrets) { secrets_.Give(build, secrets); }
  std::shared_ptr<AttachedClient> Attach(int64_t build, const std::set<std::string>& ssh_ids) {
    return relay_.Attach(build, ssh_ids);
  }
  void Detach(const std::shared_ptr<AttachedClient>& client) { relay_.Detach(client); }
  absl::StatusOr<std::shared_ptr<AgentChannel>> Open(int64_t build, const std::string& ssh_id) {
    return relay_.Open(build, ssh_id);
  }
  // The build has ended.
  void Forget(int64_t build);
  void CloseAll() { relay_.CloseAll(); }

  // What the build lacks for the task, in words; empty: nothing.
  std::string Missing(int64_t build, const v1::Task& task);
  // Steps that see other secrets are not one execution, whatever their key.
  bool MayShare(const core::Attempt& attempt, int64_t build) const;
  // Those of the attempt's owner, for its lease.
  WipedSecrets<v1::Secret> SecretsFor(const core::Attempt& attempt) const;

 private:
  BuildSecrets secrets_;
  AgentRelay relay_;
};

}  // namespace crossmill::coordinator
