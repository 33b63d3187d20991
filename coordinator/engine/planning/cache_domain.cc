#include "coordinator/engine/planning/cache_domain.h"

#include <string>

#include "coordinator/core/standing/scope.h"

namespace crossmill::coordinator {

void SetCacheDomain(std::string_view project, v1::BuildPlan* plan) {
  const bool walled = !project.empty() && project != core::kDefaultProject;
  for (v1::StagePlan& stage : *plan->mutable_stages()) {
    for (v1::Step& step : *stage.mutable_steps()) {
      if (walled) step.set_cache_domain(std::string(project));
      if (!step.has_run()) continue;
      for (v1::RunMount& mount : *step.mutable_run()->mutable_mounts()) {
        if (mount.type() != v1::RunMount::TYPE_CACHE) continue;
        // Without id a cache is known by its target.
        const std::string& id = mount.id().empty() && walled ? mount.target() : mount.id();
        mount.set_id(core::InProject(project, id));
      }
    }
  }
}

}  // namespace crossmill::coordinator
