#include "cli/history/render_history.h"

#include <utility>

#include "cli/history/render_rebuild.h"
#include "cli/show/render_build.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr int kLinesShown = 20;
constexpr int kNamesShown = 10;

std::string_view StandingWord(v1::Standing standing) {
  switch (standing) {
    case v1::STANDING_GOOD:
      return "good";
    case v1::STANDING_BAD:
      return "bad";
    default:
      return "unknown";
  }
}

std::string_view KindWord(v1::ContextChange::Kind kind) {
  switch (kind) {
    case v1::ContextChange::KIND_ADDED:
      return "added";
    case v1::ContextChange::KIND_REMOVED:
      return "removed";
    case v1::ContextChange::KIND_MODE:
      return "mode";
    default:
      return "content";
  }
}

Json TextOr(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json IdOr(int64_t id) { return id == 0 ? Json() : Json(id); }

std::string ShortDigest(const std::string& digest) {
  return digest.empty() ? "none" : digest.substr(0, digest.starts_with("sha256:") ? 19 : 12);
}

// What the row says: of a failure the status, else the verdict, and of a rebuild how it came out.
Table::Cell OutcomeCell(const v1::BuildHistoryRow& row) {
  std::string text;
  Ink ink = InkOf(row.verdict());
  if (row.status() != v1::BUILD_STATUS_SUCCEEDED) {
    text = fmt::format("{} {}", Glyph(row.status()), Word(row.status()));
    ink = InkOf(row.status());
  } else {
    text = fmt::format("{} {}", Glyph(row.verdict()), Word(row.verdict()));
    if (row.same_host()) text += " (same host)";
  }
  if (row.rebuild_of() != 0) {
    text += fmt::format("; {} {} build {}", RebuildWord(row.rebuild_result()),
                        row.rebuild_result() == v1::RebuildComparison::RESULT_EQUAL ? "to" : "from",
                        row.rebuild_of());
    if (row.rebuild_result() == v1::RebuildComparison::RESULT_DIFFERENT) ink = Ink::kRed;
  }
  return {text, ink};
}

std::string HostsText(const v1::BuildHistoryRow& row) {
  std::string text;
  for (const std::string& name : row.host_names()) text += (text.empty() ? "" : ", ") + name;
  if (row.executions() > 1) text += fmt::format(" ({} executions)", row.executions());
  return text;
}

std::string RenderLines(const v1::BuildChanges& changes, const TextOptions& options) {
  std::string text;
  for (int i = 0; i < changes.lines_size() && i < kLinesShown; ++i) {
    const v1::DockerfileLine& line = changes.lines(i);
    const bool added = line.now() != 0;
    text += Paint(fmt::format("    {} {:>4} | {}", added ? "+" : "-", added ? line.now() : line.before(),
                              Printable(line.text())),
                  added ? Ink::kGreen : Ink::kRed, options.colour) +
            "\n";
  }
  const auto shown = std::min<uint32_t>(kLinesShown, static_cast<uint32_t>(changes.lines_size()));
  if (changes.lines_total() > shown)
    text += fmt::format("    {} more lines\n", changes.lines_total() - shown);
  return text.empty() ? "" : "  Dockerfile:\n" + text;
}

std::string RenderPins(std::string_view what,
                       const google::protobuf::RepeatedPtrField<v1::BaseChange>& changes) {
  std::string text;
  for (const v1::BaseChange& change : changes) {
    text += fmt::format("  {} {}: {}, was {}\n", what, Printable(change.reference()),
                        ShortDigest(change.now()), ShortDigest(change.before()));
  }
  return text;
}

std::string RenderContext(const v1::BuildChanges& changes) {
  std::string text;
  for (int i = 0; i < changes.context_size() && i < kNamesShown; ++i) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", Printable(changes.context(i).path()),
                        KindWord(changes.context(i).kind()));
  }
  const auto shown = std::min<uint32_t>(kNamesShown, static_cast<uint32_t>(changes.context_size()));
  if (changes.context_total() > shown) text += fmt::format(", {} more", changes.context_total() - shown);
  if (!text.empty()) text = "  context: " + text + "\n";
  if (!changes.context_problem().empty())
    text +=
        fmt::format("  context: not everything is known of it: {}\n", Printable(changes.context_problem()));
  return text;
}

std::string RenderPackages(const v1::BuildChanges& changes) {
  std::string text;
  for (int i = 0; i < changes.packages_size() && i < kNamesShown; ++i) {
    const v1::PackageChange& change = changes.packages(i);
    text += fmt::format("  package {}: {}", change.name(), Word(change.kind()));
    if (change.version_before() != change.version())
      text += fmt::format(", {} -> {}", change.version_before().empty() ? "none" : change.version_before(),
                          change.version().empty() ? "none" : change.version());
    text += "\n";
  }
  if (changes.packages_size() > kNamesShown)
    text += fmt::format("  {} more packages\n", changes.packages_size() - kNamesShown);
  return text;
}

std::string RenderRegression(const v1::Regression& regression, const TextOptions& options) {
  const std::string where = FormatPlatform(regression.platform());
  std::string text =
      Paint(fmt::format("{}: bad since build {}", where, regression.first_bad()), Ink::kRed, options.colour);
  if (regression.good_again() != 0)
    text = fmt::format("{}: bad from build {} on, good again in build {}", where, regression.first_bad(),
                       regression.good_again());
  text += fmt::format(" ({})\n", regression.recipe());
  if (!regression.reason().empty()) text += fmt::format("  {}\n", Printable(regression.reason()));
  for (const v1::StepComparison& step : regression.steps()) {
    text +=
        fmt::format("  {}:{} {}\n", step.range().file(), step.range().first_line(), Printable(step.text()));
    for (const v1::CauseGroup& group : step.causes()) {
      text += fmt::format("    {}: {}\n", group.paths().empty() ? "" : Printable(group.paths(0)),
                          Printable(group.cause().evidence()));
    }
  }
  if (regression.last_good() == 0) return text + "  no build before it was good\n";
  if (!regression.changes_problem().empty())
    return text + fmt::format("  {}\n", Printable(regression.changes_problem()));
  text += Paint(fmt::format(
                    "  what changed since build {}, the last good one{}:", regression.last_good(),
                    regression.undecided_between() > 0
                        ? fmt::format(" ({} builds between them say nothing)", regression.undecided_between())
                        : ""),
                Ink::kBold, options.colour) +
          "\n";
  const std::string changes = RenderChanges(regression.changes(), options);
  if (!changes.empty()) return text + changes;
  return text +
         "  nothing that is recorded of their input: it depends on chance, on time or on the host "
         "(`crossmill diff` of the bad one says on what)\n";
}

Json PinsJson(const google::protobuf::RepeatedPtrField<v1::BaseChange>& changes) {
  Json list = Json::array();
  for (const v1::BaseChange& change : changes) {
    list.push_back({{"reference", change.reference()},
                    {"before", TextOr(change.before())},
                    {"now", TextOr(change.now())}});
  }
  return list;
}

Json RegressionJson(const v1::Regression& regression) {
  Json steps = Json::array();
  for (const v1::StepComparison& step : regression.steps()) {
    Json causes = Json::array();
    for (const v1::CauseGroup& group : step.causes()) {
      causes.push_back({{"class", group.cause().class_()},
                        {"evidence", TextOr(group.cause().evidence())},
                        {"path", group.paths().empty() ? Json() : Json(group.paths(0))}});
    }
    steps.push_back({{"stage_name", step.stage_name()},
                     {"step", step.step_number()},
                     {"file", step.range().file()},
                     {"line", step.range().first_line()},
                     {"text", step.text()},
                     {"causes", std::move(causes)}});
  }
  return {{"recipe", regression.recipe()},
          {"platform", FormatPlatform(regression.platform())},
          {"last_good", IdOr(regression.last_good())},
          {"first_bad", regression.first_bad()},
          {"good_again", IdOr(regression.good_again())},
          {"verdict", Word(regression.verdict())},
          {"reason", TextOr(regression.reason())},
          {"steps", std::move(steps)},
          {"undecided_between", regression.undecided_between()},
          {"changes", regression.has_changes() ? ChangesJson(regression.changes()) : Json()},
          {"changes_problem", TextOr(regression.changes_problem())}};
}

Json RowJson(const v1::BuildHistoryRow& row) {
  Json hosts = Json::array();
  for (const std::string& name : row.host_names()) hosts.push_back(name);
  return {{"build", row.build_id()},
          {"recipe", row.recipe()},
          {"label", row.label()},
          {"platform", FormatPlatform(row.platform())},
          {"submitted_at", FormatRfc3339(row.submitted_at())},
          {"finished_at", FormatRfc3339(row.finished_at())},
          {"status", Word(row.status())},
          {"verdict", Word(row.verdict())},
          {"standing", StandingWord(row.standing())},
          {"level", TextOr(row.level())},
          {"reason", TextOr(row.reason())},
          {"hosts", row.hosts()},
          {"host_names", std::move(hosts)},
          {"executions", row.executions()},
          {"same_host", row.same_host()},
          {"emulated", row.emulated()},
          {"image_digest", TextOr(row.image_digest())},
          {"index_digest", TextOr(row.index_digest())},
          {"rebuild_of", IdOr(row.rebuild_of())},
          {"rebuild_result", row.rebuild_of() == 0 ? Json() : Json(RebuildWord(row.rebuild_result()))}};
}

// Of those that were judged; null where none was.
Json Rate(uint32_t count, uint32_t judged) {
  return judged == 0 ? Json() : Json(static_cast<double>(count) / judged);
}

Json CountsJson(const v1::VerdictCounts& counts) {
  return {{"recipe", counts.recipe()},
          {"platform", FormatPlatform(counts.platform())},
          {"builds", counts.builds()},
          {"judged", counts.judged()},
          {"reproducible", counts.reproducible()},
          {"unreproducible", counts.unreproducible()},
          {"input_drift", counts.input_drift()},
          {"flaky", counts.flaky()},
          {"failed", counts.failed()},
          {"flaky_rate", Rate(counts.flaky(), counts.judged())},
          {"unreproducible_rate", Rate(counts.unreproducible(), counts.judged())}};
}

std::string RenderCounts(const v1::VerdictCounts& counts) {
  std::string text = fmt::format("{}: {} builds, {} judged", FormatPlatform(counts.platform()),
                                 counts.builds(), counts.judged());
  if (counts.judged() > 0) {
    text +=
        fmt::format(": {} reproducible, {} unreproducible, {} input-drift, {} failed, {} flaky ({:.0f} %)",
                    counts.reproducible(), counts.unreproducible(), counts.input_drift(), counts.failed(),
                    counts.flaky(), 100.0 * counts.flaky() / counts.judged());
  }
  return text + "\n";
}

}  // namespace

std::string RenderChanges(const v1::BuildChanges& changes, const TextOptions& options) {
  std::string text = RenderLines(changes, options) + RenderPins("base", changes.bases()) +
                     RenderContext(changes) + RenderPins("ADD", changes.remote_sources()) +
                     RenderPackages(changes);
  std::string arguments;
  for (const std::string& name : changes.arguments()) arguments += (arguments.empty() ? "" : ", ") + name;
  if (!arguments.empty()) text += fmt::format("  build arguments with other values: {}\n", arguments);
  for (const std::string& other : changes.others()) text += fmt::format("  {}\n", Printable(other));
  return text;
}

Json ChangesJson(const v1::BuildChanges& changes) {
  Json lines = Json::array();
  for (const v1::DockerfileLine& line : changes.lines())
    lines.push_back({{"before", IdOr(line.before())}, {"now", IdOr(line.now())}, {"text", line.text()}});
  Json context = Json::array();
  for (const v1::ContextChange& change : changes.context())
    context.push_back({{"path", change.path()}, {"kind", KindWord(change.kind())}});
  Json packages = Json::array();
  for (const v1::PackageChange& change : changes.packages()) {
    packages.push_back({{"name", change.name()},
                        {"kind", Word(change.kind())},
                        {"version_before", TextOr(change.version_before())},
                        {"version", TextOr(change.version())}});
  }
  Json arguments = Json::array();
  for (const std::string& name : changes.arguments()) arguments.push_back(name);
  Json others = Json::array();
  for (const std::string& other : changes.others()) others.push_back(other);
  return {{"dockerfile_lines", std::move(lines)},     {"dockerfile_lines_total", changes.lines_total()},
          {"bases", PinsJson(changes.bases())},       {"context", std::move(context)},
          {"context_total", changes.context_total()}, {"context_problem", TextOr(changes.context_problem())},
          {"packages", std::move(packages)},          {"remote_sources", PinsJson(changes.remote_sources())},
          {"arguments", std::move(arguments)},        {"others", std::move(others)}};
}

std::string RenderRecipeHistory(const v1::BuildHistoryResponse& history, int64_t now_nanos,
                                const TextOptions& options) {
  Table table({{"BUILD", Table::Align::kRight}, {"PLATFORM"}, {"VERDICT"}, {"IMAGE"}, {"HOSTS"}, {"WHEN"}},
              4);
  for (const v1::BuildHistoryRow& row : history.rows()) {
    table.Add({{std::to_string(row.build_id())},
               {FormatPlatform(row.platform()) + (row.emulated() ? " (emulated)" : "")},
               OutcomeCell(row),
               {row.image_digest().empty() ? "-" : ShortDigest(row.image_digest())},
               {Printable(HostsText(row))},
               {FormatAge(row.finished_at(), now_nanos), Ink::kDim}});
  }
  std::string text = table.Render(options);
  if (history.more()) text += "there are more: -n\n";
  if (history.more_recipes()) text += "the name stands for more recipes than are listed\n";
  text += "\nof these:\n";
  for (const v1::VerdictCounts& counts : history.counts()) text += "  " + RenderCounts(counts);
  for (const v1::Regression& regression : history.regressions())
    text += "\n" + RenderRegression(regression, options);
  return text;
}

Json RecipeHistoryJson(const v1::BuildHistoryResponse& history) {
  Json rows = Json::array();
  for (const v1::BuildHistoryRow& row : history.rows()) rows.push_back(RowJson(row));
  Json regressions = Json::array();
  for (const v1::Regression& regression : history.regressions())
    regressions.push_back(RegressionJson(regression));
  Json counts = Json::array();
  for (const v1::VerdictCounts& each : history.counts()) counts.push_back(CountsJson(each));
  return {{"rows", std::move(rows)},
          {"more", history.more()},
          {"more_recipes", history.more_recipes()},
          {"counts", std::move(counts)},
          {"regressions", std::move(regressions)}};
}

std::string RenderDueBuilds(const v1::ReverifyBuildsResponse& due, bool dry_run, int64_t now_nanos,
                            const TextOptions& options) {
  if (due.builds().empty()) return "no build is due\n";
  Table table({{"BUILD", Table::Align::kRight}, {"RECIPE"}, {"VERIFIED"}, {dry_run ? "" : "REBUILD"}}, 1);
  for (const v1::DueBuild& build : due.builds()) {
    table.Add({{std::to_string(build.build_id())},
               {Printable(build.label())},
               {FormatAge(build.verified_at(), now_nanos), Ink::kDim},
               dry_run                   ? Table::Cell{"due"}
               : build.problem().empty() ? Table::Cell{std::to_string(build.rebuild())}
                                         : Table::Cell{Printable(build.problem()), Ink::kRed}});
  }
  return table.Render(options) + (due.more() ? "there are more: --max\n" : "");
}

Json DueBuildsJson(const v1::ReverifyBuildsResponse& due) {
  Json builds = Json::array();
  for (const v1::DueBuild& build : due.builds()) {
    builds.push_back({{"build", build.build_id()},
                      {"recipe", build.recipe()},
                      {"label", build.label()},
                      {"verified_at", FormatRfc3339(build.verified_at())},
                      {"rebuild", IdOr(build.rebuild())},
                      {"problem", TextOr(build.problem())}});
  }
  return {{"builds", std::move(builds)}, {"more", due.more()}};
}

}  // namespace crossmill::cli
