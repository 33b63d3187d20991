#include "cli/pipeline/summary.h"

#include <algorithm>
#include <vector>

#include "cli/matrix/render_matrix.h"
#include "cli/pipeline/findings.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/overall.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr size_t kMostFindings = 40;
constexpr size_t kMostDetails = 30;
constexpr size_t kMostRows = 100;
constexpr size_t kLongestLine = 300;

std::string Cut(std::string_view line) {
  if (line.size() <= kLongestLine) return std::string(line);
  return std::string(CutBetweenCharacters(line, kLongestLine)) + "…";
}

// A block whose fence no line of it can close.
std::string CodeBlock(const std::vector<std::string>& lines) {
  size_t longest = 2;
  for (const std::string& line : lines) {
    size_t run = 0;
    for (const char c : line) {
      run = c == '`' ? run + 1 : 0;
      longest = std::max(longest, run);
    }
  }
  const std::string fence(longest + 1, '`');
  std::string block = fence + "text\n";
  // Of a console the end counts.
  const size_t first = lines.size() > kMostDetails ? lines.size() - kMostDetails : 0;
  for (size_t i = first; i < lines.size(); ++i) block += Cut(Printable(lines[i])) + "\n";
  return block + fence + "\n";
}

std::string Link(const PipelineRun& run, int64_t build) {
  return run.page.empty() ? fmt::format("{}", build)
                          : fmt::format("[{}]({}/#builds/{})", build, run.page, build);
}

std::string TagText(const v1::BuildView& build) {
  std::string text;
  for (const std::string& tag : NamesSetBy(build)) text += (text.empty() ? "" : "<br>") + MarkdownText(tag);
  return text;
}

std::string MatrixTable(const PipelineRun& run) {
  std::vector<v1::Platform> platforms;
  for (const BuildReport& report : run.builds) {
    for (const v1::Platform& platform : report.build.options().platforms()) {
      const bool known = std::any_of(platforms.begin(), platforms.end(),
                                     [&](const v1::Platform& each) { return SamePlatform(each, platform); });
      if (!known) platforms.push_back(platform);
    }
  }
  std::string table = "| Build | Combination |";
  std::string line = "|---:|---|";
  for (const v1::Platform& platform : platforms) {
    table += fmt::format(" {} |", MarkdownText(FormatPlatform(platform)));
    line += "---|";
  }
  table += " Names |\n" + line + "---|\n";
  for (size_t i = 0; i < std::min(run.builds.size(), kMostRows); ++i) {
    const v1::BuildView& build = run.builds[i].build;
    table +=
        fmt::format("| {} | {} |", Link(run, build.id()), MarkdownText(FormatCombination(build.matrix())));
    for (const v1::Platform& platform : platforms)
      table += fmt::format(" {} |", MarkdownText(CellText(build, platform)));
    table += fmt::format(" {} |\n", TagText(build));
  }
  if (run.builds.size() > kMostRows)
    table += fmt::format("\n{} more combinations.\n", run.builds.size() - kMostRows);
  return table;
}

std::string CellTable(const v1::BuildView& build) {
  std::string table =
      "| Platform | Status | Time | Image | Verdict | Digest |\n|---|---|---:|---:|---|---|\n";
  for (const v1::CellView& cell : build.cells()) {
    const v1::Verdict verdict = cell.comparison().verdict();
    table += fmt::format("| {} | {} {} | {} | {} | {} {} | {} |\n", MarkdownText(PlatformLabel(cell)),
                         Glyph(cell.status()), Word(cell.status()),
                         cell.seconds() > 0 ? FormatSeconds(cell.seconds()) : "",
                         cell.image_bytes() > 0 ? FormatBytes(cell.image_bytes()) : "", Glyph(verdict),
                         Word(verdict == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED : verdict),
                         cell.image_digest().empty() ? "" : "`" + cell.image_digest() + "`");
  }
  return table;
}

std::string Heading(const PipelineRun& run) {
  const bool well = run.incomplete.empty() && run.exit_code == kExitOk;
  std::string text = fmt::format("### {} {} {}", well ? "✅" : "❌", RunName(run), RunWord(run));
  int64_t began = 0;
  int64_t ended = 0;
  for (const BuildReport& report : run.builds) {
    began = began == 0 ? report.build.created_at() : std::min(began, report.build.created_at());
    ended = std::max(ended, report.build.finished_at());
  }
  if (ended > began) text += " in " + FormatSeconds(static_cast<double>(ended - began) / 1e9);
  return text + "\n\n";
}

std::string FindingText(const RunFinding& finding) {
  std::string where = MarkdownText(finding.combination);
  if (!finding.platform.empty()) where += (where.empty() ? "" : ", ") + MarkdownText(finding.platform);
  if (finding.first_line > 0)
    where +=
        fmt::format("{}{}:{}", where.empty() ? "" : ", ", MarkdownText(finding.file), finding.first_line);
  std::string text = fmt::format("- **{}** {}{}\n", MarkdownText(finding.rule),
                                 where.empty() ? "" : "(" + where + ") ", MarkdownText(Cut(finding.message)));
  if (finding.details.empty()) return text;
  // The block stands in the list item: each line of it is indented.
  std::string inner = "<details><summary>more</summary>\n\n" + CodeBlock(finding.details) + "\n</details>\n";
  text += "\n";
  for (size_t begin = 0; begin < inner.size();) {
    const size_t end = inner.find('\n', begin);
    text += "  " + inner.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return text + "\n";
}

}  // namespace

std::string MarkdownText(std::string_view text) {
  std::string escaped;
  for (const char c : Printable(text)) {
    // As a character reference it is the character and never markup.
    if (std::string_view("\\`*_{}[]()<>#+-!|~&@:\"'$=").find(c) != std::string_view::npos) {
      escaped += fmt::format("&#{};", static_cast<int>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string SummaryDocument(const PipelineRun& run) {
  std::string text = Heading(run);
  if (!run.incomplete.empty()) text += fmt::format("**Incomplete:** {}\n\n", MarkdownText(run.incomplete));
  if (const std::string url = RunUrl(run); !url.empty())
    text += fmt::format("[On the farm's page]({})\n\n", url);
  if (run.matrix != 0 && !run.builds.empty()) {
    text += MatrixTable(run) + "\n";
  } else {
    for (const BuildReport& report : run.builds) {
      if (!report.build.message().empty()) text += MarkdownText(Cut(report.build.message())) + "\n\n";
      if (report.build.cells_size() > 0) text += CellTable(report.build) + "\n";
      if (const std::string tags = TagText(report.build); !tags.empty()) text += "Names: " + tags + "\n\n";
      if (!report.build.index_digest().empty())
        text += fmt::format("Index: `{}`\n\n", report.build.index_digest());
    }
  }
  std::vector<RunFinding> findings = FindingsOf(run);
  std::erase_if(findings, [](const RunFinding& each) { return each.rule == "incomplete"; });
  if (findings.empty()) return text;
  text += "#### Findings\n\n";
  for (size_t i = 0; i < std::min(findings.size(), kMostFindings); ++i) text += FindingText(findings[i]);
  if (findings.size() > kMostFindings)
    text += fmt::format("- and {} more\n", findings.size() - kMostFindings);
  return text;
}

}  // namespace crossmill::cli
