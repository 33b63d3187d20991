#include "common/base/opening/nameless_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

TEST(NamelessFileTest, ReadsWhatWasAppendedFromAnyOffset) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  auto file = NamelessFile::Create(folder.path());
  ASSERT_OK(file);
  ASSERT_OK(file->Append("0123456789"));
  ASSERT_OK(file->Append(std::string(100'000, 'x')));
  EXPECT_EQ(file->size(), 100'010);
  std::string read(100'020, '\0');
  EXPECT_EQ(file->ReadAt(4, read.data(), read.size()).value(), 100'006u);
  EXPECT_EQ(read.substr(0, 8), "456789xx");
  EXPECT_EQ(file->ReadAt(100'010, read.data(), read.size()).value(), 0u);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it has a name";
}

TEST(NamelessFileTest, SomebodyMayBeAskedBeforeAnythingIsWritten) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  int64_t left = 10;
  auto file = NamelessFile::Create(folder.path(), [&](int64_t bytes) -> absl::Status {
    if (bytes > left) return absl::ResourceExhaustedError("no room for it");
    left -= bytes;
    return absl::OkStatus();
  });
  ASSERT_OK(file);
  EXPECT_OK(file->Append("012345"));
  EXPECT_OK(file->Append(""));
  EXPECT_TRUE(absl::IsResourceExhausted(file->Append("01234")));
  EXPECT_EQ(file->size(), 6) << "nothing of what was refused is there";
  EXPECT_OK(file->Append("0123"));
}

TEST(NamelessFileTest, ErrorsNameTheFolder) {
  EXPECT_THAT(std::string(NamelessFile::Create("/nowhere/at-all").status().message()),
              testing::HasSubstr("/nowhere/at-all"));
}

}  // namespace
}  // namespace crossmill
