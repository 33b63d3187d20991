#include "cli/history/render_build_pair.h"

#include <algorithm>
#include <utility>

#include "cli/history/render_history.h"
#include "cli/history/render_rebuild.h"
#include "cli/show/json_output.h"
#include "cli/show/render_build.h"
#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

std::string_view StateWord(v1::StepPair::State state) {
  switch (state) {
    case v1::StepPair::STATE_EQUAL:
      return "equal";
    case v1::StepPair::STATE_DIFFERENT:
      return "different";
    case v1::StepPair::STATE_ONLY_FIRST:
      return "only-first";
    case v1::StepPair::STATE_ONLY_SECOND:
      return "only-second";
    default:
      return "unknown";
  }
}

Table::Cell StateCell(v1::StepPair::State state) {
  switch (state) {
    case v1::StepPair::STATE_EQUAL:
      return {"=", Ink::kGreen};
    case v1::StepPair::STATE_DIFFERENT:
      return {"≠", Ink::kRed};
    case v1::StepPair::STATE_ONLY_FIRST:
      return {"-", Ink::kRed};
    case v1::StepPair::STATE_ONLY_SECOND:
      return {"+", Ink::kGreen};
    default:
      return {"?", Ink::kYellow};
  }
}

bool IsAfterDivergence(const v1::PlatformPair& pair, const v1::StepPair& step) {
  const auto& after = pair.comparison().after_difference();
  return step.has_compared() && std::find(after.begin(), after.end(), step.compared()) != after.end();
}

std::string NoteOf(const v1::PlatformPair& pair, const v1::StepPair& step) {
  if (step.state() != v1::StepPair::STATE_DIFFERENT || !step.has_compared()) return "";
  if (step.same_key()) return "given the same";
  return IsAfterDivergence(pair, step) ? "on other layers" : "not given the same";
}

std::string LineOf(const v1::StepPair& step, bool first) {
  if (first ? !step.has_first() : !step.has_second()) return "";
  return std::to_string((first ? step.first() : step.second()).range().first_line());
}

std::string RenderSteps(const BuildPair& builds, const v1::PlatformPair& pair, const TextOptions& options) {
  Table table({{""},
               {fmt::format("{}", builds.first), Table::Align::kRight},
               {fmt::format("{}", builds.second), Table::Align::kRight},
               {"STAGE"},
               {"STEP"},
               {""}},
              4);
  for (const v1::StepPair& step : pair.steps()) {
    const v1::StepPlace& place = step.has_first() ? step.first() : step.second();
    table.Add({StateCell(step.state()),
               {LineOf(step, true), Ink::kDim},
               {LineOf(step, false), Ink::kDim},
               {Printable(place.stage_name())},
               {Printable(place.text())},
               {NoteOf(pair, step), Ink::kDim}});
  }
  return "  steps, with their lines in both:\n" + table.Render(options, 4);
}

std::string RenderDifferingSteps(const BuildPair& builds, const v1::PlatformPair& pair,
                                 const TextOptions& options, size_t paths) {
  std::string text;
  const std::string more = fmt::format("crossmill diff {} {} --paths N", builds.first, builds.second);
  for (const v1::StepComparison& step : pair.comparison().comparison().steps()) {
    if (!step.agrees()) text += RenderStepDifference({}, step, options, paths, more);
  }
  return text;
}

// Which images to compare for what no step tells: their configs, and files whatever layers they are in.
std::string RenderImages(const v1::RebuildComparison& comparison, const TextOptions& options) {
  for (const v1::LevelComparison& level : comparison.levels()) {
    if (level.level() != "image" || level.equal() || level.then().empty() || level.now().empty()) continue;
    return Paint(fmt::format("    configs and files: crossmill diff {} {}\n", level.then(), level.now()),
                 Ink::kDim, options.colour);
  }
  return "";
}

std::string RenderPlatformPair(const BuildPair& builds, const v1::PlatformPair& pair,
                               const TextOptions& options, size_t paths) {
  std::string text = FormatPlatform(pair.platform()) + "\n";
  if (!pair.in_first() || !pair.in_second())
    return text + fmt::format("  only build {} has it\n", pair.in_first() ? builds.first : builds.second);
  if (pair.has_comparison()) {
    text += RenderResult(pair.comparison(), options);
    text += RenderLevels(pair.comparison(),
                         {fmt::format("build {}", builds.first), fmt::format("build {}", builds.second)},
                         options);
  }
  text += RenderImages(pair.comparison(), options);
  if (!pair.problem().empty()) text += fmt::format("  {}\n", Printable(pair.problem()));
  if (pair.has_divergence()) {
    text +=
        Paint("  they part here: ", Ink::kBold, options.colour) + Printable(pair.divergence_reason()) + "\n";
    text += RenderSteps(builds, pair, options);
  } else if (pair.steps_size() > 0) {
    text += fmt::format("  all {} steps are equal\n", pair.steps_size());
  }
  const std::string changes = RenderChanges(pair.changes(), options);
  text += changes.empty() ? "  no input that is recorded differs\n"
                          : fmt::format("  given otherwise to build {}:\n{}", builds.second, changes);
  return text + RenderDifferingSteps(builds, pair, options, paths);
}

Json PlaceJson(bool there, const v1::StepPlace& place) {
  if (!there) return Json();
  return {{"stage", place.stage()},       {"stage_name", place.stage_name()},   {"step", place.step_number()},
          {"file", place.range().file()}, {"line", place.range().first_line()}, {"text", place.text()}};
}

Json StepPairJson(const v1::PlatformPair& pair, const v1::StepPair& step) {
  Json compared;
  const auto& steps = pair.comparison().comparison().steps();
  if (step.has_compared() && static_cast<int>(step.compared()) < steps.size())
    compared = StepDocument(steps[static_cast<int>(step.compared())]);
  return {{"state", std::string(StateWord(step.state()))},
          {"same_key", step.has_compared() ? Json(step.same_key()) : Json()},
          {"after_difference", IsAfterDivergence(pair, step)},
          {"first", PlaceJson(step.has_first(), step.first())},
          {"second", PlaceJson(step.has_second(), step.second())},
          {"comparison", std::move(compared)}};
}

Json PlatformPairJson(const v1::PlatformPair& pair) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  const v1::RebuildComparison& comparison = pair.comparison();
  Json steps = Json::array();
  for (const v1::StepPair& step : pair.steps()) steps.push_back(StepPairJson(pair, step));
  return {{"platform", FormatPlatform(pair.platform())},
          {"in_first", pair.in_first()},
          {"in_second", pair.in_second()},
          {"result", pair.has_comparison() ? Json(RebuildWord(comparison.result())) : Json()},
          {"reason", text(comparison.reason())},
          {"levels", LevelsJson(comparison, {"first", "second"})},
          {"divergence", pair.has_divergence() ? Json(pair.divergence()) : Json()},
          {"divergence_reason", text(pair.divergence_reason())},
          {"steps", std::move(steps)},
          {"changes", pair.has_changes() ? ChangesJson(pair.changes()) : Json()},
          {"problem", text(pair.problem())}};
}

}  // namespace

std::string RenderBuildPair(const BuildPair& pair, const TextOptions& options, size_t paths) {
  std::string text = fmt::format("build {} and build {}\n", pair.first, pair.second);
  for (const v1::PlatformPair& platform : pair.platforms)
    text += RenderPlatformPair(pair, platform, options, paths);
  return text;
}

Json BuildPairJson(const BuildPair& pair) {
  Json platforms = Json::array();
  for (const v1::PlatformPair& platform : pair.platforms) platforms.push_back(PlatformPairJson(platform));
  return {{"first", pair.first}, {"second", pair.second}, {"platforms", std::move(platforms)}};
}

}  // namespace crossmill::cli
