#include "cli/pipeline/findings.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_join.h"
#include "cli/show/render_packages.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr std::array kRules = {
    RunRule{"build-failed", "A platform of a build could not be built."},
    RunRule{"step-failed", "A step of the Dockerfile failed."},
    RunRule{"package-failed", "A Python package could not be built or found."},
    RunRule{"unreproducible", "Executions of a step on several hosts gave different bytes."},
    RunRule{"flaky", "A step failed on one host and succeeded on another."},
    RunRule{"input-drift", "Executions of a step were given different inputs."},
    RunRule{"inconclusive", "It could not be said whether a platform is reproducible."},
    RunRule{"too-few-hosts", "A verdict rests on executions on fewer hosts than were asked for."},
    RunRule{"incomplete", "The end of the build is not known."},
};

// Of the paths that a cause names and of the lines that remedies have.
constexpr int kMostPaths = 5;

class Collector {
 public:
  explicit Collector(const PipelineRun& run) : run_(run) {}

  std::vector<RunFinding> Collect() {
    for (const BuildReport& report : run_.builds) {
      report_ = &report;
      AddSteps();
      AddPackages();
      for (const v1::CellView& cell : report.build.cells()) {
        AddCell(cell);
        AddVerdict(cell);
      }
      if (report.build.cells().empty() && IsFinished(report.build.status()) &&
          report.build.status() != v1::BUILD_STATUS_SUCCEEDED) {
        New("build-failed", nullptr).message =
            Printable(report.build.message().empty() ? std::string(Word(report.build.status()))
                                                     : report.build.message());
      }
    }
    if (!run_.incomplete.empty()) {
      RunFinding& finding = findings_.emplace_back();
      finding.rule = "incomplete";
      finding.message = Printable(run_.incomplete);
      finding.file = run_.dockerfile;
      finding.build = run_.first_build;
    }
    return std::move(findings_);
  }

 private:
  RunFinding& New(std::string_view rule, const v1::SourceRange* range) {
    const v1::BuildView& build = report_->build;
    RunFinding& finding = findings_.emplace_back();
    finding.rule = rule;
    finding.build = build.id();
    finding.combination = Printable(FormatCombination(build.matrix()));
    v1::SourceRange whole;
    whole.set_file(build.dockerfile_name());
    finding.file = FileOf(run_, build, range == nullptr || range->file().empty() ? whole : *range);
    if (range != nullptr && range->first_line() > 0) {
      finding.first_line = range->first_line();
      finding.last_line = std::max(range->last_line(), range->first_line());
    }
    return finding;
  }

  void AddSteps() {
    for (const v1::StageView& stage : report_->build.stages()) {
      for (const v1::StepView& step : stage.steps()) {
        if (step.status() != v1::STEP_STATUS_FAILED) continue;
        RunFinding& finding = New("step-failed", &step.range());
        finding.platform = FormatPlatform(stage.platform());
        finding.message =
            fmt::format("{} failed: {} ({})", StepLabel(stage, step.number()),
                        Printable(step.failure().empty() ? fmt::format("exit code {}", step.exit_code())
                                                         : step.failure()),
                        Printable(step.text()));
        for (const StepFailure& failure : report_->failures) {
          if (failure.stage != stage.index() || failure.step != step.number()) continue;
          for (const std::string& line : failure.last_lines) finding.details.push_back(Printable(line));
        }
      }
    }
  }

  const v1::StepView* FindStep(uint32_t stage, uint32_t number) const {
    for (const v1::StageView& each : report_->build.stages()) {
      if (each.index() != stage) continue;
      for (const v1::StepView& step : each.steps()) {
        if (step.number() == number) return &step;
      }
    }
    return nullptr;
  }

  void AddPackages() {
    for (const v1::PackageRow& row : report_->packages) {
      const v1::PackageOutcome& package = row.package();
      if (package.outcome() != v1::OUTCOME_FAILED) continue;
      const v1::StepView* step = FindStep(row.stage(), row.step_number());
      RunFinding& finding = New("package-failed", step == nullptr ? nullptr : &step->range());
      finding.platform = FormatPlatform(row.platform());
      finding.message =
          fmt::format("{}{}{} failed{}{}", Printable(package.name()), package.version().empty() ? "" : " ",
                      Printable(package.version()), package.failure_class().empty() ? "" : ": ",
                      Printable(package.failure_class()));
      if (!package.failure_line().empty()) finding.details.push_back(Printable(package.failure_line()));
      if (!package.remedy().empty()) finding.details.push_back(Printable(package.remedy()));
      for (const std::string& line : package.remedy_lines()) finding.details.push_back(Printable(line));
    }
  }

  // What no step explains.
  void AddCell(const v1::CellView& cell) {
    if (!IsFinished(cell.status()) || cell.status() == v1::BUILD_STATUS_SUCCEEDED) return;
    const std::string platform = FormatPlatform(cell.platform());
    const bool told = std::any_of(findings_.begin(), findings_.end(), [&](const RunFinding& each) {
      return each.build == report_->build.id() && each.rule == "step-failed" && each.platform == platform;
    });
    if (told) return;
    RunFinding& finding = New("build-failed", nullptr);
    finding.platform = platform;
    finding.message = Printable(cell.message().empty() ? std::string(Word(cell.status())) : cell.message());
  }

  static std::vector<std::string> CauseLines(const v1::StepComparison& step) {
    std::vector<std::string> lines;
    for (const v1::CauseGroup& group : step.causes()) {
      const v1::Cause& cause = group.cause();
      lines.push_back(Printable(fmt::format("{}: {}", cause.class_(), cause.evidence())));
      for (int i = 0; i < std::min(group.paths_size(), kMostPaths); ++i)
        lines.push_back("  /" + Printable(group.paths(i)));
      if (group.paths_total() > kMostPaths)
        lines.push_back(fmt::format("  and {} more", group.paths_total() - kMostPaths));
      if (!cause.remedy().empty()) lines.push_back("  " + Printable(cause.remedy()));
    }
    if (!step.causes().empty()) return lines;
    for (int i = 0; i < std::min(step.differences_size(), kMostPaths); ++i)
      lines.push_back(
          fmt::format("{} /{}", Word(step.differences(i).kind()), Printable(step.differences(i).path())));
    return lines;
  }

  void AddVerdict(const v1::CellView& cell) {
    const v1::CellComparison& comparison = cell.comparison();
    const std::string platform = FormatPlatform(cell.platform());
    std::string_view rule;
    switch (comparison.verdict()) {
      case v1::VERDICT_UNREPRODUCIBLE:
        rule = "unreproducible";
        break;
      case v1::VERDICT_FLAKY:
        rule = "flaky";
        break;
      case v1::VERDICT_INPUT_DRIFT:
        rule = "input-drift";
        break;
      case v1::VERDICT_INCONCLUSIVE:
      case v1::VERDICT_REPRODUCIBLE:
        if (RestsOnFewerHosts(cell, run_.requirement.min_hosts)) {
          RunFinding& finding = New("too-few-hosts", nullptr);
          finding.platform = platform;
          finding.message = FewerHostsText(cell, run_.requirement);
        } else if (comparison.verdict() == v1::VERDICT_INCONCLUSIVE) {
          RunFinding& finding = New("inconclusive", nullptr);
          finding.platform = platform;
          finding.error = run_.requirement.reproducible;
          finding.message = Printable(comparison.reason());
        }
        return;
      default:
        return;
    }
    bool any = false;
    for (const v1::StepComparison& step : comparison.steps()) {
      if (step.agrees()) continue;
      any = true;
      RunFinding& finding = New(rule, &step.range());
      finding.platform = platform;
      // What stays outside of the image makes no verdict.
      finding.error = run_.requirement.reproducible && step.reaches_image();
      finding.message = fmt::format("{}: {}{}", Word(comparison.verdict()), Printable(step.text()),
                                    step.reaches_image() ? "" : " (what differs does not reach the image)");
      finding.details = CauseLines(step);
    }
    if (any) return;
    RunFinding& finding = New(rule, nullptr);
    finding.platform = platform;
    finding.error = run_.requirement.reproducible;
    finding.message = Printable(comparison.reason());
  }

  const PipelineRun& run_;
  const BuildReport* report_ = nullptr;
  std::vector<RunFinding> findings_;
};

}  // namespace

absl::Span<const RunRule> RunRules() { return kRules; }

std::vector<RunFinding> FindingsOf(const PipelineRun& run) { return Collector(run).Collect(); }

std::string PlacedMessage(const RunFinding& finding) {
  std::string text = finding.combination.empty() ? "" : finding.combination + ": ";
  if (!finding.platform.empty()) text += finding.platform + ": ";
  return text + finding.message;
}

std::string FingerprintOf(const RunFinding& finding) {
  // Not the lines, which move, nor the build. The text has the instruction.
  return Sha256Hex(fmt::format("{}\n{}\n{}\n{}\n{}", finding.rule, finding.file, finding.platform,
                               finding.combination, finding.message));
}

}  // namespace crossmill::cli
