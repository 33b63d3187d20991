#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {

void ExpectGolden(std::string_view folder, std::string_view file, std::string_view actual) {
  const std::string path = fmt::format("{}/{}", folder, file);
  if (std::getenv("CROSSMILL_ACCEPT") != nullptr) {
    ASSERT_TRUE(MakeFolders(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileAtomic(path, actual).ok());
    return;
  }
  auto expected = ReadFile(path);
  ASSERT_TRUE(expected.ok()) << expected.status() << " (CROSSMILL_ACCEPT=1 writes it)";
  EXPECT_EQ(*expected, actual) << path << " (CROSSMILL_ACCEPT=1 rewrites it)";
}

}  // namespace crossmill
