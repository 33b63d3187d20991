// Pages and environments for tests of choices: the recorded ones, and small ones written down.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/wheels/candidates.h"
#include "tests/common/python/golden_table.h"

namespace crossmill::python {

inline IndexFile FileOfRow(const std::vector<std::string>& row) {
  IndexFile file;
  file.file_name = row[0];
  file.url = "https://files.example/" + row[0];
  if (!row[1].empty()) file.requires_python = row[1];
  file.upload_time = row[2];
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, file.upload_time, &time, nullptr)) file.uploaded = time;
  if (!row[3].empty()) file.yanked = row[3] == "yanked" ? "" : row[3];
  if (!row[4].empty()) file.hashes.push_back({"sha256", row[4]});
  return file;
}

// tests/golden/python/index/PROJECT.tsv
inline ProjectFiles RecordedPage(const std::string& project) {
  IndexDocument document;
  for (const auto& row : GoldenTable("index/" + project + ".tsv")) document.files.push_back(FileOfRow(row));
  return {std::move(document), project};
}

// Lines "FILE [python=SPECIFIER] [time=RFC3339] [yanked=REASON] [sha256=HEX]".
inline ProjectFiles Page(const std::vector<std::string>& lines) {
  IndexDocument document;
  for (const std::string& line : lines) {
    std::vector<std::string> row(5);
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    row[0] = words[0];
    for (const std::string& word : words) {
      const std::pair<std::string, std::string> pair = absl::StrSplit(word, absl::MaxSplits('=', 1));
      const std::vector<std::string> names = {"file", "python", "time", "yanked", "sha256"};
      for (size_t i = 1; i < names.size(); ++i) {
        if (pair.first == names[i]) row[i] = pair.second;
      }
    }
    document.files.push_back(FileOfRow(row));
  }
  return {std::move(document), "name"};
}

// "3.11 x86_64 glibc 2.36", "3.13t aarch64 musl 1.2", "3.9 x86_64 none".
inline PythonEnvironment EnvironmentOf(std::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(Av(text), ' ');
  TagEnvironment tags;
  std::vector<std::string> numbers = absl::StrSplit(words[0], '.');
  if (numbers[1].ends_with('t')) {
    tags.free_threaded = true;
    numbers[1].pop_back();
  }
  tags.python_major = std::stoi(numbers[0]);
  tags.python_minor = std::stoi(numbers[1]);
  tags.machine = words[1];
  if (words.size() > 3) {
    tags.libc.kind = words[2] == "musl" ? Libc::Kind::kMusl : Libc::Kind::kGlibc;
    const std::vector<std::string> libc = absl::StrSplit(words[3], '.');
    tags.libc.major = std::stoi(libc[0]);
    tags.libc.minor = std::stoi(libc[1]);
  }
  auto environment = PythonEnvironment::Of(tags, fmt::format("{}.{}.5", numbers[0], numbers[1]));
  EXPECT_OK(environment);
  return *std::move(environment);
}

inline SpecifierSet Specifiers(std::string_view text) {
  auto set = SpecifierSet::Parse(text);
  EXPECT_OK(set);
  return set.ok() ? *std::move(set) : SpecifierSet();
}

inline absl::Time TimeOf(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return time;
}

}  // namespace crossmill::python
