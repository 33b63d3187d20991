#include "worker/task/acceleration_check.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

double SecondsOf(const v1::StepResult& result) {
  return static_cast<double>(std::max<int64_t>(result.finished_at() - result.started_at(), 0)) / 1e9;
}

struct Settled {
  v1::AccelerationCheck::Outcome outcome = v1::AccelerationCheck::OUTCOME_UNSPECIFIED;
  std::string reason;
};

// `emulated` differs from what the set `digest` made. Emulated once more: if that is another result again,
// the recipe is to blame. Then accelerated once more, where the set is: if that is now what the emulated ones
// are, the moment or the host was to blame, and not the set.
absl::StatusOr<Settled> Settle(const v1::StepResult& emulated, const std::string& digest,
                               const ExecuteAgain& again) {
  ASSIGN_OR_RETURN(const v1::StepResult second, again(Way::kEmulated));
  if (!SameOutcome(emulated, second))
    return Settled{v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS, "two emulated executions differ, too"};
  ASSIGN_OR_RETURN(const v1::StepResult accelerated, again(Way::kAccelerated));
  if (accelerated.acceleration().digest() != digest) {
    return Settled{
        v1::AccelerationCheck::OUTCOME_SET_DIFFERS,
        "two emulated executions agree with each other and not with the accelerated one; this worker "
        "does not have the set, so that the other host may be the cause"};
  }
  if (SameOutcome(accelerated, second)) {
    return Settled{v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS,
                   "accelerated here and now it is what the emulated executions are"};
  }
  return Settled{v1::AccelerationCheck::OUTCOME_SET_DIFFERS,
                 "two emulated executions agree with each other, and neither of two accelerated ones does"};
}

void Tell(const Settled& settled, v1::AccelerationCheck* check) {
  check->set_outcome(settled.outcome);
  check->set_reason(settled.reason);
}

}  // namespace

bool SameOutcome(const v1::StepResult& one, const v1::StepResult& other) {
  const bool failed = !one.failure().empty();
  if (failed != !other.failure().empty()) return false;
  if (failed) return one.exit_code() == other.exit_code() && one.failure() == other.failure();
  return one.layer().tar().hash() == other.layer().tar().hash();
}

std::string WhyNotComparable(const v1::Step& step) {
  const auto& mounts = step.run().mounts();
  const bool caches = std::any_of(mounts.begin(), mounts.end(), [](const v1::RunMount& mount) {
    return mount.type() == v1::RunMount::TYPE_CACHE;
  });
  return caches ? "a second execution would find in the cache mount what the first one made" : "";
}

absl::Status CompareWithEmulated(const v1::Step& step, const ExecuteAgain& again, const FirstPath& path,
                                 v1::StepResult* result) {
  v1::AccelerationCheck check;
  check.set_set(result->acceleration().set());
  check.set_digest(result->acceleration().digest());
  if (const std::string why = WhyNotComparable(step); !why.empty()) {
    Tell({v1::AccelerationCheck::OUTCOME_NOT_COMPARED, why}, &check);
    *result->mutable_acceleration_check() = std::move(check);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(v1::StepResult emulated, again(Way::kEmulated));
  check.set_accelerated_seconds(SecondsOf(*result));
  check.set_emulated_seconds(SecondsOf(emulated));
  if (SameOutcome(*result, emulated)) {
    check.set_outcome(v1::AccelerationCheck::OUTCOME_EQUAL);
  } else {
    ASSIGN_OR_RETURN(const Settled settled, Settle(emulated, check.digest(), again));
    Tell(settled, &check);
    if (result->failure().empty() && emulated.failure().empty())
      check.set_path(path(result->layer(), emulated.layer()));
    emulated.set_started_at(result->started_at());
    *result = std::move(emulated);
  }
  *result->mutable_acceleration_check() = std::move(check);
  return absl::OkStatus();
}

absl::Status SettleReplica(const v1::Step& step, const ExecuteAgain& again, const FirstPath& path,
                           v1::StepResult* result) {
  v1::AccelerationCheck check;
  check.set_digest(step.expected_accelerator());
  if (const std::string why = WhyNotComparable(step); !why.empty()) {
    Tell({v1::AccelerationCheck::OUTCOME_NOT_COMPARED, why}, &check);
  } else {
    ASSIGN_OR_RETURN(const Settled settled, Settle(*result, check.digest(), again));
    Tell(settled, &check);
    if (result->failure().empty()) check.set_path(path(step.expected(), result->layer()));
  }
  *result->mutable_acceleration_check() = std::move(check);
  return absl::OkStatus();
}

}  // namespace crossmill::worker
