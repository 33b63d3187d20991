#include "coordinator/metrics/process_numbers.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kLimits =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max processes             15000                15000                processes \n"
    "Max open files            1024                 unlimited            files     \n";

// A /proc of files: what it says is known.
class ProcFolder {
 public:
  ProcFolder() : folder_(TemporaryFolder::Create()) {
    EXPECT_OK(folder_);
    // A program may call itself anything.
    Write("stat",
          "7 (a) b ( c) S 1 7 7 0 -1 4194304 9 0 0 0 250 50 3 4 20 0 12 0 4000 1073741824 "
          "256 18446744073709551615 1 1 0\n");
    Write("limits", kLimits);
    Write("machine", "cpu  1 2 3\nintr 5 6\nctxt 7\nbtime 1700000000\nprocesses 9\n");
    EXPECT_OK(MakeFolders(folder_->Path("fd")));
    for (const char* name : {"fd/0", "fd/1", "fd/12"}) Write(name, "");
  }
  void Write(const std::string& name, std::string_view text) {
    EXPECT_OK(WriteFileAtomic(folder_->Path(name), text));
  }
  absl::StatusOr<ProcessNumbers> Read() const {
    return ReadProcessNumbers(folder_->path(), folder_->Path("machine"));
  }

 private:
  absl::StatusOr<TemporaryFolder> folder_;
};

TEST(ProcessNumbersTest, WhatTheKernelWrites) {
  const auto numbers = ProcFolder().Read();
  ASSERT_OK(numbers);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(numbers->cpu_seconds, 300 / ticks);
  EXPECT_EQ(numbers->threads, 12);
  EXPECT_EQ(numbers->virtual_bytes, 1073741824);
  EXPECT_EQ(numbers->resident_bytes, 256 * sysconf(_SC_PAGESIZE));
  EXPECT_EQ(numbers->start_seconds, 1'700'000'000 + 4000 / ticks);
  EXPECT_EQ(numbers->open_descriptors, 3);
  EXPECT_EQ(numbers->most_descriptors, 1024u);
}

TEST(ProcessNumbersTest, AsManyDescriptorsAsItLikes) {
  ProcFolder folder;
  folder.Write("limits", "Max open files            unlimited            unlimited            files     \n");
  const auto numbers = folder.Read();
  ASSERT_OK(numbers);
  EXPECT_EQ(numbers->most_descriptors, ProcessNumbers::kUnlimited);
}

TEST(ProcessNumbersTest, WhatIsNotUnderstoodIsNamed) {
  for (const char* name : {"stat", "limits", "machine"}) {
    ProcFolder folder;
    folder.Write(name, "7 (a) S 1 2\n");
    const auto numbers = folder.Read();
    ASSERT_FALSE(numbers.ok()) << name;
    EXPECT_THAT(std::string(numbers.status().message()), HasSubstr(std::string("/") + name + ": "));
  }
  EXPECT_FALSE(ReadProcessNumbers("/nonexistent", "/proc/stat").ok());
}

TEST(ProcessNumbersTest, OfThisProcess) {
  const auto before = ReadProcessNumbers();
  ASSERT_OK(before);
  EXPECT_GT(before->resident_bytes, 1 << 20);
  EXPECT_GE(before->virtual_bytes, before->resident_bytes);
  EXPECT_GE(before->threads, 1);
  EXPECT_GT(before->open_descriptors, 2);
  EXPECT_LE(static_cast<uint64_t>(before->open_descriptors), before->most_descriptors);
  EXPECT_LE(before->start_seconds, static_cast<double>(time(nullptr)) + 1);
  const auto opened = OpenFile("/dev/null", O_RDONLY);
  ASSERT_OK(opened);
  const auto after = ReadProcessNumbers();
  ASSERT_OK(after);
  EXPECT_EQ(after->open_descriptors, before->open_descriptors + 1);
  EXPECT_EQ(after->start_seconds, before->start_seconds);
  EXPECT_GE(after->cpu_seconds, before->cpu_seconds);
}

}  // namespace
}  // namespace crossmill::coordinator
