#include "coordinator/conclusion/recorded_executions.h"

#include <utility>

#include "common/plan/variation.h"
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
  fact.exit_code = execution.exit_code;
  fact.failure = execution.failure;
  return fact;
}

std::vector<storage::Execution> ThoseThatMaySpeak(std::vector<storage::Execution> executions, int64_t build,
                                                  const v1::Step& step, const v1::BuildOptions& options) {
  const std::vector<v1::Aspect> aspects = plan::AspectsOf(options);
  std::erase_if(executions, [&](const storage::Execution& execution) {
    const bool own_replica = execution.build == build && execution.replica > 0;
    return !verdict::MaySpeak(FactOf(execution), step.has_run(), own_replica, aspects);
  });
  return executions;
}

}  // namespace crossmill::coordinator
