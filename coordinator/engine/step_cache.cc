#include "coordinator/engine/step_cache.h"

#include <array>
#include <utility>

#include "common/base/status.h"
#include "coordinator/conclusion/recorded_executions.h"

namespace crossmill::coordinator {

bool StepCache::IsDurable(const v1::Layer& layer) {
  const std::array<Digest, 2> needed = {FromProto(layer.tar()), FromProto(layer.manifest())};
  auto missing = blobs_.FindMissing(needed);
  return missing.ok() && missing->empty();
}

absl::StatusOr<std::optional<StepCache::Hit>> StepCache::Find(const std::string& key, int64_t since,
                                                              bool forbid_emulation,
                                                              bool forbid_acceleration) {
  ASSIGN_OR_RETURN(std::optional<storage::Execution> found,
                   records_.FindReusable(key, since, forbid_emulation, forbid_acceleration));
  if (!found || !IsDurable(found->layer())) return std::nullopt;
  return Hit{FactOf(*found), found->build};
}

absl::StatusOr<std::optional<core::StageExport>> StepCache::FindExport(const std::string& key) {
  ASSIGN_OR_RETURN(std::optional<storage::ExportRow> row, records_.FindExport(key));
  if (!row || !blobs_.Has(row->blob)) return std::nullopt;
  return core::StageExport{std::move(row->blob), std::move(row->paths)};
}

}  // namespace crossmill::coordinator
