// Engine: what only the client of a build has — values of secrets, connections to ssh agents.
//
// A value is in the engine until its build ends and in a task's lease until that is sent; it is in nothing
// that is recorded. So a restarted coordinator has none: tasks that need one are held until the client
// attaches again.
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/core/build_view.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/engine.h"

namespace crossmill::coordinator {
namespace {

// A client attaches within moments; when it takes longer people should know what is waited for.
constexpr absl::Duration kQuietWait = absl::Seconds(5);

}  // namespace

absl::StatusOr<v1::BuildSubmission> Engine::Submission(int64_t build) {
  return loop_->Call<v1::BuildSubmission>([this, build]() -> absl::StatusOr<v1::BuildSubmission> {
    int64_t id = build;
    if (id == 0) {
      ASSIGN_OR_RETURN(id, records_.LatestBuild());
    }
    return records_.LoadSubmission(id);
  });
}

absl::StatusOr<std::shared_ptr<AttachedClient>> Engine::Attach(int64_t id,
                                                               const std::vector<v1::Secret>& secrets,
                                                               const std::set<std::string>& ssh_ids) {
  using Client = std::shared_ptr<AttachedClient>;
  return loop_->Call<Client>([this, id, &secrets, &ssh_ids]() -> absl::StatusOr<Client> {
    Build* build = Find(id);
    if (build == nullptr || IsFinished(build->state.view().status())) {
      RETURN_IF_ERROR(records_.LoadView(id).status());
      return absl::FailedPreconditionError(fmt::format("build {} has ended", id));
    }
    const v1::BuildOptions& options = build->submission.options();
    if (!secrets.empty()) RETURN_IF_ERROR(CheckSecrets(options, secrets));
    for (const std::string& ssh_id : ssh_ids) {
      if (std::find(options.ssh_ids().begin(), options.ssh_ids().end(), ssh_id) == options.ssh_ids().end()) {
        return absl::InvalidArgumentError(
            fmt::format("ssh agent {} is offered, which the options of build {} do not name", ssh_id, id));
      }
    }
    secrets_.Give(id, secrets);
    Client client = relay_.Attach(id, ssh_ids);
    ReleaseHeld(id);
    return client;
  });
}

absl::StatusOr<std::shared_ptr<AgentChannel>> Engine::OpenAgent(core::LeaseNumber lease,
                                                                const std::string& ssh_id) {
  ASSIGN_OR_RETURN(const int64_t build, loop_->Call<int64_t>([this, lease,
                                                              &ssh_id]() -> absl::StatusOr<int64_t> {
    const auto found = leases_.find(lease);
    if (found == leases_.end()) return absl::NotFoundError(fmt::format("lease {} is not active", lease));
    const Attempt& attempt = attempts_.at(found->second);
    if (!ClientMountsOf(attempt.task).agents.contains(ssh_id)) {
      return absl::NotFoundError(fmt::format("no step under lease {} mounts ssh agent {}", lease, ssh_id));
    }
    if (!attempt.owner) return absl::UnavailableError("the build whose ssh agent it is has ended");
    return attempt.owner->build;
  }));
  return relay_.Open(build, ssh_id);
}

std::string Engine::MissingFromClient(const Place& place, const v1::Task& task) {
  const ClientMounts mounts = ClientMountsOf(task);
  for (const std::string& id : mounts.secrets) {
    if (secrets_.Find(place.build, id) == nullptr) return "secret " + id;
  }
  for (const std::string& id : mounts.agents) {
    if (!relay_.Offers(place.build, id)) return "ssh agent " + id;
  }
  return "";
}

bool Engine::MayJoin(const Attempt& attempt, int64_t build) {
  const ClientMounts mounts = ClientMountsOf(attempt.task.steps(attempt.position));
  if (mounts.empty() || (attempt.owner && attempt.owner->build == build)) return true;
  return attempt.owner && mounts.agents.empty() &&
         secrets_.SameValues(attempt.owner->build, build, mounts.secrets);
}

std::vector<v1::Secret> Engine::SecretsFor(const Attempt& attempt) const {
  std::vector<v1::Secret> secrets;
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

void Engine::ReleaseHeld(int64_t build) {
  std::vector<core::TaskId> ready;
  for (const auto& [task, held] : held_) {
    const Attempt& attempt = attempts_.at(task);
    if (attempt.owner && attempt.owner->build == build &&
        MissingFromClient(*attempt.owner, attempt.task).empty())
      ready.push_back(task);
  }
  for (core::TaskId task : ready) {
    auto held = held_.extract(task);
    scheduler_.Enqueue(task, std::move(held.mapped().requirements), clock_.Now());
  }
}

void Engine::GiveUpHeld() {
  const int64_t now = Now();
  std::vector<core::TaskId> late;
  for (auto& [task, held] : held_) {
    if (now - held.since >= absl::ToInt64Nanoseconds(options_.client_grace)) late.push_back(task);
    const Attempt& attempt = attempts_.at(task);
    Build* build = attempt.owner ? Find(attempt.owner->build) : nullptr;
    if (build == nullptr || held.told || now - held.since < absl::ToInt64Nanoseconds(kQuietWait)) continue;
    held.told = true;
    build->state.Enter(now);
    build->state.Notice(true, fmt::format("{} waits for the client: {} is not there", attempt.task.name(),
                                          MissingFromClient(*attempt.owner, attempt.task)));
  }
  for (core::TaskId task : late) {
    const auto found = attempts_.find(task);
    if (found == attempts_.end() || !found->second.owner) continue;
    const Place place = *found->second.owner;
    const std::string missing = MissingFromClient(place, found->second.task);
    EndOrphan(task);
    GiveUp(place,
           fmt::format("{} did not come from the client within {}: values of secrets and connections to ssh "
                       "agents are not kept over a restart of the coordinator, and the client is not "
                       "connected; submit the build again, finished steps are cached",
                       missing, Sv(absl::FormatDuration(options_.client_grace))));
  }
}

void Engine::EndOrphan(core::TaskId task) {
  std::vector<Place> waiters;
  const Attempt& attempt = attempts_.at(task);
  auto inflight = inflight_.find(attempt.key);
  if (inflight != inflight_.end() && inflight->second.task == task)
    waiters = std::move(inflight->second.waiters);
  EndAttempt(task, "cancelled");
  if (waiters.empty()) return;
  // Later: the caller may be in the middle of a build that is among them.
  loop_->Post([this, waiters = std::move(waiters)] {
    for (const Place& place : waiters) {
      Build* build = Find(place.build);
      if (build == nullptr || build->concluding || !build->state.Wanted(place.stage) ||
          build->state.stage(place.stage).phase != core::Phase::kJoined) {
        continue;
      }
      build->state.Enter(Now());
      AdvanceStage(*build, place.stage);
      AdvanceReady(*build);
    }
  });
}

}  // namespace crossmill::coordinator
