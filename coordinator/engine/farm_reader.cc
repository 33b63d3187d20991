#include "coordinator/engine/farm_reader.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::coordinator {

absl::StatusOr<v1::BuildView> FarmReader::Load(int64_t id) {
  if (id == 0) {
    ASSIGN_OR_RETURN(id, records_.LatestBuild());
  }
  const auto running = builds_.find(id);
  if (running != builds_.end()) return running->second->state.view();
  return records_.LoadView(id);
}

absl::StatusOr<v1::BuildView> FarmReader::Get(int64_t build) {
  return loop_.Call<v1::BuildView>([this, build] { return Load(build); });
}

absl::StatusOr<v1::BuildSubmission> FarmReader::Submission(int64_t build) {
  return loop_.Call<v1::BuildSubmission>([this, build]() -> absl::StatusOr<v1::BuildSubmission> {
    int64_t id = build;
    if (id == 0) {
      ASSIGN_OR_RETURN(id, records_.LatestBuild());
    }
    return records_.LoadSubmission(id);
  });
}

absl::StatusOr<std::vector<v1::BuildView>> FarmReader::List(int64_t before, int limit) {
  using Views = std::vector<v1::BuildView>;
  return loop_.Call<Views>([this, before, limit]() -> absl::StatusOr<Views> {
    ASSIGN_OR_RETURN(Views views, records_.ListViews(before, limit));
    for (v1::BuildView& view : views) {
      const auto running = builds_.find(view.id());
      if (running != builds_.end()) view = running->second->state.view();
      view.clear_stages();
    }
    return views;
  });
}

absl::StatusOr<std::vector<LocatedPackage>> FarmReader::Packages(int64_t id) {
  using Located = std::vector<LocatedPackage>;
  return loop_.Call<Located>([this, id]() -> absl::StatusOr<Located> {
    ASSIGN_OR_RETURN(const v1::BuildView view, Load(id));
    Located located;
    for (const v1::StageView& stage : view.stages()) {
      for (const v1::StepView& step : stage.steps()) {
        if (step.execution() == 0) continue;
        ASSIGN_OR_RETURN(const std::vector<v1::PackageOutcome> packages, records_.Packages(step.execution()));
        for (const v1::PackageOutcome& package : packages) {
          located.push_back(
              {stage.platform(), stage.index(), stage.name(), step.number(), step.execution(), package});
        }
      }
    }
    return located;
  });
}

absl::StatusOr<bool> FarmReader::IsRunning(int64_t execution) {
  return loop_.Call<bool>([this, execution]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const storage::Execution row, records_.GetExecution(execution));
    return std::any_of(board_.all().begin(), board_.all().end(),
                       [&](const auto& entry) { return entry.second.execution == row.id; });
  });
}

absl::StatusOr<std::map<core::TaskId, std::string>> FarmReader::TaskNames() {
  using Names = std::map<core::TaskId, std::string>;
  return loop_.Call<Names>([this]() -> absl::StatusOr<Names> {
    Names names;
    for (const auto& [id, attempt] : board_.all()) names[id] = attempt.task.name();
    return names;
  });
}

}  // namespace crossmill::coordinator
