#include "common/rpc/spool.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::rpc {
namespace {

TEST(SpoolTest, GoesToAFileBeyondItsLimitAndReadsTheSame) {
  auto folder = *TemporaryFolder::Create();
  Spool spool(folder.path(), 10);
  ASSERT_OK(spool.Append("0123456789"));
  EXPECT_TRUE(spool.in_memory());
  ASSERT_OK(spool.Append("abc"));
  ASSERT_OK(spool.Append("def"));
  EXPECT_FALSE(spool.in_memory());
  EXPECT_EQ(spool.size(), 16);
  char buffer[8];
  ASSERT_EQ(*spool.ReadAt(7, buffer, 8), 8u);
  EXPECT_EQ(std::string(buffer, 8), "789abcde");
  ASSERT_EQ(*spool.ReadAt(15, buffer, 8), 1u);
  EXPECT_EQ(*spool.ReadAt(16, buffer, 8), 0u);
}

TEST(SpoolTest, FolderThatIsNotThereIsNamed) {
  Spool spool("/nowhere/at-all", 0);
  const absl::Status status = spool.Append("x");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find("/nowhere/at-all"), std::string::npos) << status;
}

}  // namespace
}  // namespace crossmill::rpc
