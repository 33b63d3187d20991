#include "common/check/check.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/subject.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"

namespace crossmill::check {
namespace {

// The value of the `check` directive, and its line; line 0 if there is none. As the parser, only comments
// of the form NAME=VALUE before anything else count.
std::pair<std::string, uint32_t> FindDirective(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  uint32_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = Sv(absl::StripAsciiWhitespace(Av(text.substr(0, end))));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    const size_t equals = line.find('=');
    if (!line.starts_with('#') || equals == std::string_view::npos) break;
    const std::string name =
        absl::AsciiStrToLower(absl::StripAsciiWhitespace(Av(line.substr(1, equals - 1))));
    if (name == "check") return {std::string(line.substr(equals + 1)), number};
    if (name != "syntax" && name != "escape") break;
  }
  return {"", 0};
}

// Behind the word that begins at the place: what a caret range underlines. 0 if there is none.
uint32_t EndOfWord(std::string_view text, uint32_t line, uint32_t column) {
  if (line == 0 || column == 0) return 0;
  for (uint32_t number = 1; number < line; ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    text.remove_prefix(end + 1);
  }
  size_t end = std::min(text.find_first_of(" \t\r\n=", column), text.size());
  return end < column ? 0 : static_cast<uint32_t>(end + 1);
}

// "FILE:LINE:COLUMN: what is wrong; what was expected" to a finding.
Finding FromStatus(const CheckInput& input, const absl::Status& status) {
  Finding finding;
  finding.rule = kRecipeError;
  finding.severity = Severity::kError;
  finding.file = input.recipe.dockerfile_name();
  std::string_view text = Sv(status.message());
  const std::string prefix = finding.file + ":";
  if (text.starts_with(prefix)) {
    text.remove_prefix(prefix.size());
    for (uint32_t* number : {&finding.line, &finding.column}) {
      const char* begin = text.data();
      const auto [end, error] = std::from_chars(begin, begin + text.size(), *number);
      const auto length = static_cast<size_t>(end - begin);
      if (error != std::errc() || length >= text.size() || text[length] != ':') break;
      text.remove_prefix(length + 1);
    }
    finding.end_line = finding.line;
    finding.end_column = EndOfWord(input.recipe.dockerfile(), finding.line, finding.column);
  }
  text = Sv(absl::StripAsciiWhitespace(Av(text)));
  const size_t split = text.find("; ");
  finding.message = std::string(text.substr(0, split));
  if (split != std::string_view::npos) finding.fix = std::string(text.substr(split + 2));
  finding.why = FindRule(kRecipeError)->why;
  return finding;
}

plan::PlanOptions OptionsOf(const CheckInput& input) {
  plan::PlanOptions options;
  options.platforms = input.platforms;
  options.build_platform = input.build_platform;
  return options;
}

// The error that keeps the recipe from being planned, bases apart.
absl::Status PlanError(const CheckInput& input) {
  std::vector<std::string> names;
  for (const v1::NamedContext& context : input.recipe.contexts()) names.push_back(context.name());
  RETURN_IF_ERROR(plan::CheckSyntax(input.recipe.dockerfile_name(), input.recipe.dockerfile(), names));
  return plan::FindBases(input.recipe, OptionsOf(input)).status();
}

// An error that only says that FROM needs a build argument is what InvalidDefaultArgInFrom tells better.
bool SaysEmptyBase(const absl::Status& status) {
  return absl::StrContains(status.message(), "is empty after expansion");
}

absl::StatusOr<Selection> SelectionOf(const CheckInput& input, uint32_t* line) {
  for (const v1::BuildArgument& argument : input.recipe.build_arguments()) {
    if (argument.name() == "BUILDKIT_DOCKERFILE_CHECK") {
      *line = 0;
      return ParseSelection(argument.value());
    }
  }
  const auto [text, number] = FindDirective(input.recipe.dockerfile());
  *line = number;
  return ParseSelection(text);
}

// Findings of what stands before the first error: the part up to it, as far as it can be read.
std::vector<Finding> ChecksBefore(const CheckInput& input, uint32_t line, const Selection& selection) {
  std::string_view rest = input.recipe.dockerfile();
  size_t length = 0;
  for (uint32_t number = 1; number < line && length < rest.size(); ++number) {
    const size_t end = rest.find('\n', length);
    length = end == std::string_view::npos ? rest.size() : end + 1;
  }
  CheckInput part = input;
  part.recipe.set_dockerfile(std::string(rest.substr(0, length)));
  auto outline = dockerfile::ReadOutline(part.recipe.dockerfile_name(), part.recipe.dockerfile());
  if (!outline.ok()) return {};
  const Subject subject(part, *std::move(outline));
  Sink sink(subject, selection);
  CheckForms(subject, sink);
  return sink.Take();
}

void Sort(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    if ((a.line == 0) != (b.line == 0)) return b.line == 0;
    if (a.line != b.line) return a.line < b.line;
    return a.column < b.column;
  });
}

}  // namespace

std::string BytesText(int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return value < 99.95 ? fmt::format("{:.1f} {}", value, unit) : fmt::format("{:.0f} {}", value, unit);
}

std::string SecondsText(double seconds) {
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::vector<std::string> BasesOf(const v1::Recipe& recipe, const v1::Platform& platform,
                                 const v1::Platform& build_platform) {
  std::vector<std::string> references;
  const auto outline = dockerfile::ReadOutline(recipe.dockerfile_name(), recipe.dockerfile());
  if (!outline.ok()) return references;
  const auto contexts = plan::NamedContexts::Read(recipe);
  if (!contexts.ok()) return references;
  const auto view = plan::ViewFor(*outline, *contexts, plan::GivenArguments(recipe, std::nullopt),
                                  recipe.target(), platform, build_platform);
  if (!view.ok()) return references;
  for (const plan::StageBase& base : view->bases) {
    if (base.kind == plan::StageBase::kImage &&
        std::find(references.begin(), references.end(), base.image.reference) == references.end()) {
      references.push_back(base.image.reference);
    }
  }
  return references;
}

CheckReport CheckRecipe(const CheckInput& input) {
  CheckReport report;
  uint32_t directive_line = 0;
  absl::StatusOr<Selection> selection = SelectionOf(input, &directive_line);
  if (!selection.ok()) {
    Finding finding = FromStatus(input, selection.status());
    finding.line = finding.end_line = directive_line;
    report.findings.push_back(std::move(finding));
    selection = Selection{};
  }
  selection->only = input.only;
  report.error_requested = selection->error;
  const absl::Status error = PlanError(input);
  auto outline = dockerfile::ReadOutline(input.recipe.dockerfile_name(), input.recipe.dockerfile());
  if (!outline.ok()) {
    report.findings.push_back(FromStatus(input, error.ok() ? outline.status() : error));
    for (Finding& finding : ChecksBefore(input, report.findings.back().line, *selection))
      report.findings.push_back(std::move(finding));
    Sort(report.findings);
    return report;
  }
  const Subject subject(input, *std::move(outline));
  Sink sink(subject, *selection);
  CheckForms(subject, sink);
  CheckVariables(subject, sink);
  CheckFroms(subject, sink);
  CheckContext(subject, sink);
  CheckOrder(subject, sink);
  CheckPackages(subject, sink);
  CheckScripts(subject, sink);
  CheckSecretValues(subject, sink);
  CheckImage(subject, sink);
  CheckMusl(subject, sink);
  CheckAutomaticArguments(subject, sink);
  CheckLinks(subject, sink);
  for (Finding& finding : sink.Take()) report.findings.push_back(std::move(finding));
  if (!error.ok() && !SaysEmptyBase(error)) report.findings.push_back(FromStatus(input, error));
  Sort(report.findings);
  return report;
}

}  // namespace crossmill::check
