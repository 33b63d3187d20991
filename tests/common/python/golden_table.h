// Tables below tests/golden/python (made by tests/support/record_python.py and record_pip_choices.py): lines
// with fields between tabs.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::python {

inline std::vector<std::string> GoldenLines(const std::string& name) {
  const auto text = ReadFile(std::string(CROSSMILL_GOLDEN_FOLDER) + "/python/" + name);
  EXPECT_OK(text);
  if (!text.ok()) return {};
  std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

inline std::vector<std::vector<std::string>> GoldenTable(const std::string& name) {
  std::vector<std::vector<std::string>> table;
  for (const std::string& line : GoldenLines(name)) table.push_back(absl::StrSplit(line, '\t'));
  return table;
}

}  // namespace crossmill::python
