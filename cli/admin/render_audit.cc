#include "cli/admin/render_audit.h"

#include <vector>

#include "common/base/log.h"

namespace crossmill::cli {
namespace {

std::string AboutOf(const Json& line) {
  std::string text;
  const auto about = line.find("about");
  if (about == line.end() || !about->is_object()) return text;
  for (const auto& [name, value] : about->items()) {
    if (!value.is_string() || value.get<std::string>().empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value.get<std::string>());
  }
  return text;
}

// "crossmill.v1.Builds/CancelBuild": CancelBuild.
std::string ShortCall(const std::string& call) { return call.substr(call.rfind('/') + 1); }

}  // namespace

std::string RenderAuditReport(const v1::VerifyAuditResponse& report, const TextOptions& options) {
  std::string text = fmt::format("{} lines in {} files", report.lines(), report.files());
  if (report.last() > 0) text += fmt::format(", numbers {} to {}", report.first(), report.last());
  if (report.unchained() > 0) text += fmt::format(", {} from before there were numbers", report.unchained());
  text += "\n";
  for (const std::string& problem : report.problems())
    text += Paint(Printable(problem), Ink::kRed, options.colour) + "\n";
  if (report.problems().empty()) {
    text += Paint("nothing was changed, removed or moved", Ink::kGreen, options.colour);
    text +=
        report.known() < report.last() || report.last() == 0
            ? fmt::format("; the record knows line {}, what was behind it can be missing\n", report.known())
            : "\n";
  }
  return text;
}

Json AuditReportJson(const v1::VerifyAuditResponse& report) {
  return {{"whole", report.problems().empty()},
          {"files", report.files()},
          {"lines", report.lines()},
          {"unchained", report.unchained()},
          {"first", report.first()},
          {"last", report.last()},
          {"head", report.head()},
          {"known", report.known()},
          {"problems", std::vector<std::string>(report.problems().begin(), report.problems().end())}};
}

std::string RenderAuditLines(const v1::ListAuditResponse& response, const TextOptions& options) {
  if (response.lines().empty()) return "no lines\n";
  Table table({{"TIME"}, {"WHO"}, {"FROM"}, {"CALL"}, {"ABOUT"}, {"OUTCOME"}}, 4);
  for (const std::string& text : response.lines()) {
    const Json line = Json::parse(text, nullptr, false);
    if (!line.is_object()) continue;
    const std::string client = TextMember(line, "client");
    const std::string outcome = TextMember(line, "outcome");
    table.Add({{TextMember(line, "time").substr(0, 19)},
               {client.empty() ? "operator" : client, Ink::kBold},
               {TextMember(line, "peer")},
               {ShortCall(TextMember(line, "call"))},
               {AboutOf(line)},
               {outcome, outcome == "OK" ? Ink::kPlain : Ink::kYellow}});
  }
  return table.Render(options) + (response.more() ? "there are older ones: --limit\n" : "");
}

Json AuditLinesJson(const v1::ListAuditResponse& response) {
  Json lines = Json::array();
  for (const std::string& text : response.lines()) {
    Json line = Json::parse(text, nullptr, false);
    if (line.is_object()) lines.push_back(std::move(line));
  }
  return {{"lines", std::move(lines)}, {"more", response.more()}};
}

}  // namespace crossmill::cli
