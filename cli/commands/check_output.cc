#include "cli/commands/check_output.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_replace.h"
#include "cli/pipeline/sarif.h"
#include "common/base/status.h"
#include "common/check/rules.h"

namespace crossmill::cli {
namespace {

using check::Finding;
using check::Severity;

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

Ink InkOf(Severity severity) {
  return severity == Severity::kError     ? Ink::kRed
         : severity == Severity::kWarning ? Ink::kYellow
                                          : Ink::kCyan;
}

// `text` with the finding's secrets blotted out, as many columns as before.
std::string Masked(std::string_view text, const Finding& finding) {
  std::string result(text);
  for (const std::string& secret : finding.masked) {
    if (!secret.empty()) result = absl::StrReplaceAll(result, {{secret, std::string(secret.size(), '*')}});
  }
  return result;
}

// Tabs as blanks, so that carets stand below what they mean.
std::string Shown(std::string_view line) {
  std::string text;
  for (const char c : line) text += c == '\t' ? ' ' : c;
  return Printable(text);
}

std::string SourceExcerpt(const Finding& finding, const std::vector<std::string_view>& lines, bool colour) {
  if (finding.line == 0 || finding.line > lines.size()) return "";
  const std::string source = Masked(lines[finding.line - 1], finding);
  const std::string number = std::to_string(finding.line);
  const std::string gutter(std::max<size_t>(number.size(), 4), ' ');
  std::string text = fmt::format("{:>4} | {}\n", number, Shown(source));
  // The whole line: without its indent and trailing blanks.
  const size_t first = std::min(source.find_first_not_of(" \t"), source.size());
  const size_t behind = source.find_last_not_of(" \t") + 1;
  size_t begin = finding.column == 0 ? first : std::min<size_t>(finding.column - 1, source.size());
  size_t end = behind;
  if (finding.end_line == finding.line && finding.end_column > 0) end = finding.end_column - 1;
  end = std::min(std::max(end, begin), source.size());
  begin = std::min(begin, end);
  const int indent = DisplayWidth(Shown(std::string_view(source).substr(0, begin)));
  const int width = std::max(1, DisplayWidth(Shown(std::string_view(source).substr(begin, end - begin))));
  text += fmt::format(
      "{} | {}{}\n", gutter, std::string(static_cast<size_t>(indent), ' '),
      Paint("^" + std::string(static_cast<size_t>(width - 1), '~'), InkOf(finding.severity), colour));
  return text;
}

std::string Place(const Finding& finding) {
  if (finding.line == 0) return finding.file;
  if (finding.column == 0) return fmt::format("{}:{}", finding.file, finding.line);
  return fmt::format("{}:{}:{}", finding.file, finding.line, finding.column);
}

struct Counts {
  int errors = 0;
  int warnings = 0;
  int infos = 0;
};
Counts Count(const check::CheckReport& report) {
  Counts counts;
  for (const Finding& finding : report.findings) {
    ++(finding.severity == Severity::kError     ? counts.errors
       : finding.severity == Severity::kWarning ? counts.warnings
                                                : counts.infos);
  }
  return counts;
}

std::string Plural(int count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// Code points before byte `column` (from 1) of the line, plus one.
uint32_t CodePointColumn(std::string_view line, uint32_t column) {
  uint32_t points = 1;
  for (size_t i = 0; i + 1 < column && i < line.size(); ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80) ++points;
  }
  return points;
}

std::string_view SarifLevel(Severity severity) {
  return severity == Severity::kInfo ? "note" : check::Word(severity);
}

std::string OneText(const Finding& finding) {
  std::string text = finding.message + ".";
  if (!finding.why.empty()) text += " Why: " + finding.why + ".";
  if (!finding.fix.empty()) text += " Fix: " + finding.fix + ".";
  return text;
}

}  // namespace

std::string RenderFindings(const check::CheckReport& report, const CheckedRecipe& recipe,
                           const TextOptions& options) {
  const std::vector<std::string_view> lines = LinesOf(recipe.dockerfile);
  std::string text;
  for (const Finding& finding : report.findings) {
    text += fmt::format(
        "{}: {} {}{}\n", Paint(Place(finding), Ink::kBold, options.colour),
        Paint(std::string(check::Word(finding.severity)) + ":", InkOf(finding.severity), options.colour),
        Printable(finding.message), Paint(" [" + finding.rule + "]", Ink::kDim, options.colour));
    if (finding.file == recipe.dockerfile_name) text += SourceExcerpt(finding, lines, options.colour);
    if (!finding.why.empty()) text += fmt::format("     why: {}\n", Printable(finding.why));
    if (!finding.fix.empty()) text += fmt::format("     fix: {}\n", Printable(finding.fix));
    for (const std::string_view line : LinesOf(finding.replacement))
      text += fmt::format("        {} {}\n", Paint("+", Ink::kGreen, options.colour),
                          Masked(Shown(line), finding));
    text += "\n";
  }
  const Counts counts = Count(report);
  if (report.findings.empty()) return fmt::format("{}: no findings\n", recipe.dockerfile_name);
  std::vector<std::string> parts;
  if (counts.errors > 0) parts.push_back(Plural(counts.errors, "error"));
  if (counts.warnings > 0) parts.push_back(Plural(counts.warnings, "warning"));
  if (counts.infos > 0) parts.push_back(Plural(counts.infos, "info"));
  text += fmt::format("{}: ", recipe.dockerfile_name);
  for (size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : ", ") + parts[i];
  return text + " (docs/checks.md explains the rules)\n";
}

Json FindingsJson(const check::CheckReport& report, const CheckedRecipe& recipe, bool failed) {
  const Counts counts = Count(report);
  Json findings = Json::array();
  const auto number = [](uint32_t value) { return value == 0 ? Json(nullptr) : Json(value); };
  const auto text = [](const std::string& value) { return value.empty() ? Json(nullptr) : Json(value); };
  for (const Finding& finding : report.findings) {
    findings.push_back({{"rule", finding.rule},
                        {"severity", check::Word(finding.severity)},
                        {"file", finding.file},
                        {"line", number(finding.line)},
                        {"column", number(finding.column)},
                        {"end_line", number(finding.end_line)},
                        {"end_column", number(finding.end_column)},
                        {"message", finding.message},
                        {"why", text(finding.why)},
                        {"fix", text(finding.fix)},
                        {"replacement", text(Masked(finding.replacement, finding))}});
  }
  return {{"dockerfile", recipe.dockerfile_name},
          {"target", text(recipe.target)},
          {"failed", failed},
          {"errors", counts.errors},
          {"warnings", counts.warnings},
          {"infos", counts.infos},
          {"findings", std::move(findings)}};
}

Json FindingsSarif(const check::CheckReport& report, const CheckedRecipe& recipe) {
  const std::vector<std::string_view> lines = LinesOf(recipe.dockerfile);
  Json rules = Json::array();
  std::map<std::string_view, size_t> index;
  for (const check::Rule& rule : check::Rules()) {
    index[rule.id] = rules.size();
    rules.push_back(
        {{"id", rule.id},
         {"name", rule.id},
         {"shortDescription", {{"text", rule.summary}}},
         {"fullDescription", {{"text", fmt::format("{}: {}.", rule.summary, rule.why)}}},
         {"defaultConfiguration", {{"enabled", !rule.experimental}, {"level", SarifLevel(rule.severity)}}}});
  }
  Json results = Json::array();
  for (const Finding& finding : report.findings) {
    Json location = {{"artifactLocation", {{"uri", UriOf(finding.file)}}}};
    if (finding.line > 0) {
      const std::string_view line = finding.file == recipe.dockerfile_name && finding.line <= lines.size()
                                        ? lines[finding.line - 1]
                                        : "";
      Json region = {{"startLine", finding.line}};
      if (finding.column > 0) region["startColumn"] = CodePointColumn(line, finding.column);
      if (finding.end_line > finding.line) region["endLine"] = finding.end_line;
      if (finding.end_column > 0) {
        const std::string_view last = finding.file == recipe.dockerfile_name && finding.end_line >= 1 &&
                                              finding.end_line <= lines.size()
                                          ? lines[finding.end_line - 1]
                                          : "";
        region["endColumn"] = CodePointColumn(last, finding.end_column);
      }
      location["region"] = std::move(region);
    }
    Json locations = Json::array();
    locations.push_back({{"physicalLocation", std::move(location)}});
    Json result = {{"ruleId", finding.rule},
                   {"ruleIndex", index[finding.rule]},
                   {"level", SarifLevel(finding.severity)},
                   {"message", {{"text", OneText(finding)}}},
                   {"locations", std::move(locations)}};
    if (!finding.replacement.empty())
      result["properties"] = {{"replacement", Masked(finding.replacement, finding)}};
    results.push_back(std::move(result));
  }
  Json runs = Json::array();
  runs.push_back(
      {{"tool",
        {{"driver", {{"name", "crossmill"}, {"version", CROSSMILL_VERSION}, {"rules", std::move(rules)}}}}},
       {"columnKind", "unicodeCodePoints"},
       {"results", std::move(results)}});
  return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"version", "2.1.0"},
          {"runs", std::move(runs)}};
}

}  // namespace crossmill::cli
