#include "cli/commands/diff_page.h"

#include <fmt/format.h>

#include "cli/show/causes.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 "
    "1rem;color:#1c2024;background:#fff}"
    "h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin-bottom:.3rem}"
    "pre{background:#f4f5f7;padding:.7rem;overflow-x:auto;border-radius:4px}"
    "table{border-collapse:collapse;width:100%}td{border-top:1px solid #dde1e6;padding:.25rem "
    ".6rem;vertical-align:top}"
    ".cause{font-weight:600}.remedy{color:#146c43}"
    "@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#15181b}pre{background:#20252a}td{"
    "border-color:#343a40}"
    ".remedy{color:#75d0a0}}";

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : Printable(text)) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string EscapedLines(std::string_view text) {
  std::string lines;
  for (const std::string& line : Split(text, '\n')) lines += Escaped(line) + "\n";
  return lines;
}

std::string Paths(const google::protobuf::RepeatedPtrField<std::string>& paths, uint32_t total) {
  std::string list;
  for (const std::string& path : paths) list += fmt::format("/{}<br>", Escaped(path));
  if (total > static_cast<uint32_t>(paths.size()))
    list += fmt::format("and {} more", total - static_cast<uint32_t>(paths.size()));
  return list;
}

std::string RenderGroup(const v1::CauseGroup& group) {
  const v1::Cause& cause = group.cause();
  std::string text =
      fmt::format("<tr><td class=cause>{}</td><td>{}", Escaped(cause.class_()), Escaped(cause.evidence()));
  if (!cause.remedy().empty())
    text += fmt::format("<br><span class=remedy>{}</span>", Escaped(cause.remedy()));
  for (const std::string& line : cause.remedy_lines())
    text += fmt::format("<br><code>{}</code>", Escaped(line));
  if (group.derived_total() > 0) {
    text += fmt::format("<br>Only because of it: {}", Paths(group.derived(), group.derived_total()));
  }
  return text + fmt::format("</td><td>{}</td></tr>\n", Paths(group.paths(), group.paths_total()));
}

std::string RenderStep(const v1::StepComparison& step) {
  std::string text =
      fmt::format("<h3>{} step {} ({}:{}) <code>{}</code></h3>\n<p>{} paths differ; {}</p>\n<table>\n",
                  Escaped(StagePhrase(step.stage_name())), step.step_number(), Escaped(step.range().file()),
                  step.range().first_line(), Escaped(step.text()), step.differences_total(),
                  step.reaches_image() ? "it reaches the image" : "none of it reaches the image");
  for (const v1::CauseGroup& group : step.causes()) text += RenderGroup(group);
  text += "</table>\n<details><summary>All paths</summary><table>\n";
  for (const v1::PathDifference& difference : step.differences()) {
    text += fmt::format("<tr><td>{}</td><td>/{}</td><td>{}</td></tr>\n", Word(difference.kind()),
                        Escaped(difference.path()), Escaped(difference.detail()));
  }
  return text + "</table></details>\n";
}

}  // namespace

std::string RenderDiffPage(const v1::BuildView& build, absl::Span<const v1::CellComparison> comparisons,
                           absl::Span<const ExplainedFile> files) {
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
      "<title>Build {0}: differences</title><style>{1}</style>\n<h1>Build {0}: what differs between its "
      "executions</h1>\n",
      build.id(), kStyle);
  for (const v1::CellComparison& comparison : comparisons) {
    page += fmt::format("<h2>{}: {}</h2>\n<p>{}</p>\n<p>{}</p>\n", FormatPlatform(comparison.platform()),
                        Word(comparison.verdict()), Escaped(comparison.reason()),
                        Escaped(comparison.circumstances()));
    for (const v1::StepComparison& step : comparison.steps()) {
      if (!step.agrees()) page += RenderStep(step);
    }
  }
  if (!files.empty()) page += "<h2>Files</h2>\n";
  for (const ExplainedFile& each : files) {
    page += fmt::format("<h3>{} {} step {}</h3>\n<pre>{}</pre>\n", FormatPlatform(each.platform),
                        Escaped(StagePhrase(each.stage_name)), each.step_number,
                        EscapedLines(RenderFileDifference(each.file, {}, 0)));
  }
  return page;
}

}  // namespace crossmill::cli
