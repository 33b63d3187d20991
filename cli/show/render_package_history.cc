#include "cli/show/render_package_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/show/package_json.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kMore = "there are more: --limit\n";

Ink InkOfOutcome(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_WHEEL    ? Ink::kGreen
         : outcome == v1::OUTCOME_FAILED ? Ink::kRed
                                         : Ink::kYellow;
}

template <typename Row>
std::string PlatformOf(const Row& row) {
  return row.has_platform() ? FormatPlatform(row.platform()) : "?";
}

std::string KnownTime(double seconds) { return seconds < 0 ? "-" : FormatSeconds(seconds); }

std::string Joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!joined.empty()) joined += separator;
    joined += part;
  }
  return joined;
}

std::string OtherWayOf(const v1::PackageOutcome& package, const v1::OtherWay& other) {
  const double ratio = EmulationRatio(package, other);
  return fmt::format("{} {} in build {}{}", package.emulated() ? "native" : "emulated",
                     FormatSeconds(other.seconds()), other.build_id(),
                     ratio < 0 ? "" : fmt::format(": {:.1f}x", ratio));
}

// What is said of a package beside its outcome.
std::vector<std::string> RemarksOf(const v1::PackageOutcome& package) {
  return {package.scope() == "build-dep" ? "build-dep" : "",
          package.outcome() == v1::OUTCOME_FAILED ? Printable(package.failure_class()) : "",
          Printable(package.conflict())};
}

Table::Cell OutcomeCell(const v1::PackageOutcome& package) {
  return {fmt::format("{}{}", Word(package.outcome()), package.emulated() ? " (emulated)" : ""),
          InkOfOutcome(package.outcome())};
}

// "was a wheel in build 11, is compiled now (11.2s)".
std::string NoLongerWheel(const v1::PackageChange& change) {
  const std::string version_before =
      change.version_before() == change.version() ? "" : " (" + Printable(change.version_before()) + ")";
  std::string now = "is compiled now";
  if (change.outcome() == v1::OUTCOME_SOURCE_CACHED) now = "comes from a wheel that was compiled earlier now";
  if (change.outcome() == v1::OUTCOME_FAILED) now = "failed to compile now";
  return fmt::format("was a wheel in build {}{}, {}{}", change.build_before(), version_before, now,
                     change.seconds() < 0 || change.outcome() == v1::OUTCOME_SOURCE_CACHED
                         ? ""
                         : fmt::format(" ({})", FormatSeconds(change.seconds())));
}

// What changed, without the platform.
std::string ChangeText(const v1::PackageChange& change) {
  const std::string version = Printable(change.version());
  const std::string before = Printable(change.version_before());
  const std::string versions = before == version || before.empty() ? version : before + " → " + version;
  const std::string name = Printable(change.name()) + (change.scope() == "build-dep" ? " (build-dep)" : "");
  const auto of = [&](const std::string& which) { return which.empty() ? name : name + " " + which; };
  switch (change.kind()) {
    case v1::PackageChange::KIND_NEW:
      return of(version) + ": new";
    case v1::PackageChange::KIND_GONE:
      return of(before) + ": gone";
    case v1::PackageChange::KIND_VERSION:
      return of(versions);
    case v1::PackageChange::KIND_NO_LONGER_WHEEL:
      return of(version) + ": " + NoLongerWheel(change);
    case v1::PackageChange::KIND_SLOWER:
      return fmt::format("{}: compiled in {}, in build {} in {}", of(version),
                         FormatSeconds(change.seconds()), change.build_before(),
                         FormatSeconds(change.seconds_before()));
    default:
      return fmt::format("{}: was {} in build {}, is {} now", of(versions), Word(change.outcome_before()),
                         change.build_before(), Word(change.outcome()));
  }
}

// "build 11 of 2023-11-14 on linux/amd64, linux/arm64": those that are compared with, each once.
std::string EarlierText(const BuildReport& report) {
  std::vector<std::pair<std::string, std::string>> builds;
  for (const v1::EarlierBuild& earlier : report.earlier) {
    const std::string build = fmt::format(
        "build {} of {}{}", earlier.build_id(), FormatRfc3339(earlier.finished_at()).substr(0, 10),
        earlier.other_arguments() ? ", which had other build arguments," : "");
    if (!builds.empty() && builds.back().first == build) {
      builds.back().second += ", " + FormatPlatform(earlier.platform());
    } else {
      builds.emplace_back(build, FormatPlatform(earlier.platform()));
    }
  }
  std::vector<std::string> texts;
  for (const auto& [build, platforms] : builds) texts.push_back(build + " on " + platforms);
  return Joined(texts, "; ");
}

}  // namespace

std::string OtherWayText(const v1::PackageRow& row) {
  return row.has_other_way() ? OtherWayOf(row.package(), row.other_way()) : "";
}

std::string RenderHistory(std::string_view name, const v1::PackageHistoryResponse& history, int64_t now_nanos,
                          const TextOptions& options) {
  if (history.rows().empty()) return fmt::format("no {} on record\n", Printable(name));
  Table table({{"WHEN"},
               {"BUILD", Table::Align::kRight},
               {"PLATFORM"},
               {"VERSION"},
               {"HOW"},
               {"TIME", Table::Align::kRight},
               {"TAG"},
               {""}},
              7);
  for (const v1::PackageHistoryRow& row : history.rows()) {
    const v1::PackageOutcome& package = row.package();
    std::vector<std::string> remarks = RemarksOf(package);
    if (row.replica() > 0) remarks.push_back(fmt::format("replica {}", row.replica()));
    if (row.has_other_way()) remarks.push_back(OtherWayOf(package, row.other_way()));
    table.Add({{FormatAge(row.finished_at(), now_nanos)},
               {fmt::format("{}", row.build_id())},
               {PlatformOf(row)},
               {Printable(package.version()), Ink::kBold},
               OutcomeCell(package),
               {KnownTime(package.seconds())},
               {Printable(package.tag()), Ink::kDim},
               {Joined(remarks, "; "), Ink::kDim}});
  }
  return table.Render(options) + std::string(history.more() ? kMore : "");
}

std::string RenderCompiled(const v1::CompiledPackagesResponse& compiled, int64_t now_nanos,
                           const TextOptions& options) {
  if (compiled.releases() == 0) return "nothing was compiled\n";
  Table table({{"PACKAGE"},
               {"VERSION"},
               {"PLATFORM"},
               {"COMPILED", Table::Align::kRight},
               {"TOTAL", Table::Align::kRight},
               {"MEAN", Table::Align::kRight},
               {"FAILED", Table::Align::kRight},
               {"LAST"},
               {"BUILD", Table::Align::kRight},
               {""}},
              9);
  for (const v1::CompiledPackage& row : compiled.rows()) {
    std::vector<std::string> remarks;
    const auto count = [&](int64_t number, std::string_view what) {
      if (number > 0) remarks.push_back(fmt::format("{} {}", number, what));
    };
    if (row.emulated() > 0) {
      remarks.push_back(
          fmt::format("{} emulated, {}", row.emulated(), FormatSeconds(row.emulated_seconds())));
    }
    count(row.replicas(), "in replicas");
    count(row.build_dependencies(), "as build-dep");
    count(row.times() - row.timed(), "of unknown time");
    const bool timed = row.timed() > 0;
    table.Add(
        {{Printable(row.name()), Ink::kBold},
         {Printable(row.version())},
         {PlatformOf(row)},
         {fmt::format("{}", row.times())},
         {timed ? FormatSeconds(row.seconds()) : "-"},
         {timed ? FormatSeconds(row.seconds() / static_cast<double>(row.timed())) : "-"},
         {row.failed() == 0 ? "" : fmt::format("{}, {}", row.failed(), FormatSeconds(row.failed_seconds())),
          Ink::kRed},
         {FormatAge(row.last_finished_at(), now_nanos)},
         {fmt::format("{}", row.last_build_id())},
         {Joined(remarks, "; "), Ink::kDim}});
  }
  std::string total = fmt::format(
      "{} {}: compiled {} {} in {}", compiled.releases(), compiled.releases() == 1 ? "release" : "releases",
      compiled.times(), compiled.times() == 1 ? "time" : "times", FormatSeconds(compiled.seconds()));
  if (compiled.failed() > 0) {
    total += fmt::format(", failed {} {} in {}", compiled.failed(), compiled.failed() == 1 ? "time" : "times",
                         FormatSeconds(compiled.failed_seconds()));
  }
  return table.Render(options) + std::string(compiled.more() ? kMore : "") + total + "\n";
}

std::string RenderUses(std::string_view requirement, const v1::PackageUsesResponse& uses, int64_t now_nanos,
                       const TextOptions& options) {
  if (uses.rows().empty())
    return fmt::format("no build on record that has ended uses {}\n", Printable(requirement));
  Table table({{"BUILD", Table::Align::kRight},
               {"STATUS"},
               {"WHEN"},
               {"RECIPE"},
               {"PLATFORM"},
               {"STEP"},
               {"VERSION"},
               {"HOW"},
               {""}},
              3);
  for (const v1::PackageUse& row : uses.rows()) {
    std::vector<std::string> remarks = RemarksOf(row.package());
    if (!row.package().installed() && row.package().scope() != "build-dep")
      remarks.push_back("not installed");
    if (row.executed_by() != row.build_id()) {
      remarks.push_back(fmt::format("step of build {}", row.executed_by()));
    }
    table.Add({{fmt::format("{}", row.build_id())},
               {std::string(Word(row.status())), InkOf(row.status())},
               {FormatAge(row.submitted_at(), now_nanos)},
               {Printable(row.recipe())},
               {PlatformOf(row)},
               {fmt::format("{} {}", Printable(row.stage_name()), row.step_number()), Ink::kDim},
               {Printable(row.package().version()), Ink::kBold},
               OutcomeCell(row.package()),
               {Joined(remarks, "; "), Ink::kDim}});
  }
  return table.Render(options) + std::string(uses.more() ? kMore : "");
}

std::string RenderPackageChanges(const BuildReport& report, const TextOptions& options, size_t most) {
  if (report.changes.empty() || report.earlier.empty()) return "";
  // One line for what is the same on several platforms.
  struct Line {
    std::string text;
    std::string platforms;
    bool warning = false;
  };
  std::vector<Line> lines;
  for (const v1::PackageChange& change : report.changes) {
    const std::string text = ChangeText(change);
    const std::string platform = FormatPlatform(change.platform());
    const auto same =
        std::find_if(lines.begin(), lines.end(), [&](const Line& line) { return line.text == text; });
    if (same != lines.end()) {
      same->platforms += ", " + platform;
    } else {
      lines.push_back({text, platform, change.kind() == v1::PackageChange::KIND_NO_LONGER_WHEEL});
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& left, const Line& right) { return left.warning && !right.warning; });
  std::string result = fmt::format("packages since the last build of the same recipe ({}): {}\n",
                                   Printable(report.earlier.front().recipe()), EarlierText(report));
  for (size_t i = 0; i < std::min(lines.size(), most); ++i) {
    const Line& line = lines[i];
    result +=
        fmt::format("  {}{}  {}\n", line.warning ? Paint("warning:", Ink::kYellow, options.colour) + " " : "",
                    line.text, Paint(line.platforms, Ink::kDim, options.colour));
  }
  if (lines.size() > most) {
    result +=
        fmt::format("  and {} more: crossmill show {} --json\n", lines.size() - most, report.build.id());
  }
  return result;
}

}  // namespace crossmill::cli
