#include "cli/pipeline/junit.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

struct Case {
  enum class Result { kPassed, kFailed, kError, kSkipped };
  std::string classname;
  std::string name;
  double seconds = 0;
  Result result = Result::kPassed;
  std::string type;
  std::string message;
  std::string text;
};

struct Suite {
  std::string name;
  double seconds = 0;
  int64_t began = 0;
  std::vector<Case> cases;

  size_t Count(Case::Result result) const {
    return static_cast<size_t>(
        std::count_if(cases.begin(), cases.end(), [&](const Case& each) { return each.result == result; }));
  }
};

std::string Counts(size_t tests, size_t failures, size_t errors, size_t skipped, double seconds) {
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\"", tests,
                     failures, errors, skipped, seconds);
}

void Write(const Case& one, std::string* xml) {
  *xml += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"", EscapeXml(one.classname),
                      EscapeXml(one.name), std::max(one.seconds, 0.0));
  const std::string message = EscapeXml(one.message);
  switch (one.result) {
    case Case::Result::kPassed:
      *xml += "/>\n";
      return;
    case Case::Result::kSkipped:
      *xml += fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", message);
      return;
    default:
      const std::string_view element = one.result == Case::Result::kFailed ? "failure" : "error";
      *xml += fmt::format(">\n      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n    </testcase>\n", element,
                          EscapeXml(one.type), message, EscapeXml(one.text));
  }
}

// RFC 3339 without a zone, as the format wants it: UTC.
std::string Timestamp(int64_t nanos) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::FromUnixNanos(nanos), absl::UTCTimeZone());
}

void Write(const Suite& suite, size_t id, std::string* xml) {
  *xml += fmt::format(
      "  <testsuite id=\"{}\" name=\"{}\" {}", id, EscapeXml(suite.name),
      Counts(suite.cases.size(), suite.Count(Case::Result::kFailed), suite.Count(Case::Result::kError),
             suite.Count(Case::Result::kSkipped), suite.seconds));
  if (suite.began != 0) *xml += fmt::format(" timestamp=\"{}\"", Timestamp(suite.began));
  *xml += ">\n";
  for (const Case& each : suite.cases) Write(each, xml);
  *xml += "  </testsuite>\n";
}

std::string Lines(const std::vector<std::string>& lines) {
  return absl::StrJoin(lines, "\n",
                       [](std::string* out, const std::string& line) { out->append(Printable(line)); });
}

class SuiteMaker {
 public:
  SuiteMaker(const PipelineRun& run, const BuildReport& report) : run_(run), report_(report) {}

  Suite Make() {
    const v1::BuildView& build = report_.build;
    suite_.name = fmt::format("{} (build {})", SuiteName(build), build.id());
    suite_.began = build.created_at();
    if (build.finished_at() > build.created_at())
      suite_.seconds = static_cast<double>(build.finished_at() - build.created_at()) / 1e9;
    for (const v1::StageView& stage : build.stages()) {
      for (const v1::StepView& step : stage.steps()) AddStep(stage, step);
    }
    for (const v1::PackageRow& row : report_.packages) AddPackage(row);
    for (const v1::CellView& cell : build.cells()) {
      AddCell(cell);
      AddVerdict(cell);
    }
    if (build.cells().empty() && IsFinished(build.status())) {
      Case& plan = New("", "plan", 0);
      if (build.status() != v1::BUILD_STATUS_SUCCEEDED) Ended(build.status(), build.message(), &plan);
    }
    return std::move(suite_);
  }

 private:
  Case& New(const std::string& group, std::string name, double seconds) {
    Case& one = suite_.cases.emplace_back();
    one.classname = SuiteName(report_.build) + (group.empty() ? "" : "." + group);
    one.name = std::move(name);
    one.seconds = seconds;
    return one;
  }

  static void Fail(std::string type, std::string message, std::string text, Case* one) {
    one->result = Case::Result::kFailed;
    one->type = std::move(type);
    one->message = Printable(message);
    one->text = std::move(text);
  }
  static void Skip(std::string_view message, Case* one) {
    one->result = Case::Result::kSkipped;
    one->message = Printable(message);
  }
  // A build or cell that did not succeed.
  static void Ended(v1::BuildStatus status, const std::string& message, Case* one) {
    if (status == v1::BUILD_STATUS_CANCELLED) return Skip(message.empty() ? "cancelled" : message, one);
    Fail(std::string(Word(status)), message, Printable(message), one);
    if (status != v1::BUILD_STATUS_FAILED) one->result = Case::Result::kError;
  }

  void AddStep(const v1::StageView& stage, const v1::StepView& step) {
    if (step.status() == v1::STEP_STATUS_METADATA || step.status() == v1::STEP_STATUS_UNSPECIFIED) return;
    // Of what was reused, how long it took does not count.
    const bool executed =
        step.status() == v1::STEP_STATUS_EXECUTED || step.status() == v1::STEP_STATUS_FAILED;
    Case& one = New(FormatPlatform(stage.platform()),
                    fmt::format("{} {}", StepLabel(stage, step.number()), Printable(step.text())),
                    executed ? step.seconds() : 0);
    if (step.status() == v1::STEP_STATUS_FAILED) {
      std::string text = fmt::format("{} {}\n", FormatRange(step.range()), Printable(step.text()));
      for (const StepFailure& failure : report_.failures) {
        if (failure.stage == stage.index() && failure.step == step.number())
          text += Lines(failure.last_lines);
      }
      Fail("step-failed",
           step.failure().empty() ? fmt::format("exit code {}", step.exit_code()) : step.failure(),
           std::move(text), &one);
    } else if (!IsFinished(step.status())) {
      Skip("not executed", &one);
    } else if (step.status() == v1::STEP_STATUS_CANCELLED) {
      Skip("cancelled", &one);
    }
  }

  void AddPackage(const v1::PackageRow& row) {
    const v1::PackageOutcome& package = row.package();
    if (package.outcome() != v1::OUTCOME_FAILED) return;
    Case& one = New(FormatPlatform(row.platform()),
                    fmt::format("package {}{}{}", Printable(package.name()),
                                package.version().empty() ? "" : " ", Printable(package.version())),
                    package.seconds());
    std::vector<std::string> lines = {package.failure_line(), package.remedy()};
    lines.insert(lines.end(), package.remedy_lines().begin(), package.remedy_lines().end());
    std::erase(lines, "");
    Fail("package-failed", package.failure_class().empty() ? "failed" : package.failure_class(), Lines(lines),
         &one);
  }

  void AddCell(const v1::CellView& cell) {
    Case& one = New(FormatPlatform(cell.platform()), "image", cell.seconds());
    if (!IsFinished(cell.status())) return Skip("not finished", &one);
    if (cell.status() != v1::BUILD_STATUS_SUCCEEDED) Ended(cell.status(), cell.message(), &one);
  }

  // Only where somebody asked for one.
  void AddVerdict(const v1::CellView& cell) {
    const v1::CellComparison& comparison = cell.comparison();
    if (report_.build.options().verify() < 2) return;
    Case& one = New(FormatPlatform(cell.platform()), "verdict", 0);
    switch (comparison.verdict()) {
      case v1::VERDICT_REPRODUCIBLE:
      case v1::VERDICT_INCONCLUSIVE:
        if (RestsOnFewerHosts(cell, run_.requirement.min_hosts)) {
          Fail("too-few-hosts", FewerHostsText(cell, run_.requirement), Printable(comparison.reason()), &one);
        } else if (comparison.verdict() == v1::VERDICT_REPRODUCIBLE) {
          return;
        } else if (run_.requirement.reproducible) {
          Fail("inconclusive", comparison.reason(), Printable(comparison.reason()), &one);
        } else {
          Skip("inconclusive: " + comparison.reason(), &one);
        }
        return;
      case v1::VERDICT_UNREPRODUCIBLE:
      case v1::VERDICT_FLAKY:
      case v1::VERDICT_INPUT_DRIFT:
        return Fail(
            std::string(Word(comparison.verdict())),
            comparison.reason().empty() ? std::string(Word(comparison.verdict())) : comparison.reason(),
            RenderVerdict(report_.build, cell, {120, false}, kPathsOfReport), &one);
      default:
        return Skip("there is no verdict", &one);
    }
  }

  const PipelineRun& run_;
  const BuildReport& report_;
  Suite suite_;
};

}  // namespace

std::string JunitDocument(const PipelineRun& run) {
  std::vector<Suite> suites;
  for (const BuildReport& report : run.builds) suites.push_back(SuiteMaker(run, report).Make());
  if (!run.incomplete.empty()) {
    Suite& suite = suites.emplace_back();
    suite.name = "crossmill";
    Case& one = suite.cases.emplace_back();
    one.classname = "crossmill";
    one.name = "complete";
    one.result = Case::Result::kError;
    one.type = "incomplete";
    one.message = Printable(run.incomplete);
    one.text = fmt::format("{}: {}", RunName(run), Printable(run.incomplete));
  }
  size_t tests = 0;
  size_t failures = 0;
  size_t errors = 0;
  size_t skipped = 0;
  double seconds = 0;
  for (const Suite& suite : suites) {
    tests += suite.cases.size();
    failures += suite.Count(Case::Result::kFailed);
    errors += suite.Count(Case::Result::kError);
    skipped += suite.Count(Case::Result::kSkipped);
    seconds += suite.seconds;
  }
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  xml +=
      fmt::format("<testsuites name=\"crossmill\" {}>\n", Counts(tests, failures, errors, skipped, seconds));
  for (size_t i = 0; i < suites.size(); ++i) Write(suites[i], i, &xml);
  return xml + "</testsuites>\n";
}

}  // namespace crossmill::cli
