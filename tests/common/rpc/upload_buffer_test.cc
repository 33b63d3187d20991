#include "common/rpc/upload_buffer.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::rpc {
namespace {

TEST(UploadBufferTest, GoesToAFileBeyondItsLimitAndReadsTheSame) {
  auto folder = *TemporaryFolder::Create();
  UploadBuffer buffer(folder.path(), 10);
  ASSERT_OK(buffer.Append("0123456789"));
  EXPECT_TRUE(buffer.in_memory());
  ASSERT_OK(buffer.Append("abc"));
  ASSERT_OK(buffer.Append("def"));
  EXPECT_FALSE(buffer.in_memory());
  EXPECT_EQ(buffer.size(), 16);
  char bytes[8];
  ASSERT_EQ(*buffer.ReadAt(7, bytes, 8), 8u);
  EXPECT_EQ(std::string(bytes, 8), "789abcde");
  ASSERT_EQ(*buffer.ReadAt(15, bytes, 8), 1u);
  EXPECT_EQ(*buffer.ReadAt(16, bytes, 8), 0u);
}

TEST(UploadBufferTest, FolderThatIsNotThereIsNamed) {
  UploadBuffer buffer("/nowhere/at-all", 0);
  const absl::Status status = buffer.Append("x");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find("/nowhere/at-all"), std::string::npos) << status;
}

}  // namespace
}  // namespace crossmill::rpc
