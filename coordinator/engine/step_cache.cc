#include "coordinator/engine/step_cache.h"

#include <array>
#include <utility>

#include "common/base/status.h"
#include "common/plan/variation.h"
#include "coordinator/core/witnesses.h"

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
  fact.exit_code = execution.exit_code;
  fact.failure = execution.failure;
  return fact;
}

std::vector<storage::Execution> ThoseThatMaySpeak(std::vector<storage::Execution> executions, int64_t build,
                                                  const v1::Step& step, const v1::BuildOptions& options) {
  const std::vector<v1::Aspect> aspects = plan::AspectsOf(options);
  std::erase_if(executions, [&](const storage::Execution& execution) {
    const bool own_replica = execution.build == build && execution.replica > 0;
    return !core::MaySpeak(FactOf(execution), step.has_run(), own_replica, aspects);
  });
  return executions;
}

bool StepCache::IsDurable(const v1::Layer& layer) {
  const std::array<Digest, 2> needed = {FromProto(layer.tar()), FromProto(layer.manifest())};
  auto missing = blobs_.FindMissing(needed);
  return missing.ok() && missing->empty();
}

absl::StatusOr<std::optional<StepCache::Hit>> StepCache::Find(const std::string& key, int64_t since,
                                                              bool forbid_emulation) {
  ASSIGN_OR_RETURN(std::optional<storage::Execution> found,
                   records_.FindReusable(key, since, forbid_emulation));
  if (!found || !IsDurable(found->layer())) return std::nullopt;
  return Hit{FactOf(*found), found->build};
}

absl::StatusOr<std::optional<core::StageExport>> StepCache::FindExport(const std::string& key) {
  ASSIGN_OR_RETURN(std::optional<storage::ExportRow> row, records_.FindExport(key));
  if (!row || !blobs_.Has(row->blob)) return std::nullopt;
  return core::StageExport{std::move(row->blob), std::move(row->paths)};
}

}  // namespace crossmill::coordinator
