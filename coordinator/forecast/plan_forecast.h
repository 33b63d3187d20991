// What the installers of a plan's steps will do, cell by cell: commands are read, their Pythons looked for in
// the roots that the steps begin with, requirements resolved against package indexes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/predict/commands/install_commands.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/index_source.h"
#include "coordinator/forecast/rooted_source.h"
#include "coordinator/forecast/stage_roots.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::coordinator {

// Everything outlives the forecast.
struct PlanForecastParts {
  RootParts roots;
  FarmIndexes& indexes;
};

struct PlanForecastRules {
  // Of a build that was: see StageRoots and IndexView. 0 and nullopt else.
  int64_t since = 0;
  bool no_cache = false;
  std::optional<absl::Time> as_of;
  std::stop_token stop;
  // What is being looked at, for people; on the caller's thread.
  std::function<void(const std::string& what)> on_progress;
  // A RUN as installers see it: the image's pip.conf is in its environment; with its root. And the text of
  // each file of requirements and the like that was read. On the caller's thread; may be empty.
  std::function<void(const v1::Run& run, predict::RootFiles& root)> on_run = {};
  std::function<void(std::string_view text)> on_text = {};
  // As IndexView's.
  std::map<std::string, std::string> compiled = {};
};

// Used by one thread; what indexes said is asked once for all plans.
class PlanForecast {
 public:
  PlanForecast(PlanForecastParts parts, PlanForecastRules rules) : parts_(parts), rules_(std::move(rules)) {}

  // Of one cell. What is not known is told in the prediction; errors are those of the farm's store, and
  // CANCELLED.
  absl::StatusOr<v1::PlatformPrediction> Predict(const v1::BuildPlan& plan, const v1::CellPlan& cell);

  // About what was asked so far; sentences.
  std::vector<std::string> Notes() const;

 private:
  // One RUN.
  absl::Status PredictRun(const v1::BuildPlan& plan, const RunPlace& place,
                          v1::PlatformPrediction& prediction);
  absl::Status PredictCommand(const predict::Install& install, const predict::InstallCommands& commands,
                              const v1::Run& run, const RunPlace& place, v1::PredictedStep& step);
  // Where a command with these rules gets its packages.
  absl::StatusOr<predict::ProjectSource*> SourceOf(const predict::InstallRules& rules,
                                                   const predict::Install& install, const v1::Run& run,
                                                   predict::RootFiles& root,
                                                   std::unique_ptr<RootedSource>& rooted);
  absl::StatusOr<IndexSource*> IndexesOf(const predict::InstallRules& rules, const v1::Run& run);

  const PlanForecastParts parts_;
  const PlanForecastRules rules_;
  FetchBudget budget_;
  // By addresses and what is seen of them.
  std::map<std::string, std::unique_ptr<IndexSource>> sources_;
  std::string platform_;
};

}  // namespace crossmill::coordinator
