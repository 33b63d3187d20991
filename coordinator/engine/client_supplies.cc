#include "coordinator/engine/client_supplies.h"

#include "coordinator/engine/client_mounts.h"

namespace crossmill::coordinator {

void ClientSupplies::Forget(int64_t build) {
  relay_.CloseBuild(build);
  secrets_.Forget(build);
}

std::string ClientSupplies::Missing(int64_t build, const v1::Task& task) {
  const ClientMounts mounts = ClientMountsOf(task);
  for (const std::string& id : mounts.secrets) {
    if (secrets_.Find(build, id) == nullptr) return "secret " + id;
  }
  for (const std::string& id : mounts.agents) {
    if (!relay_.Offers(build, id)) return "ssh agent " + id;
  }
  return "";
}

bool ClientSupplies::MayShare(const core::Attempt& attempt, int64_t build) const {
  const ClientMounts mounts = ClientMountsOf(attempt.step());
  if (mounts.empty()) return true;
  if (!attempt.owner) return false;
  if (attempt.owner->build == build) return true;
  return mounts.agents.empty() && secrets_.SameValues(attempt.owner->build, build, mounts.secrets);
}

WipedSecrets<v1::Secret> ClientSupplies::SecretsFor(const core::Attempt& attempt) const {
  WipedSecrets<v1::Secret> secrets;
  if (!attempt.owner) return secrets;
  for (const std::string& id : ClientMountsOf(attempt.task).secrets) {
    const std::string* value = secrets_.Find(attempt.owner->build, id);
    if (value == nullptr) continue;
    v1::Secret& secret = secrets.emplace_back();
    secret.set_id(id);
    secret.set_value(*value);
  }
  return secrets;
}

}  // namespace crossmill::coordinator
