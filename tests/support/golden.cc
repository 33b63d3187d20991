#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

std::map<std::string, std::string>& Held() {
  static std::map<std::string, std::string> held;
  return held;
}

}  // namespace

void HoldGoldens(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    auto content = ReadFile(entry.path());
    if (content.ok()) Held()[entry.path()] = *std::move(content);
  }
}

void ExpectGolden(std::string_view folder, std::string_view file, std::string_view actual) {
  const std::string path = fmt::format("{}/{}", folder, file);
  if (std::getenv("CROSSMILL_ACCEPT") != nullptr) {
    ASSERT_TRUE(MakeFolders(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileAtomic(path, actual).ok());
    return;
  }
  const auto held = Held().find(path);
  absl::StatusOr<std::string> expected = held != Held().end() ? held->second : ReadFile(path);
  ASSERT_TRUE(expected.ok()) << expected.status() << " (CROSSMILL_ACCEPT=1 writes it)";
  EXPECT_EQ(*expected, actual) << path << " (CROSSMILL_ACCEPT=1 rewrites it)";
}

}  // namespace crossmill
