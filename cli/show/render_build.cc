#include "cli/show/render_build.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "cli/show/acceleration/render_acceleration.h"
#include "cli/show/build_model.h"
#include "cli/show/causes.h"
#include "cli/show/render_fetches.h"
#include "cli/show/render_package_history.h"
#include "cli/show/render_packages.h"
#include "cli/use/step_use.h"
#include "common/words/levels.h"
#include "common/words/platform.h"
#include "common/words/priority.h"
#include "common/words/words.h"
#include "common/words/worker_labels.h"

namespace crossmill::cli {
namespace {

using Cell = Table::Cell;

v1::BuildStatus ShownStatus(const v1::CellView& cell) {
  return IsBuilt(cell) ? v1::BUILD_STATUS_SUCCEEDED : cell.status();
}

// "✓ built" while its image is being packed.
std::string CellWord(const v1::CellView& cell) {
  return fmt::format("{} {}", Glyph(ShownStatus(cell)), IsBuilt(cell) ? "built" : Word(cell.status()));
}

const v1::StageView* FindStage(const v1::BuildView& build, uint32_t index) {
  for (const v1::StageView& stage : build.stages()) {
    if (stage.index() == index) return &stage;
  }
  return nullptr;
}

double BuildSeconds(const v1::BuildView& build) {
  if (IsBuilt(build)) {
    double longest = 0;
    for (const v1::CellView& cell : build.cells()) longest = std::max(longest, cell.seconds());
    return longest;
  }
  if (build.finished_at() == 0) return -1;
  return static_cast<double>(build.finished_at() - build.created_at()) / 1e9;
}

std::string Short(std::string_view digest) {
  const size_t colon = digest.find(':');
  return std::string(digest.substr(0, colon == std::string_view::npos ? 12 : colon + 13));
}

// "2/2 agree", "differs", "flaky", "" when the step has no replicas.
Cell Agreement(const v1::StepView& step) {
  int finished = 0;
  int agreeing = 0;
  for (const v1::ReplicaStep& replica : step.replicas()) {
    if (replica.status() == v1::STEP_STATUS_FAILED && step.has_layer()) return {"flaky", Ink::kRed};
    if (!replica.has_layer()) continue;
    ++finished;
    if (replica.layer().tar().hash() == step.layer().tar().hash()) ++agreeing;
  }
  if (finished == 0) return {};
  if (agreeing < finished) return {"differs", Ink::kRed};
  return {fmt::format("{0}/{0} agree", finished + 1), Ink::kGreen};
}

Cell StepState(const v1::StepView& step) {
  switch (step.status()) {
    case v1::STEP_STATUS_CACHED:
      return {"cached", Ink::kGreen};
    case v1::STEP_STATUS_SHARED:
      return {"shared", Ink::kGreen};
    case v1::STEP_STATUS_FAILED:
      return {"FAILED", Ink::kRed};
    case v1::STEP_STATUS_EXECUTED:
      return {"executed", Ink::kPlain};
    default:
      return {std::string(Word(step.status())), Ink::kDim};
  }
}

Cell StepTime(const v1::StepView& step) {
  switch (step.status()) {
    case v1::STEP_STATUS_EXECUTED:
    case v1::STEP_STATUS_FAILED:
      return {FormatSeconds(step.seconds())};
    // The time of the execution, which the cache saved.
    case v1::STEP_STATUS_CACHED:
    case v1::STEP_STATUS_SHARED:
      return {fmt::format("({})", FormatSeconds(step.seconds())), Ink::kDim};
    default:
      return {};
  }
}

std::string WorkerText(const v1::StepView& step) {
  std::vector<std::string> words;
  if (!step.worker().empty()) words.push_back(step.worker());
  if (step.emulated()) words.emplace_back("emulated");
  if (step.distrusted()) words.emplace_back("not believed");
  return absl::StrJoin(words, ", ");
}

void AddStageRows(const v1::BuildView& build, const v1::StageView& stage, Table* table) {
  const uint32_t last = LastStepNumber(stage);
  const bool has_from = !stage.steps().empty() && stage.steps(0).number() == 1;
  if (!has_from) {
    const bool stand_in =
        stage.base() >= 0 && stage.base() < build.bases_size() && build.bases(stage.base()).stand_in();
    table->Add({{fmt::format("1/{}", last)},
                {Printable(stage.from_text())},
                {stand_in            ? "stand-in"
                 : stage.base() >= 0 ? "base"
                                     : "",
                 Ink::kDim}});
  }
  for (const v1::StepView& step : stage.steps()) {
    const bool layer = step.has_layer() && step.status() != v1::STEP_STATUS_METADATA;
    table->Add({{fmt::format("{}/{}", step.number(), last)},
                {Printable(step.text())},
                StepState(step),
                StepTime(step),
                {layer ? "+" + FormatBytes(step.layer().tar().size_bytes()) : ""},
                Agreement(step),
                {WorkerText(step), Ink::kDim}});
  }
}

std::string Ordinal(int index) {
  if (index == 0) return "first";
  if (index == 1) return "second";
  if (index == 2) return "third";
  return fmt::format("{}th", index + 1);
}

constexpr size_t kCausesOfReport = 8;

// What its executions gave. One that failed has no layer, and nothing differs from it.
std::string RenderWitnesses(const v1::StepComparison& step, uint32_t total) {
  std::string layers;
  std::string failures;
  std::set<std::string> different;
  for (const v1::Witness& witness : step.witnesses()) {
    if (witness.has_layer()) {
      different.insert(witness.layer().tar().hash());
      layers += fmt::format("{}{} {}", layers.empty() ? "" : ", ", witness.worker(),
                            Short("sha256:" + witness.layer().tar().hash()));
    } else {
      failures += fmt::format("{}failed on {}{}", failures.empty() ? "" : ", ", witness.worker(),
                              witness.failure().empty() ? "" : ": " + Printable(witness.failure()));
    }
  }
  std::string result = failures;
  if (different.size() > 1 || (failures.empty() && different.empty())) {
    const std::string_view reaches =
        step.reaches_image() ? "it reaches the image" : "none of it reaches the image";
    result += fmt::format("{}{} {}; {}", result.empty() ? "" : "; ", total,
                          total == 1 ? "path differs" : "paths differ", reaches);
  }
  if (layers.empty()) return result;
  return fmt::format("{}; {}: {}", result, different.size() > 1 ? "layers" : "layer", layers);
}

// "3 files", or what was set.
std::string Deed(const v1::Normalization& one) {
  if (one.files() > 0) return fmt::format("{} {}", one.files(), one.files() == 1 ? "file" : "files");
  std::string variables;
  for (const std::string& variable : one.variables())
    variables += (variables.empty() ? "" : ", ") + Printable(variable);
  return variables;
}

// One rule of --normalize over the steps of a cell.
struct NormalizedRule {
  v1::Normalization sum;
  size_t steps = 0;
};

// In the order of their first step.
std::vector<NormalizedRule> NormalizedRules(const v1::BuildView& build, const v1::CellView& cell) {
  constexpr int kMostPackageFiles = 16;
  std::vector<NormalizedRule> rules;
  const auto add = [&](const v1::Normalization& one) {
    auto rule = std::find_if(rules.begin(), rules.end(),
                             [&](const NormalizedRule& known) { return known.sum.rule() == one.rule(); });
    if (rule == rules.end()) {
      rule = rules.emplace(rules.end());
      rule->sum.set_rule(one.rule());
      *rule->sum.mutable_variables() = one.variables();
    }
    ++rule->steps;
    rule->sum.set_files(rule->sum.files() + one.files());
    for (const std::string& path : one.package_files()) {
      if (rule->sum.package_files_size() < kMostPackageFiles) rule->sum.add_package_files(path);
    }
  };
  for (const uint32_t index : cell.stages()) {
    if (index >= static_cast<uint32_t>(build.stages_size())) continue;
    for (const v1::StepView& step : build.stages(static_cast<int>(index)).steps())
      for (const v1::Normalization& one : step.normalizations()) add(one);
  }
  return rules;
}

}  // namespace

Ink InkOf(v1::BuildStatus status) {
  switch (status) {
    case v1::BUILD_STATUS_SUCCEEDED:
      return Ink::kGreen;
    case v1::BUILD_STATUS_FAILED:
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
    case v1::BUILD_STATUS_TIMED_OUT:
      return Ink::kRed;
    case v1::BUILD_STATUS_CANCELLED:
      return Ink::kYellow;
    default:
      return Ink::kCyan;
  }
}

Ink InkOf(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_REPRODUCIBLE:
      return Ink::kGreen;
    case v1::VERDICT_UNVERIFIED:
    case v1::VERDICT_UNSPECIFIED:
      return Ink::kDim;
    case v1::VERDICT_INCONCLUSIVE:
      return Ink::kYellow;
    default:
      return Ink::kRed;
  }
}

std::string_view Glyph(v1::BuildStatus status) {
  switch (status) {
    case v1::BUILD_STATUS_SUCCEEDED:
      return "✓";
    case v1::BUILD_STATUS_FAILED:
    case v1::BUILD_STATUS_TIMED_OUT:
      return "✗";
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
      return "!";
    case v1::BUILD_STATUS_CANCELLED:
      return "⊘";
    case v1::BUILD_STATUS_RUNNING:
      return "▸";
    default:
      return "·";
  }
}

std::string_view Glyph(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_REPRODUCIBLE:
      return "✓";
    case v1::VERDICT_UNVERIFIED:
    case v1::VERDICT_UNSPECIFIED:
      return "-";
    case v1::VERDICT_INCONCLUSIVE:
      return "?";
    default:
      return "✗";
  }
}

std::vector<std::string> NamesSetBy(const v1::BuildView& build) {
  if (build.has_rebuild()) return {};
  return {build.options().tags().begin(), build.options().tags().end()};
}

std::string PlatformLabel(const v1::CellView& cell) {
  return FormatPlatform(cell.platform()) + (cell.emulated() ? " (emulated)" : "");
}

std::string StageLabel(const v1::StageView& stage) {
  const bool named = stage.name().find_first_not_of("0123456789") != std::string::npos;
  return named ? stage.name() : "stage-" + stage.name();
}

std::string StepLabel(const v1::StageView& stage, uint32_t number) {
  return fmt::format("{} {}/{}", StageLabel(stage), number, LastStepNumber(stage));
}

std::string RenderHeader(const v1::BuildView& build, const TextOptions& options) {
  const v1::BuildStatus shown = IsBuilt(build) ? v1::BUILD_STATUS_SUCCEEDED : build.status();
  std::string line = fmt::format("Build {} ", build.id());
  line = Paint(line, Ink::kBold, options.colour) +
         Paint(fmt::format("{} {}", Glyph(shown), IsBuilt(build) ? "built" : Word(shown)), InkOf(shown),
               options.colour);
  if (BuildSeconds(build) >= 0) line += fmt::format(" in {}", FormatSeconds(BuildSeconds(build)));
  std::string result = line + "\n";
  Table table({{""}, {""}});
  const auto add = [&](std::string name, std::string value) {
    if (!value.empty()) table.Add({{std::move(name), Ink::kDim}, {std::move(value)}});
  };
  add("message", Printable(build.message()));
  add("target", build.target());
  std::string tags;
  for (const std::string& tag : NamesSetBy(build)) tags += (tags.empty() ? "" : ", ") + tag;
  add("tags", tags);
  if (build.has_matrix()) {
    add("matrix",
        fmt::format("m{}: {}", build.matrix().matrix(), Printable(FormatCombination(build.matrix()))));
  }
  if (build.shared()) add("shared", "all projects may read it");
  if (build.options().priority() != 0) add("priority", FormatPriority(build.options().priority()));
  add("pool", Printable(build.options().pool()));
  std::string constraints;
  for (const v1::WorkerConstraint& constraint : build.options().constraints())
    constraints += (constraints.empty() ? "" : ", ") + Printable(FormatConstraint(constraint));
  add("constraints", constraints);
  if (build.has_rebuild()) add("rebuild", fmt::format("of build {}", build.rebuild().build()));
  add("index", IsBuilt(build)
                   ? fmt::format("being packed; `crossmill show {}` tells its digest then", build.id())
                   : build.index_digest());
  for (const v1::PinnedImage& base : build.bases()) {
    add("base", fmt::format("{} {} {}{}", base.reference(), FormatPlatform(base.platform()),
                            base.manifest_digest(), base.stand_in() ? " stand-in" : ""));
  }
  result += table.Render(options, 2);
  for (const std::string& warning : build.warnings()) {
    result += fmt::format("  {} {}\n", Paint("warning:", Ink::kYellow, options.colour), Printable(warning));
  }
  for (const std::string& wait : build.waits()) result += fmt::format("  {}\n", Printable(wait));
  return result;
}

std::string RenderMatrix(const v1::BuildView& build, const TextOptions& options) {
  Table table({{"PLATFORM"},
               {"STATUS"},
               {"TIME", Table::Align::kRight},
               {"IMAGE", Table::Align::kRight},
               {"VERDICT"},
               {"DIGEST"}},
              5);
  for (const v1::CellView& cell : build.cells()) {
    const v1::CellComparison& comparison = cell.comparison();
    std::string verdict =
        fmt::format("{} {}", Glyph(comparison.verdict()),
                    comparison.verdict() == v1::VERDICT_UNSPECIFIED ? Word(v1::VERDICT_UNVERIFIED)
                                                                    : Word(comparison.verdict()));
    if (comparison.same_host()) verdict += " (same host)";
    table.Add({{PlatformLabel(cell), Ink::kBold},
               {CellWord(cell), InkOf(ShownStatus(cell))},
               {cell.seconds() > 0 ? FormatSeconds(cell.seconds()) : ""},
               {cell.image_bytes() > 0 ? FormatBytes(cell.image_bytes()) : ""},
               {verdict, InkOf(comparison.verdict())},
               {Short(cell.image_digest())}});
  }
  return table.Render(options);
}

std::string RenderCell(const v1::BuildView& build, const v1::CellView& cell, const TextOptions& options) {
  std::string result = Paint(PlatformLabel(cell), Ink::kBold, options.colour) + "  " +
                       Paint(CellWord(cell), InkOf(ShownStatus(cell)), options.colour) +
                       (cell.seconds() > 0 ? " in " + FormatSeconds(cell.seconds()) : "") + "\n";
  // Said once: the header has the first failure of all.
  if (!cell.message().empty() && cell.message() != build.message())
    result += fmt::format("  {}\n", Printable(cell.message()));
  if (!cell.image_digest().empty()) result += fmt::format("  image {}\n", cell.image_digest());
  for (const uint32_t index : cell.stages()) {
    const v1::StageView* stage = FindStage(build, index);
    if (stage == nullptr) continue;
    std::string heading = StageLabel(*stage);
    if (!SamePlatform(stage->platform(), cell.platform())) {
      heading += fmt::format(" (on {})", FormatPlatform(stage->platform()));
    }
    if (stage->size_bytes() > 0) heading += "  " + FormatBytes(stage->size_bytes());
    if (index == cell.target_stage()) heading += "  = image";
    result += fmt::format("  {}\n", Paint(heading, Ink::kCyan, options.colour));
    if (!stage->message().empty() && stage->message() != cell.message())
      result += fmt::format("    {}\n", Printable(stage->message()));
    Table table({{"", Table::Align::kRight},
                 {""},
                 {""},
                 {"", Table::Align::kRight},
                 {"", Table::Align::kRight},
                 {""},
                 {""}},
                1);
    AddStageRows(build, *stage, &table);
    result += table.Render(options, 4);
  }
  const int64_t saved = cell.all_stages_bytes() - cell.image_bytes();
  if (cell.image_bytes() > 0 && cell.all_stages_bytes() > 0) {
    result += fmt::format("  sizes  all stages {}, image {}", FormatBytes(cell.all_stages_bytes()),
                          FormatBytes(cell.image_bytes()));
    if (saved > 0 && cell.stages_size() > 1) {
      result +=
          fmt::format(": multi-stage saved {} ({:.0f} %)", FormatBytes(saved),
                      100.0 * static_cast<double>(saved) / static_cast<double>(cell.all_stages_bytes()));
    }
    result += "\n";
  }
  return result;
}

std::string NormalizationText(const v1::Normalization& one) {
  return fmt::format("{} ({})", Printable(one.rule()), Deed(one));
}

std::string RenderNormalizations(const v1::BuildView& build, const v1::CellView& cell,
                                 const TextOptions& options) {
  std::vector<NormalizedRule> rules = NormalizedRules(build, cell);
  if (rules.empty()) return "";
  Table table({{""}, {""}, {""}});
  for (const NormalizedRule& rule : rules) {
    table.Add({{Printable(rule.sum.rule())},
               {fmt::format("{} {}", rule.steps, rule.steps == 1 ? "step" : "steps")},
               {Deed(rule.sum), Ink::kDim}});
    for (const std::string& path : rule.sum.package_files()) {
      table.Add({{""}, {"package's", Ink::kYellow}, {"/" + Printable(path)}});
    }
  }
  return "  normalized: noise was taken out of these layers\n" + table.Render(options, 4);
}

std::string RenderVerdict(const v1::BuildView& build, const v1::CellView& cell, const TextOptions& options,
                          size_t paths) {
  const v1::CellComparison& comparison = cell.comparison();
  if (comparison.verdict() == v1::VERDICT_UNSPECIFIED || comparison.verdict() == v1::VERDICT_UNVERIFIED)
    return "";
  std::string result =
      "  verdict  " + Paint(fmt::format("{} {}", Glyph(comparison.verdict()), Word(comparison.verdict())),
                            InkOf(comparison.verdict()), options.colour);
  if (comparison.executions() > 0) {
    result += fmt::format("; {} executions on {} {}", comparison.executions(), comparison.hosts(),
                          comparison.hosts() == 1 ? "host" : "hosts");
  }
  if (comparison.same_host()) result += " (same host)";
  if (!comparison.level().empty() && comparison.level() != "none") {
    result += fmt::format("; {}", LevelPhrase(comparison.level()));
  }
  // The word is about the layers as the rules left them.
  if (!NormalizedRules(build, cell).empty()) result += "; normalized";
  result += "\n";
  // A failure is told with the cell.
  if (!comparison.reason().empty() && comparison.reason() != cell.message())
    result += fmt::format("    {}\n", Printable(comparison.reason()));
  if (!comparison.circumstances().empty())
    result += fmt::format("    {}\n", Printable(comparison.circumstances()));
  Table digests({{""}, {""}, {""}});
  for (int i = 0; i < comparison.image_digests_size(); ++i) {
    if (comparison.image_digests(i).empty()) {
      digests.Add({{Ordinal(i), Ink::kDim},
                   {"no image"},
                   {"it did not succeed in every step of its own", Ink::kDim}});
      continue;
    }
    const bool same = comparison.image_digests(i) == comparison.image_digests(0);
    digests.Add({{Ordinal(i), Ink::kDim},
                 {comparison.image_digests(i)},
                 i == 0 ? Cell{}
                 : same && comparison.verdict() == v1::VERDICT_UNREPRODUCIBLE
                     ? Cell{"equal, because a replica goes on from the first's layers", Ink::kDim}
                 : same ? Cell{"equal", Ink::kGreen}
                        : Cell{"differs", Ink::kRed}});
  }
  result += digests.Render(options, 4);
  const std::string more = fmt::format("crossmill diff {}", build.id());
  for (const v1::StepComparison& step : comparison.steps()) {
    if (!step.agrees()) result += RenderStepDifference(build, step, options, paths, more);
  }
  return result;
}

std::string RenderStepDifference(const v1::BuildView& build, const v1::StepComparison& step,
                                 const TextOptions& options, size_t paths, std::string_view more) {
  const v1::StageView* stage = FindStage(build, step.stage());
  const std::string label = stage == nullptr ? fmt::format("{} {}", step.stage_name(), step.step_number())
                                             : StepLabel(*stage, step.step_number());
  std::string result = fmt::format(
      "    {} {}\n",
      Paint(fmt::format("✗ {} {}", FormatRange(step.range()), label), Ink::kRed, options.colour),
      Ellipsize(Printable(step.text()), std::max(20, options.width - 8 - DisplayWidth(label) -
                                                         DisplayWidth(FormatRange(step.range())))));
  const uint32_t total =
      std::max<uint32_t>(step.differences_total(), static_cast<uint32_t>(step.differences_size()));
  result += fmt::format("      {}\n", RenderWitnesses(step, total));
  const bool all = paths > kPathsOfReport;
  result += RenderCauses(step, options, 8, all ? SIZE_MAX : kCausesOfReport, all);
  // A report names the causes; each path stands in `diff`.
  if (step.causes_size() > 0 && !all) return result + fmt::format("        more: {}\n", more);
  return result + RenderPaths(step, options, 8, paths, more);
}

std::string RenderPaths(const v1::StepComparison& step, const TextOptions& options, int indent, size_t paths,
                        std::string_view more) {
  const uint32_t total =
      std::max<uint32_t>(step.differences_total(), static_cast<uint32_t>(step.differences_size()));
  Table table({{""}, {""}, {""}}, 1);
  size_t shown = 0;
  for (const v1::PathDifference& difference : step.differences()) {
    if (shown == paths) break;
    table.Add({{std::string(Word(difference.kind())), Ink::kYellow},
               {Printable(difference.path())},
               {Printable(difference.detail()), Ink::kDim}});
    ++shown;
  }
  std::string result = table.Render(options, indent);
  if (total > shown) {
    result +=
        fmt::format("{}… {} more: {}\n", std::string(static_cast<size_t>(indent), ' '), total - shown, more);
  }
  return result;
}

std::string RenderExcerpt(std::string_view dockerfile, const v1::SourceRange& range,
                          const TextOptions& options) {
  std::string result;
  uint32_t number = 0;
  while (!dockerfile.empty()) {
    ++number;
    const size_t end = dockerfile.find('\n');
    const std::string_view line = dockerfile.substr(0, end);
    dockerfile.remove_prefix(end == std::string_view::npos ? dockerfile.size() : end + 1);
    if (number + 2 < range.first_line()) continue;
    if (number > range.last_line() + 1) break;
    const bool marked = number >= range.first_line() && number <= range.last_line();
    const std::string text =
        Ellipsize(fmt::format("  {} {:>4} | {}", marked ? ">" : " ", number, Printable(line)), options.width);
    result += Paint(text, marked ? Ink::kRed : Ink::kDim, options.colour) + "\n";
  }
  return result;
}

std::string RenderFailures(const BuildReport& report, const TextOptions& options) {
  std::string result;
  for (const v1::StageView& stage : report.build.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.status() != v1::STEP_STATUS_FAILED) continue;
      std::string what = step.failure();
      if (what.empty()) what = fmt::format("exit code {}", step.exit_code());
      const std::string where = WorkerText(step);
      result += Paint(fmt::format("✗ {} {} failed: {}", FormatPlatform(stage.platform()),
                                  StepLabel(stage, step.number()), Printable(what)),
                      Ink::kRed, options.colour) +
                (where.empty() ? "" : fmt::format("  ({})", where)) + "\n";
      result += fmt::format("  {} {}\n", FormatRange(step.range()), Printable(step.text()));
      if (!report.dockerfile.empty()) result += RenderExcerpt(report.dockerfile, step.range(), options);
      if (const std::string used = StepUseText(step.use()); !used.empty())
        result += fmt::format("  it used {}\n", used);
      for (const StepFailure& failure : report.failures) {
        if (failure.stage != stage.index() || failure.step != step.number() || failure.last_lines.empty())
          continue;
        result += fmt::format(
            "  last lines of its console (crossmill logs {} --platform {} --stage {} --step {}):\n",
            report.build.id(), FormatPlatform(stage.platform()), stage.name(), step.number());
        for (const std::string& line : failure.last_lines) result += fmt::format("    {}\n", line);
      }
    }
  }
  return result;
}

std::string RenderReport(const BuildReport& report, const TextOptions& options, size_t paths) {
  const v1::BuildView& build = report.build;
  std::string result = RenderHeader(build, options);
  if (build.cells().empty()) return result + RenderFailures(report, options);
  result += "\n" + RenderMatrix(build, options);
  for (const v1::CellView& cell : build.cells()) {
    result += "\n" + RenderCell(build, cell, options);
    result += RenderNormalizations(build, cell, options);
    result += RenderAcceleration(build, cell);
    result += RenderCellPackages(cell, report.packages, options);
    result += RenderCellFetches(cell, report.fetch_hosts, options);
    result += RenderVerdict(build, cell, options, paths);
  }
  const std::string neutral = RenderNeutral(build.neutral(), options, paths);
  if (!neutral.empty()) result += "\n" + neutral;
  const std::string changes = RenderPackageChanges(report, options);
  if (!changes.empty()) result += "\n" + changes;
  const std::string failures = RenderFailures(report, options);
  if (!failures.empty()) result += "\n" + failures;
  return result;
}

}  // namespace crossmill::cli
