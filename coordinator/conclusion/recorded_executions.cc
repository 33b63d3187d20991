#include "coordinator/conclusion/recorded_executions.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "common/plan/variation.h"
#include "coordinator/core/circumstances.h"
#include "coordinator/verdict/witnesses.h"

namespace crossmill::coordinator {

core::StepFact FactOf(const storage::Execution& execution) {
  core::StepFact fact;
  fact.execution = execution.id;
  fact.key = execution.key;
  fact.layer = execution.layer();
  fact.seconds = static_cast<double>(execution.duration_ns) / 1e9;
  fact.content_bytes = execution.content_bytes;
  fact.worker = execution.worker;
  fact.host_id = execution.host_id;
  fact.host_name = execution.host_name;
  fact.emulated = execution.emulated;
  fact.finished_at = execution.finished_at.value_or(0);
  fact.circumstances = execution.circumstances;
  fact.normalizations = execution.normalizations;
  fact.use = execution.use;
  fact.bound = execution.bound;
  fact.acceleration = execution.acceleration;
  fact.acceleration_check = execution.acceleration_check;
  fact.exit_code = execution.exit_code;
  fact.failure = execution.failure;
  fact.started_at = execution.started_at;
  return fact;
}

std::vector<storage::Execution> ThoseThatMaySpeak(std::vector<storage::Execution> executions, int64_t build,
                                                  const core::StepFact& first, const v1::Step& step,
                                                  const v1::BuildOptions& options) {
  const std::vector<v1::Aspect> aspects = plan::AspectsOf(options);
  if (step.has_run() && std::find(aspects.begin(), aspects.end(), v1::ASPECT_CLOCK) != aspects.end()) {
    std::erase_if(executions, [&](const storage::Execution& execution) {
      return execution.id != first.execution && execution.succeeded() &&
             !core::StandsApart(first, FactOf(execution));
    });
  }
  std::vector<v1::Aspect> of_every_replica;
  std::copy_if(aspects.begin(), aspects.end(), std::back_inserter(of_every_replica),
               plan::DiffersInEveryReplica);
  const auto may_speak = [&](const storage::Execution& execution, const std::vector<v1::Aspect>& varied) {
    const bool own_replica = execution.build == build && execution.replica > 0;
    return verdict::MaySpeak(FactOf(execution), step.has_run(), own_replica, varied);
  };
  const auto partly = std::stable_partition(executions.begin(), executions.end(), [&](const auto& execution) {
    return may_speak(execution, aspects);
  });
  const bool any_varied = std::any_of(executions.begin(), partly, [](const storage::Execution& execution) {
    return execution.variation > 0 && execution.succeeded();
  });
  const auto end = std::remove_if(partly, executions.end(), [&](const storage::Execution& execution) {
    return !any_varied || execution.variation == 0 || !may_speak(execution, of_every_replica);
  });
  executions.erase(end, executions.end());
  return executions;
}

std::vector<storage::Execution> WithoutLost(std::vector<storage::Execution> executions, int64_t build,
                                            const std::function<bool(const v1::Layer&)>& is_there) {
  std::erase_if(executions, [&](const storage::Execution& execution) {
    return execution.build != build && execution.succeeded() && !is_there(execution.layer());
  });
  return executions;
}

}  // namespace crossmill::coordinator
