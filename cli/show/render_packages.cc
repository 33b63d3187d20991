#include "cli/show/render_packages.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "cli/show/render_package_history.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using Rows = std::vector<const v1::PackageRow*>;

bool IsFailed(const v1::PackageOutcome& package) { return package.outcome() == v1::OUTCOME_FAILED; }

bool IsBuildDependency(const v1::PackageOutcome& package) { return package.scope() == "build-dep"; }

// In the image's files as a wheel, but in no environment.
bool IsOnlySaved(const v1::PackageOutcome& package) {
  return !package.installed() && !IsFailed(package) && !IsBuildDependency(package) &&
         !package.environment().empty();
}

Ink InkOfPackage(const v1::PackageOutcome& package) {
  return package.outcome() == v1::OUTCOME_WHEEL ? Ink::kGreen : IsFailed(package) ? Ink::kRed : Ink::kYellow;
}

std::string NameAndVersion(const v1::PackageOutcome& package) {
  return Printable(package.name()) + (package.version().empty() ? "" : " " + Printable(package.version()));
}

// The lines to add to the Dockerfile, and where.
std::string RemedyLines(const v1::PackageRow& row, const std::string& margin, const TextOptions& options) {
  if (row.package().remedy_lines().empty()) return "";
  constexpr int kLongestText = 60;
  const v1::RemedyPlace& place = row.remedy_place();
  const std::string text = Printable(place.text());
  std::string lines =
      place.has_range()
          ? fmt::format("{}    add before line {} of {} ({}):\n", margin, place.range().first_line(),
                        Printable(place.range().file()), Ellipsize(text, kLongestText))
          : fmt::format("{}    add before the base image's ONBUILD trigger ({}), in its own Dockerfile:\n",
                        margin, Ellipsize(text, kLongestText));
  for (const std::string& line : row.package().remedy_lines()) {
    lines += fmt::format("{}      {}\n", margin, Paint(Printable(line), Ink::kBold, options.colour));
  }
  return lines;
}

// What was printed and what to do, per failure; then which outcomes are unknown and what would show them. The
// same on several platforms is said once.
std::string RenderNotes(const Rows& rows, const TextOptions& options, int indent) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  std::string result;
  std::set<std::string> told;
  std::map<std::string, std::vector<std::string>> unknown;
  for (const v1::PackageRow* row : rows) {
    const v1::PackageOutcome& package = row->package();
    if (package.outcome() == v1::OUTCOME_UNKNOWN && !package.remedy().empty()) {
      std::vector<std::string>& names = unknown[package.remedy()];
      const std::string name = Printable(package.name());
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    if (!IsFailed(package)) continue;
    std::string note =
        margin + Paint(fmt::format("✗ {}  {}", NameAndVersion(package),
                                   package.failure_class().empty() ? "failed" : package.failure_class()),
                       Ink::kRed, options.colour);
    if (!package.failure_line().empty()) note += ": " + Printable(package.failure_line());
    note += "\n";
    if (!package.remedy().empty()) note += fmt::format("{}  → {}\n", margin, Printable(package.remedy()));
    note += RemedyLines(*row, margin, options);
    if (told.insert(note).second) result += note;
  }
  for (const auto& [remedy, names] : unknown) {
    constexpr size_t kMostNames = 8;
    std::string list;
    for (size_t i = 0; i < std::min(names.size(), kMostNames); ++i) list += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kMostNames) list += fmt::format(" and {} more", names.size() - kMostNames);
    result += margin + Paint("? unknown", Ink::kYellow, options.colour) + fmt::format("  {}\n", list);
    result += fmt::format("{}  → {}\n", margin, Printable(remedy));
  }
  return result;
}

// A line of the table over platforms. The environment tells two installs of one step apart.
using Key = std::tuple<bool, std::string, std::string, std::string, uint32_t, std::string>;

Key KeyOf(const v1::PackageRow& row) {
  // Runtime packages first, then by name.
  return {IsBuildDependency(row.package()),
          row.package().name(),
          row.package().version(),
          row.stage_name(),
          row.step_number(),
          row.package().environment()};
}

}  // namespace

std::string RenderPackages(absl::Span<const v1::PackageRow> rows, const TextOptions& options) {
  if (rows.empty()) return "no Python packages on record for this build\n";
  std::vector<std::string> platforms;
  std::map<Key, std::map<std::string, const v1::PackageOutcome*>> packages;
  Rows all;
  for (const v1::PackageRow& row : rows) {
    const std::string platform = FormatPlatform(row.platform());
    if (std::find(platforms.begin(), platforms.end(), platform) == platforms.end())
      platforms.push_back(platform);
    packages[KeyOf(row)][platform] = &row.package();
    all.push_back(&row);
  }
  std::vector<Table::Column> columns = {{"PACKAGE"}, {"VERSION"}, {"STEP"}, {"IN"}};
  for (const std::string& platform : platforms) {
    columns.push_back({platform});
    columns.push_back({"TIME", Table::Align::kRight});
    columns.push_back({"TAG"});
  }
  Table table(columns, static_cast<int>(columns.size()) - 1);
  for (const auto& [key, outcomes] : packages) {
    const auto& [build_dep, name, version, stage, step, environment] = key;
    std::vector<Table::Cell> cells = {
        {Printable(name) + (build_dep ? " (build-dep)" : ""), build_dep ? Ink::kDim : Ink::kBold},
        {Printable(version)},
        {fmt::format("{} {}", stage, step), Ink::kDim},
        {environment.empty() ? "-" : Printable(environment), Ink::kDim}};
    for (const std::string& platform : platforms) {
      const auto found = outcomes.find(platform);
      if (found == outcomes.end()) {
        cells.insert(cells.end(), {{"-", Ink::kDim}, {}, {}});
        continue;
      }
      const v1::PackageOutcome& package = *found->second;
      std::string how(Word(package.outcome()));
      if (package.emulated()) how += " (emulated)";
      if (IsOnlySaved(package)) how += " (not installed)";
      cells.push_back({how, InkOfPackage(package)});
      cells.push_back({package.seconds() < 0 ? "-" : FormatSeconds(package.seconds())});
      cells.push_back({Printable(package.tag()), Ink::kDim});
    }
    table.Add(std::move(cells));
  }
  std::string notes = RenderNotes(all, options, 0);
  for (const v1::PackageRow* row : all) {
    const std::string other = OtherWayText(*row);
    if (other.empty()) continue;
    notes += fmt::format("{} on {}: compiled in {} {}, {}\n", NameAndVersion(row->package()),
                         FormatPlatform(row->platform()), FormatSeconds(row->package().seconds()),
                         row->package().emulated() ? "under emulation" : "natively", other);
  }
  return table.Render(options) + (notes.empty() ? "" : "\n" + notes);
}

std::string RenderCellPackages(const v1::CellView& cell, absl::Span<const v1::PackageRow> rows,
                               const TextOptions& options) {
  Table table({{"package"}, {"version"}, {"how"}, {"time", Table::Align::kRight}, {"tag"}, {"stage"}, {""}},
              4);
  int wheels = 0;
  int sources = 0;
  int unknown = 0;
  Rows shown;
  for (const v1::PackageRow& row : rows) {
    if (std::find(cell.stages().begin(), cell.stages().end(), row.stage()) == cell.stages().end()) continue;
    shown.push_back(&row);
    const v1::PackageOutcome& package = row.package();
    wheels += package.outcome() == v1::OUTCOME_WHEEL ? 1 : 0;
    sources +=
        package.outcome() == v1::OUTCOME_SOURCE || package.outcome() == v1::OUTCOME_SOURCE_CACHED ? 1 : 0;
    unknown += package.outcome() == v1::OUTCOME_UNKNOWN ? 1 : 0;
    std::string remark = IsBuildDependency(package) ? "build-dep" : "";
    if (IsOnlySaved(package)) remark = "not installed, in " + Printable(package.environment());
    if (!package.conflict().empty()) remark += (remark.empty() ? "" : "; ") + Printable(package.conflict());
    if (IsFailed(package) && !package.failure_class().empty()) remark = package.failure_class();
    if (const std::string other = OtherWayText(row); !other.empty())
      remark += (remark.empty() ? "" : "; ") + other;
    table.Add({{Printable(package.name())},
               {Printable(package.version())},
               {std::string(Word(package.outcome())), InkOfPackage(package)},
               {package.seconds() < 0 ? "-" : FormatSeconds(package.seconds())},
               {Printable(package.tag()), Ink::kDim},
               {fmt::format("{} {}", row.stage_name(), row.step_number()), Ink::kDim},
               {remark, Ink::kDim}});
  }
  if (table.empty()) return "";
  return fmt::format("  packages  {} as wheel, {} from source{}\n", wheels, sources,
                     unknown == 0 ? "" : fmt::format(", {} unknown", unknown)) +
         table.Render(options, 4) + RenderNotes(shown, options, 4);
}

}  // namespace crossmill::cli
