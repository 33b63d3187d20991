#include "cli/wheelhouse/matrix.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "cli/show/csv.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

using Outcome = PackageRecord::Outcome;

Ink InkOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kWheel:
      return Ink::kGreen;
    case Outcome::kFailed:
      return Ink::kRed;
    case Outcome::kNotTried:
      return Ink::kDim;
    default:
      return Ink::kYellow;
  }
}

std::string CellText(const PackageRecord& package) {
  std::string text(OutcomeWord(package.outcome));
  if (package.outcome == Outcome::kFailed && !package.failure_class.empty())
    return fmt::format("{}: {}", text, Printable(package.failure_class));
  if (package.way == PlannedPackage::Way::kCompile && package.done() && package.seconds >= 0) {
    text += " " + FormatSeconds(package.seconds);
    if (package.emulated) text += " emulated";
  }
  return text;
}

// Rows: a package in a version. Cells: by target, null where it is not wanted.
using Rows = std::map<std::pair<std::string, std::string>, std::vector<const PackageRecord*>>;

Rows RowsOf(absl::Span<const TargetRecord> records) {
  Rows rows;
  for (size_t i = 0; i < records.size(); ++i) {
    for (const PackageRecord& package : records[i].packages) {
      std::vector<const PackageRecord*>& row = rows[{package.name, package.version}];
      row.resize(records.size());
      row[i] = &package;
    }
  }
  return rows;
}

std::string DescribeTarget(const TargetRecord& record) {
  std::string text =
      fmt::format("{}: {}, in {}", record.target.Label(), StatusWord(record.status), record.target.base);
  if (!record.base_digest.empty())
    text +=
        fmt::format(" ({}{})", record.base_digest.substr(0, 19), record.base_stand_in ? ", a stand-in" : "");
  text += "\n";
  for (const std::string& line : record.plan.failure) text += fmt::format("  {}\n", Printable(line));
  for (const std::string& line : record.missing) text += fmt::format("  missing: {}\n", Printable(line));
  return text;
}

std::string DescribeFailure(const TargetRecord& record, const PackageRecord& package) {
  std::string text = fmt::format("{} {} on {}: {}\n", package.name, package.version, record.target.Label(),
                                 Printable(package.message));
  if (!package.failure_line.empty()) text += fmt::format("  {}\n", Printable(package.failure_line));
  if (!package.remedy.empty()) text += fmt::format("  {}\n", Printable(package.remedy));
  if (package.build != 0) text += fmt::format("  crossmill logs {}\n", package.build);
  return text;
}

// What was not done, or done in vain, to wheels that are there: a list of packages for each sentence and
// target.
std::string DescribeStatements(absl::Span<const TargetRecord> records) {
  std::map<std::string, std::string> packages_of;
  for (const TargetRecord& record : records) {
    for (const PackageRecord& package : record.packages) {
      const auto say = [&](const std::string& sentence) {
        std::string& list = packages_of[fmt::format("{}: {}", record.target.Label(), sentence)];
        list += (list.empty() ? "" : ", ") + package.name;
      };
      const WheelStatements& made = package.statements;
      if (made.repair == "not-installed")
        say("not repaired, the image has no auditwheel; these install only on systems like it");
      if (made.repair == "failed") say(fmt::format("auditwheel could not repair: {}", made.repair_line));
      if (made.abi3 == "not-installed") say("abi3 not checked, the image has no abi3audit");
      if (made.abi3 == "failed") say(fmt::format("abi3audit refuses: {}", made.abi3_line));
      for (const std::string& note : package.notes) say(note);
    }
  }
  std::string text;
  for (const auto& [sentence, packages] : packages_of)
    text += fmt::format("{} ({})\n", Printable(sentence), packages);
  return text;
}

}  // namespace

std::string RenderMatrix(absl::Span<const TargetRecord> records, const TextOptions& options) {
  std::vector<Table::Column> columns = {{"package"}, {"version"}};
  for (const TargetRecord& record : records) columns.push_back({record.target.Label()});
  Table table(columns);
  for (const auto& [key, cells] : RowsOf(records)) {
    std::vector<Table::Cell> row = {{key.first}, {key.second}};
    for (const PackageRecord* package : cells) {
      row.push_back(package == nullptr ? Table::Cell{"-", Ink::kDim}
                                       : Table::Cell{CellText(*package), InkOf(package->outcome)});
    }
    table.Add(std::move(row));
  }
  std::string text = table.empty() ? "" : table.Render(options) + "\n";
  for (const TargetRecord& record : records) text += DescribeTarget(record);
  for (const TargetRecord& record : records) {
    for (const PackageRecord& package : record.packages) {
      if (package.outcome == Outcome::kFailed) text += DescribeFailure(record, package);
    }
  }
  return text + DescribeStatements(records);
}

std::string MatrixCsv(absl::Span<const TargetRecord> records) {
  std::string text =
      "package,version,platform_and_python,outcome,seconds,emulated,build,failure_class,remedy,files\n";
  for (const TargetRecord& record : records) {
    for (const PackageRecord& package : record.packages) {
      std::string files;
      for (const WheelFile& file : package.files) files += (files.empty() ? "" : " ") + file.name;
      text +=
          fmt::format("{},{},{},{},{},{},{},{},{},{}\n", CsvField(package.name), CsvField(package.version),
                      CsvField(record.target.Folder()), OutcomeWord(package.outcome),
                      package.seconds < 0 ? "" : fmt::format("{:.3f}", package.seconds), package.emulated,
                      package.build == 0 ? "" : std::to_string(package.build),
                      CsvField(package.failure_class), CsvField(package.remedy), CsvField(files));
    }
  }
  return text;
}

Json MatrixJson(absl::Span<const TargetRecord> records) {
  Json targets = Json::array();
  for (const TargetRecord& record : records)
    targets.push_back({{"target", record.target.Folder()}, {"status", StatusWord(record.status)}});
  std::map<std::string, Json> rows;
  for (const TargetRecord& record : records) {
    for (const PackageRecord& package : record.packages) {
      Json& row = rows[package.name];
      if (row.is_null()) row = {{"name", package.name}, {"cells", Json::object()}};
      row["cells"][record.target.Folder()] = {
          {"version", package.version},
          {"outcome", OutcomeWord(package.outcome)},
          {"seconds", package.seconds < 0 ? Json(nullptr) : Json(package.seconds)},
          {"emulated", package.emulated},
          {"failure_class", TextOrNull(package.failure_class)}};
    }
  }
  Json packages = Json::array();
  for (auto& [name, row] : rows) packages.push_back(std::move(row));
  return {{"targets", std::move(targets)}, {"packages", std::move(packages)}};
}

}  // namespace crossmill::cli
