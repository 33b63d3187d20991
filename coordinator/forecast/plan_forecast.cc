#include "coordinator/forecast/plan_forecast.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/image/root_paths.h"
#include "common/predict/matrix/pip_configuration.h"
#include "common/predict/matrix/prediction.h"
#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostTextBytes = size_t{8} << 20;
constexpr int kMostShown = 10;

bool HasVariable(const v1::Run& run, std::string_view name) {
  return std::any_of(run.env().begin(), run.env().end(), [&](const std::string& entry) {
    return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
  });
}

// What a secret says that is mounted where installers look for settings, nobody but the step knows.
std::string DoubtOfSecrets(const v1::Run& run) {
  for (const v1::RunMount& mount : run.mounts()) {
    if (mount.type() != v1::RunMount::TYPE_SECRET) continue;
    const std::string_view name = LastName(mount.target());
    if (name == "pip.conf" || name == "uv.toml" || mount.env().starts_with("PIP_") ||
        mount.env().starts_with("UV_")) {
      return fmt::format("the secret {} holds settings of an installer, which are not looked at",
                         Printable(mount.id()));
    }
  }
  return "";
}

// uv's own settings in files of the image are not read.
std::string DoubtOfUvFiles(const v1::Run& run, predict::RootFiles& root) {
  const predict::RootPaths paths(root);
  for (const std::string& path : {std::string("/etc/uv/uv.toml"), std::string("/etc/xdg/uv/uv.toml"),
                                  std::string("/root/.config/uv/uv.toml"),
                                  predict::PathIn(run.cwd().empty() ? "/" : run.cwd(), "uv.toml")}) {
    if (paths.IsFile(path)) return fmt::format("what {} sets is not looked at", Printable(path));
  }
  return "";
}

void AddGap(std::string_view source, std::string_view why, v1::PredictedStep& step) {
  v1::PredictedGap* gap = step.add_gaps();
  gap->set_source(ValidUtf8(source));
  gap->set_why(ValidUtf8(why));
}

// A Python of its own folder, and what is installed for it, is not the distribution's.
bool Concerns(const RootDoubt& doubt, const v1::PredictedInstall& install) {
  const std::string& python = install.python().real_path();
  return !doubt.system || !(python.starts_with("/usr/local/") || python.starts_with("/opt/"));
}

// Nothing of the step is certain.
void MarkDoubtful(v1::PredictedInstall& install) {
  for (v1::PredictedPackage& package : *install.mutable_packages())
    package.set_certainty(v1::CERTAINTY_DOUBTFUL);
}

}  // namespace

absl::StatusOr<IndexSource*> PlanForecast::IndexesOf(const predict::InstallRules& rules, const v1::Run& run) {
  std::vector<std::shared_ptr<index::IndexPages>> indexes;
  if (rules.index_url.has_value()) {
    ASSIGN_OR_RETURN(std::shared_ptr<index::IndexPages> main, parts_.indexes.At(*rules.index_url));
    indexes.push_back(std::move(main));
  } else if (parts_.indexes.configured().empty()) {
    return absl::InvalidArgumentError(
        "the coordinator knows no package index (crossmill-coordinator --index-url)");
  } else {
    indexes.push_back(parts_.indexes.configured().front());
  }
  // A variable of the image's own takes the place of what steps are told.
  if (!HasVariable(run, "PIP_EXTRA_INDEX_URL") && !parts_.indexes.configured().empty())
    indexes.insert(indexes.end(), parts_.indexes.configured().begin() + 1, parts_.indexes.configured().end());
  for (const std::string& address : rules.extra_index_urls) {
    ASSIGN_OR_RETURN(std::shared_ptr<index::IndexPages> extra, parts_.indexes.At(address));
    indexes.push_back(std::move(extra));
  }
  IndexView view;
  view.offline = run.offline();
  if (run.has_exclude_newer()) view.exclude_newer = absl::FromUnixSeconds(run.exclude_newer());
  view.as_of = rules_.as_of;
  view.compiled = rules_.compiled;
  view.stop = rules_.stop;
  std::string key = fmt::format("{} {}", view.offline, run.has_exclude_newer() ? run.exclude_newer() : -1);
  for (const auto& index : indexes) key += fmt::format(" {}", static_cast<const void*>(index.get()));
  std::unique_ptr<IndexSource>& source = sources_[key];
  if (source == nullptr)
    source = std::make_unique<IndexSource>(parts_.indexes, std::move(indexes), std::move(view), budget_);
  return source.get();
}

absl::StatusOr<predict::ProjectSource*> PlanForecast::SourceOf(const predict::InstallRules& rules,
                                                               const predict::Install& install,
                                                               const v1::Run& run, predict::RootFiles& root,
                                                               std::unique_ptr<RootedSource>& rooted) {
  IndexSource* indexes = nullptr;
  if (!rules.no_index) {
    if (run.network() == v1::NETWORK_MODE_NONE)
      return absl::InvalidArgumentError("the step has no network (--network=none), and so no package index");
    ASSIGN_OR_RETURN(indexes, IndexesOf(rules, run));
    if (install.tool == predict::Install::Tool::kUvPip && indexes->indexes() > 1) {
      return absl::InvalidArgumentError(
          "uv takes a package from the first of its indexes that has it: with several nothing is said");
    }
  }
  rooted = std::make_unique<RootedSource>(indexes, root, install.folder);
  for (const std::string& place : rules.find_links) RETURN_IF_ERROR(rooted->AddLinks(place));
  return rooted.get();
}

absl::Status PlanForecast::PredictCommand(const predict::Install& install,
                                          const predict::InstallCommands& commands, const v1::Run& run,
                                          const RunPlace& place, v1::PredictedStep& step) {
  if (rules_.on_progress) rules_.on_progress(fmt::format("{}: {}", platform_, install.source));
  const predict::RootPaths paths(*place.root);
  std::unique_ptr<RootedSource> rooted;
  predict::PredictionContext context;
  context.image = place.root;
  context.read = [&](std::string_view path) {
    auto text = paths.ReadWhole(path, kMostTextBytes);
    if (text.ok() && rules_.on_text) rules_.on_text(*text);
    return text;
  };
  context.created = commands.environments;
  context.source = [&](const predict::InstallRules& rules) {
    return SourceOf(rules, install, run, *place.root, rooted);
  };
  auto predicted = predict::PredictInstall(install, context);
  if (absl::IsCancelled(predicted.status())) return predicted.status();
  if (!predicted.ok()) {
    AddGap(install.source, Sv(predicted.status().message()), step);
    return absl::OkStatus();
  }
  bool doubtful = false;
  for (const RootDoubt& doubt : place.doubts) {
    if (!Concerns(doubt, *predicted)) continue;
    doubtful = true;
    const std::string text = ValidUtf8(doubt.text);
    if (std::find(step.doubts().begin(), step.doubts().end(), text) == step.doubts().end())
      step.add_doubts(text);
  }
  if (doubtful) MarkDoubtful(*predicted);
  *step.add_installs() = *std::move(predicted);
  return absl::OkStatus();
}

absl::Status PlanForecast::PredictRun(const v1::BuildPlan& plan, const RunPlace& place,
                                      v1::PlatformPrediction& prediction) {
  v1::Run run = place.step->run();
  const predict::PipConfiguration settings = predict::ReadPipConfiguration(run, *place.root);
  run.clear_env();
  for (const std::string& variable : settings.variables) run.add_env(variable);
  run.mutable_env()->MergeFrom(place.step->run().env());
  if (rules_.on_run) rules_.on_run(run, *place.root);
  const predict::InstallCommands commands = predict::ReadInstallCommands(run);
  if (commands.installs.empty() && commands.not_understood.empty()) return absl::OkStatus();
  const v1::StagePlan& stage = plan.stages(static_cast<int>(place.stage));
  v1::PredictedStep& step = *prediction.add_steps();
  step.set_line(place.step->range().first_line());
  step.set_stage(ValidUtf8(stage.name()));
  step.set_stage_index(place.stage);
  step.set_step_number(place.step->number());
  step.set_cached_execution(place.execution);
  if (FormatPlatform(stage.platform()) != platform_) step.set_runs_on(FormatPlatform(stage.platform()));
  RunPlace doubted = place;
  if (std::string doubt = DoubtOfSecrets(run); !doubt.empty())
    doubted.doubts.push_back({std::move(doubt), false});
  if (run.network() == v1::NETWORK_MODE_HOST) {
    doubted.doubts.push_back(
        {"on the host's network the step may ask another index; here it is the coordinator's", false});
  }
  const bool uv = std::any_of(commands.installs.begin(), commands.installs.end(), [](const auto& install) {
    return install.tool == predict::Install::Tool::kUvPip;
  });
  if (uv) {
    if (std::string doubt = DoubtOfUvFiles(run, *place.root); !doubt.empty())
      doubted.doubts.push_back({std::move(doubt), false});
  }
  for (const std::string& note : settings.notes) doubted.doubts.push_back({note, false});
  for (const predict::Install& install : commands.installs)
    RETURN_IF_ERROR(PredictCommand(install, commands, run, doubted, step));
  for (const predict::NotUnderstood& other : commands.not_understood) AddGap(other.source, other.why, step);
  return absl::OkStatus();
}

absl::StatusOr<v1::PlatformPrediction> PlanForecast::Predict(const v1::BuildPlan& plan,
                                                             const v1::CellPlan& cell) {
  v1::PlatformPrediction prediction;
  platform_ = FormatPlatform(cell.platform());
  prediction.set_platform(platform_);
  if (rules_.on_progress) rules_.on_progress(fmt::format("{}: reading the images", platform_));
  StageRoots roots(plan, parts_.roots, rules_.since, rules_.no_cache, rules_.stop);
  RETURN_IF_ERROR(roots.Walk({cell.target_stage()},
                             [&](const RunPlace& place) { return PredictRun(plan, place, prediction); }));
  return prediction;
}

std::vector<std::string> PlanForecast::Notes() const {
  std::vector<std::string> notes;
  std::set<std::string> timeless;
  for (const auto& [key, source] : sources_)
    timeless.insert(source->timeless().begin(), source->timeless().end());
  if (!timeless.empty()) {
    std::string names;
    int shown = 0;
    for (const std::string& name : timeless) {
      if (++shown > kMostShown) break;
      names += (names.empty() ? "" : ", ") + name;
    }
    if (shown > kMostShown) names += fmt::format(" and {} more", timeless.size() - kMostShown);
    notes.push_back(fmt::format(
        "The index does not tell when files of {} were uploaded: they are predicted as it is now.", names));
  }
  if (budget_.bytes_left <= 0)
    notes.push_back(
        "Fetching for this prediction reached its limit of 512 MiB: not all metadata was looked at.");
  return notes;
}

}  // namespace crossmill::coordinator
