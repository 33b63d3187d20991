#include "cli/matrix/render_matrix.h"

#include <algorithm>
#include <charconv>

#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_build.h"
#include "common/base/status.h"
#include "common/words/overall.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

const v1::CellView* CellOn(const v1::BuildView& build, const v1::Platform& platform) {
  const auto found = std::find_if(build.cells().begin(), build.cells().end(), [&](const v1::CellView& cell) {
    return SamePlatform(cell.platform(), platform);
  });
  return found == build.cells().end() ? nullptr : &*found;
}

bool AsksFor(const v1::BuildView& build, const v1::Platform& platform) {
  const auto& platforms = build.options().platforms();
  return std::any_of(platforms.begin(), platforms.end(),
                     [&](const v1::Platform& each) { return SamePlatform(each, platform); });
}

// Of a build that ended before it had cells, its own.
v1::BuildStatus StatusOn(const v1::BuildView& build, const v1::CellView* cell) {
  return cell == nullptr ? build.status() : cell->status();
}

Ink CellInk(const v1::BuildView& build, const v1::Platform& platform) {
  const v1::CellView* cell = CellOn(build, platform);
  const v1::BuildStatus status = StatusOn(build, cell);
  if (status != v1::BUILD_STATUS_SUCCEEDED || cell == nullptr) return InkOf(status);
  const v1::Verdict verdict = cell->comparison().verdict();
  const bool judged = verdict != v1::VERDICT_UNSPECIFIED && verdict != v1::VERDICT_UNVERIFIED;
  return judged ? InkOf(verdict) : InkOf(status);
}

}  // namespace

std::optional<int64_t> MatrixNumber(std::string_view text) {
  int64_t id = 0;
  const auto [end, error] =
      std::from_chars(text.data() + std::min<size_t>(1, text.size()), text.data() + text.size(), id);
  if (!text.starts_with('m') || error != std::errc() || end != text.data() + text.size() || id <= 0)
    return std::nullopt;
  return id;
}

std::string CellText(const v1::BuildView& build, const v1::Platform& platform) {
  if (!AsksFor(build, platform)) return "";
  const v1::CellView* cell = CellOn(build, platform);
  const v1::BuildStatus status = StatusOn(build, cell);
  std::string text = fmt::format("{} {}", Glyph(status), Word(status));
  if (cell == nullptr) return text;
  if (cell->seconds() > 0) text += " " + FormatSeconds(cell->seconds());
  const v1::CellComparison& comparison = cell->comparison();
  if (comparison.verdict() != v1::VERDICT_UNSPECIFIED && comparison.verdict() != v1::VERDICT_UNVERIFIED) {
    text += fmt::format(", {} {}{}", Glyph(comparison.verdict()), Word(comparison.verdict()),
                        comparison.same_host() ? " (same host)" : "");
  }
  return text;
}

std::string RenderMatrixTable(const v1::MatrixView& matrix, const TextOptions& options) {
  std::vector<Table::Column> columns = {{"BUILD", Table::Align::kRight}, {"COMBINATION"}};
  for (const v1::Platform& platform : matrix.platforms()) columns.push_back({FormatPlatform(platform)});
  columns.push_back({"TAGS"});
  const auto last = static_cast<int>(columns.size()) - 1;
  Table table(std::move(columns), last);
  for (const v1::BuildView& build : matrix.builds()) {
    std::vector<Table::Cell> row = {{std::to_string(build.id()), Ink::kBold},
                                    {FormatCombination(build.matrix())}};
    for (const v1::Platform& platform : matrix.platforms())
      row.push_back({CellText(build, platform), CellInk(build, platform)});
    std::string tags;
    for (const std::string& tag : NamesSetBy(build)) tags += (tags.empty() ? "" : ", ") + tag;
    row.push_back({std::move(tags)});
    table.Add(std::move(row));
  }
  return table.Render(options);
}

std::string RenderMatrixView(const v1::MatrixView& matrix, const TextOptions& options) {
  std::string result = Paint(fmt::format("Matrix m{} ", matrix.id()), Ink::kBold, options.colour) +
                       Paint(fmt::format("{} {}", Glyph(matrix.status()), Word(matrix.status())),
                             InkOf(matrix.status()), options.colour);
  if (matrix.finished_at() != 0) {
    result += fmt::format(
        " in {}", FormatSeconds(static_cast<double>(matrix.finished_at() - matrix.created_at()) / 1e9));
  }
  const auto succeeded =
      std::count_if(matrix.builds().begin(), matrix.builds().end(),
                    [](const v1::BuildView& build) { return build.status() == v1::BUILD_STATUS_SUCCEEDED; });
  result += fmt::format(": {} of {} combinations succeeded", succeeded, matrix.builds_size());
  if (matrix.verdict() != v1::VERDICT_UNVERIFIED) {
    result += "; " + Paint(fmt::format("{} {}", Glyph(matrix.verdict()), Word(matrix.verdict())),
                           InkOf(matrix.verdict()), options.colour);
  }
  result += "\n\n" + RenderMatrixTable(matrix, options);
  for (const v1::BuildView& build : matrix.builds()) {
    if (build.message().empty()) continue;
    result +=
        fmt::format("{}: {}\n", Printable(FormatCombination(build.matrix())), Printable(build.message()));
  }
  return result;
}

Json MatrixJson(const v1::MatrixView& matrix) {
  Json rows = Json::array();
  for (const v1::BuildView& build : matrix.builds()) rows.push_back(BuildRowJson(build));
  Json platforms = Json::array();
  for (const v1::Platform& platform : matrix.platforms()) platforms.push_back(FormatPlatform(platform));
  return {{"matrix_id", matrix.id()},
          {"status", Word(matrix.status())},
          {"verdict", Word(matrix.verdict())},
          {"created_at", TextOrNull(FormatRfc3339(matrix.created_at()))},
          {"finished_at", TextOrNull(FormatRfc3339(matrix.finished_at()))},
          {"platforms", std::move(platforms)},
          {"builds", std::move(rows)}};
}

}  // namespace crossmill::cli
