// Resolutions of real pip on recorded pages and metadata (tests/support/record_pip_resolutions.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/json.h"
#include "common/predict/resolver/resolver.h"
#include "common/python/package_name.h"
#include "tests/common/predict/gzip_file.h"
#include "tests/common/predict/resolver/memory_source.h"

namespace crossmill::predict {
namespace {

constexpr const char* kFolder = "python/resolutions/";

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

MemorySource RecordedSource() {
  MemorySource source;
  std::string project;
  std::vector<std::vector<std::string>> rows;
  const auto flush = [&] {
    if (!project.empty()) source.AddPage(project, rows);
    rows.clear();
  };
  for (const std::string& line : LinesOf(GoldenGzip(std::string(kFolder) + "index.tsv.gz"))) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() == 1) {
      flush();
      project = line;
    } else {
      rows.push_back({fields[0], fields[1], "", fields[2], fields[3]});
    }
  }
  flush();
  const auto metadata = ParseJson(GoldenGzip(std::string(kFolder) + "metadata.json.gz"));
  EXPECT_OK(metadata);
  for (const auto& [file, texts] : metadata->items()) source.SetMetadata(file, texts[0].get<std::string>());
  return source;
}

std::vector<python::PythonEnvironment> Environments() {
  std::vector<python::PythonEnvironment> environments;
  for (const auto& row : python::GoldenTable("choice_environments.txt")) {
    const python::Libc::Kind libc = row[5] == "glibc"  ? python::Libc::Kind::kGlibc
                                    : row[5] == "musl" ? python::Libc::Kind::kMusl
                                                       : python::Libc::Kind::kNone;
    const auto environment = python::PythonEnvironment::Of({std::stoi(row[0]),
                                                            std::stoi(row[1]),
                                                            row[2] == "1",
                                                            row[3],
                                                            row[4] == "1",
                                                            {libc, std::stoi(row[6]), std::stoi(row[7])},
                                                            true},
                                                           row[8]);
    EXPECT_OK(environment);
    environments.push_back(*environment);
  }
  return environments;
}

std::vector<std::string> Texts(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& one : list) texts.push_back(one.get<std::string>());
  return texts;
}

ResolveRules RulesOfCase(const Json& one) {
  ResolveRules rules;
  if (one["environment"].get<int>() >= 0) rules.format.OnlyBinary(":all:");
  if (one.contains("constraints")) rules.constraints = Roots(Texts(one["constraints"]), "-c constraints.txt");
  if (!one.contains("options")) return rules;
  const std::vector<std::string> options = Texts(one["options"]);
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i] == "--pre") rules.prereleases = true;
    if (options[i] == "--prefer-binary") rules.prefer_binary = true;
    if (options[i] == "--no-deps") rules.no_dependencies = true;
    if (options[i] == "--no-binary") rules.format.NoBinary(options[++i]);
    if (options[i] == "--only-binary") rules.format.OnlyBinary(options[++i]);
  }
  return rules;
}

// "NAME VERSION FILE" of each.
std::set<std::string> ToldInstall(const Resolution& resolution) {
  std::set<std::string> told;
  for (const ResolvedPackage& package : resolution.packages) {
    told.insert(fmt::format("{} {} {}", package.name, package.version,
                            package.page->Listed(*package.choice.file).file_name));
  }
  return told;
}

std::set<std::string> ExpectedInstall(const Json& one) {
  std::set<std::string> expected;
  for (const Json& package : one["install"]) {
    const auto version = python::Version::Parse(package[1].get<std::string>());
    EXPECT_OK(version);
    expected.insert(fmt::format("{} {} {}", python::NormaliseName(package[0].get<std::string>()),
                                version->Text(), package[2].get<std::string>()));
  }
  return expected;
}

// Without what pip says of packages that have no files at all: it says it of every package of a conflict
// (its _has_any_candidates asks without a requirement), we of those that have none.
std::vector<std::string> WithoutAddition(std::vector<std::string> lines) {
  const auto addition = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("Additionally, some packages");
  });
  lines.erase(addition, lines.end());
  // pip tells it of all projects that it has seen by then, we of the one that it is about.
  std::erase_if(lines, [](const std::string& line) {
    return line.starts_with("Ignored the following versions that require a different python");
  });
  return lines;
}

TEST(RecordedResolutionsTest, WhatPipResolvesTo) {
  MemorySource source = RecordedSource();
  const auto environments = Environments();
  const auto own = python::PythonEnvironment::Of(
      {3, 11, false, "x86_64", false, {python::Libc::Kind::kGlibc, 2, 36}, true}, "3.11.2");
  ASSERT_OK(own);
  int solved = 0;
  int failed = 0;
  int unknown = 0;
  size_t packages = 0;
  for (const std::string& line : LinesOf(GoldenGzip(std::string(kFolder) + "cases.jsonl.gz"))) {
    const auto read = ParseJson(line);
    ASSERT_OK(read);
    const Json& one = *read;
    SCOPED_TRACE(line.substr(0, 200));
    const int at = one["environment"].get<int>();
    const auto resolution = Resolve(Roots(Texts(one["requirements"]), "-r requirements.txt"),
                                    RulesOfCase(one), at < 0 ? *own : environments.at(at), source);
    ASSERT_OK(resolution);
    const bool all_known =
        std::none_of(resolution->packages.begin(), resolution->packages.end(),
                     [](const ResolvedPackage& package) { return package.dependencies_unknown; });
    if (!all_known) ++unknown;
    // What an old source requires, pip knows once it has built it: then it may have to go on.
    if (!all_known && !one.contains("install")) continue;
    EXPECT_EQ(resolution->solved, one.contains("install"));
    if (!one.contains("install")) {
      ++failed;
      std::vector<std::string> lines = Texts(one["error"]);
      for (std::string& error : lines) {
        if (error.starts_with("ERROR: ")) error.erase(0, 7);
      }
      EXPECT_EQ(WithoutAddition(resolution->failure), WithoutAddition(lines));
      continue;
    }
    ++solved;
    packages += one["install"].size();
    const std::set<std::string> told = ToldInstall(*resolution);
    const std::set<std::string> expected = ExpectedInstall(one);
    if (all_known) {
      EXPECT_EQ(told, expected);
    } else {
      // What nobody knows before it is built is missing, nothing else is.
      for (const std::string& package : told) EXPECT_TRUE(expected.contains(package)) << package;
    }
  }
  EXPECT_GE(solved, 90);
  EXPECT_GE(failed, 20);
  EXPECT_LE(unknown, 10);
  EXPECT_GE(packages, 1000U);
  RecordProperty("solved", solved);
  RecordProperty("failed", failed);
  RecordProperty("unknown", unknown);
}

}  // namespace
}  // namespace crossmill::predict
