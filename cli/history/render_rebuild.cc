#include "cli/history/render_rebuild.h"

#include <algorithm>
#include <utility>

#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_build.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using Result = v1::RebuildComparison::Result;

// What people call a level.
std::string LevelName(const std::string& level) {
  if (level == "image") return "image manifest";
  if (level == "blobs") return "compressed layers";
  return level;
}

Table::Cell LevelOutcome(const v1::LevelComparison& level, const TwoSides& sides) {
  if (!level.problem().empty()) return {"not compared: " + Printable(level.problem()), Ink::kYellow};
  if (level.equal()) return {"equal", Ink::kGreen};
  if (level.layers() > 0)
    return {fmt::format("{} of {} equal", level.equal_layers(), level.layers()), Ink::kRed};
  return {fmt::format("differs: {} {}, {} {}", sides.first, level.then(), sides.second, level.now()),
          Ink::kRed};
}

bool IsAfterDifference(const v1::RebuildComparison& rebuild, int index) {
  return std::find(rebuild.after_difference().begin(), rebuild.after_difference().end(),
                   static_cast<uint32_t>(index)) != rebuild.after_difference().end();
}

// "  ✓ equal".
std::string ResultText(Result result, const TextOptions& options) {
  return "  " + Paint(fmt::format("{} {}", ResultGlyph(result), RebuildWord(result)), ResultInk(result),
                      options.colour);
}

std::string RenderRebuiltCell(const v1::BuildView& build, const v1::CellView& cell,
                              const TextOptions& options, size_t paths) {
  const v1::RebuildComparison& rebuild = cell.rebuild();
  std::string text = PlatformLabel(cell) + "\n";
  if (!cell.has_rebuild()) {
    return text + ResultText(rebuild.result(), options) +
           fmt::format(": the platform is {}{}\n", Word(cell.status()),
                       cell.message().empty() ? "" : ": " + Printable(cell.message()));
  }
  text += RenderResult(rebuild, options) + RenderLevels(rebuild, {"then", "now"}, options) +
          RenderNormalizations(build, cell, options);
  const v1::CellComparison& comparison = rebuild.comparison();
  if (!comparison.circumstances().empty())
    text += fmt::format("    then and now: {}\n", Printable(comparison.circumstances()));
  for (int i = 0; i < comparison.steps_size(); ++i) {
    const v1::StepComparison& step = comparison.steps(i);
    if (step.agrees()) continue;
    text += RenderStepDifference(build, step, options, paths,
                                 fmt::format("crossmill diff {} {}", rebuild.build(), build.id()));
    if (IsAfterDifference(rebuild, i)) {
      text += Paint(
          "      executed on other layers than then, because a step before it differs: that may be why\n",
          Ink::kDim, options.colour);
    }
  }
  if (build.options().verify() > 1) {
    const std::string verdict = RenderVerdict(build, cell, options, paths);
    if (!verdict.empty()) text += "  the executions of the rebuild among themselves:\n" + verdict;
  }
  return text;
}

Json LevelJson(const v1::LevelComparison& level, const TwoSides& sides) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json json = {{"level", level.level()},
               {"equal", level.problem().empty() ? Json(level.equal()) : Json()},
               {sides.first, text(level.then())},
               {sides.second, text(level.now())},
               {"layers", Json()},
               {"equal_layers", Json()},
               {"problem", text(level.problem())}};
  if (level.layers() > 0 && level.problem().empty()) {
    json["layers"] = level.layers();
    json["equal_layers"] = level.equal_layers();
  }
  return json;
}

Json RebuiltCellJson(const v1::CellView& cell) {
  const v1::RebuildComparison& rebuild = cell.rebuild();
  Json comparison = ComparisonDocument(rebuild.comparison(), true);
  for (int i = 0; i < rebuild.comparison().steps_size(); ++i)
    comparison["steps"][i]["after_difference"] = IsAfterDifference(rebuild, i);
  const v1::Verdict then_and_now = rebuild.comparison().verdict();
  return {
      {"platform", FormatPlatform(cell.platform())},
      {"status", crossmill::Word(cell.status())},
      {"message", cell.message().empty() ? Json() : Json(cell.message())},
      {"result", cell.has_rebuild() ? Json(RebuildWord(rebuild.result())) : Json()},
      {"reason", rebuild.reason().empty() ? Json() : Json(rebuild.reason())},
      {"difference", then_and_now == v1::VERDICT_UNSPECIFIED ? Json() : Json(crossmill::Word(then_and_now))},
      {"levels", LevelsJson(rebuild, {"then", "now"})},
      {"comparison", std::move(comparison)},
      {"verdict",
       crossmill::Word(cell.comparison().verdict() == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED
                                                                              : cell.comparison().verdict())},
      {"image_digest", cell.image_digest().empty() ? Json() : Json(cell.image_digest())}};
}

}  // namespace

std::string_view ResultGlyph(v1::RebuildComparison::Result result) {
  switch (result) {
    case v1::RebuildComparison::RESULT_EQUAL:
      return "✓";
    case v1::RebuildComparison::RESULT_DIFFERENT:
      return "✗";
    default:
      return "?";
  }
}

Ink ResultInk(v1::RebuildComparison::Result result) {
  switch (result) {
    case v1::RebuildComparison::RESULT_EQUAL:
      return Ink::kGreen;
    case v1::RebuildComparison::RESULT_DIFFERENT:
      return Ink::kRed;
    default:
      return Ink::kYellow;
  }
}

std::string_view RebuildWord(Result result) {
  switch (result) {
    case v1::RebuildComparison::RESULT_EQUAL:
      return "equal";
    case v1::RebuildComparison::RESULT_DIFFERENT:
      return "different";
    case v1::RebuildComparison::RESULT_UNKNOWN:
      return "unknown";
    default:
      return "not compared";
  }
}

v1::RebuildComparison::Result ResultOf(const v1::BuildView& rebuild) {
  Result result =
      rebuild.cells().empty() ? v1::RebuildComparison::RESULT_UNKNOWN : v1::RebuildComparison::RESULT_EQUAL;
  for (const v1::CellView& cell : rebuild.cells()) {
    if (cell.rebuild().result() == v1::RebuildComparison::RESULT_DIFFERENT)
      return v1::RebuildComparison::RESULT_DIFFERENT;
    if (cell.rebuild().result() != v1::RebuildComparison::RESULT_EQUAL)
      result = v1::RebuildComparison::RESULT_UNKNOWN;
  }
  return result;
}

std::string RenderResult(const v1::RebuildComparison& comparison, const TextOptions& options) {
  return fmt::format("{}: {}\n", ResultText(comparison.result(), options), Printable(comparison.reason()));
}

std::string RenderLevels(const v1::RebuildComparison& comparison, const TwoSides& sides,
                         const TextOptions& options) {
  Table levels({{""}, {""}});
  for (const v1::LevelComparison& level : comparison.levels())
    levels.Add({{LevelName(level.level()), Ink::kDim}, LevelOutcome(level, sides)});
  return levels.Render(options, 4);
}

Json LevelsJson(const v1::RebuildComparison& comparison, const TwoSides& sides) {
  Json levels = Json::array();
  for (const v1::LevelComparison& level : comparison.levels()) levels.push_back(LevelJson(level, sides));
  return levels;
}

std::string RenderRebuild(const v1::BuildView& rebuild, const TextOptions& options, size_t paths) {
  std::string text = RenderHeader(rebuild, options);
  text += fmt::format("  then     {}\n", rebuild.rebuild().index_digest());
  if (!rebuild.index_digest().empty()) {
    const bool equal = rebuild.index_digest() == rebuild.rebuild().index_digest();
    text += "  index    " +
            Paint(equal ? "equal" : "differs", equal ? Ink::kGreen : Ink::kRed, options.colour) + "\n";
  }
  for (const v1::CellView& cell : rebuild.cells()) text += RenderRebuiltCell(rebuild, cell, options, paths);
  return text;
}

Json RebuildJson(const v1::BuildView& rebuild) {
  Json cells = Json::array();
  for (const v1::CellView& cell : rebuild.cells()) cells.push_back(RebuiltCellJson(cell));
  Json now = rebuild.index_digest().empty() ? Json() : Json(rebuild.index_digest());
  return {{"id", rebuild.id()},
          {"rebuild_of", rebuild.rebuild().build()},
          {"status", crossmill::Word(rebuild.status())},
          {"message", rebuild.message().empty() ? Json() : Json(rebuild.message())},
          {"result", RebuildWord(ResultOf(rebuild))},
          {"index_then", rebuild.rebuild().index_digest()},
          {"index_now", std::move(now)},
          {"verdict", crossmill::Word(OverallVerdict(rebuild))},
          {"cells", std::move(cells)}};
}

int RebuildExitCode(const v1::BuildView& rebuild) {
  const int built = ExitCodeOf(rebuild, false);
  if (built != kExitOk) return built;
  const Result result = ResultOf(rebuild);
  if (result == v1::RebuildComparison::RESULT_DIFFERENT) return kExitNotReproducible;
  const int verdict = rebuild.options().verify() > 1 ? ExitCodeOf(rebuild, true) : kExitOk;
  if (verdict != kExitOk) return verdict;
  return result == v1::RebuildComparison::RESULT_EQUAL ? kExitOk : kExitInconclusive;
}

}  // namespace crossmill::cli
