#include "worker/accelerators/quick_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "tests/worker/accelerators/real_emulator.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;

class QuickProcessorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
  }
  // Of an emulator that ends the probe with one of these codes: by itself, and with -cpu.
  absl::Status Try(int own, int quick) {
    const std::string emulator = folder_->Path("emulator");
    EXPECT_OK(WriteFileAtomic(
        emulator,
        fmt::format("#!/bin/sh\n[ $1 = -0 ] && exit {}\n[ \"$1 $2\" = '-cpu {}' ] && exit {}\nexit 2\n", own,
                    QuickProcessor(), quick),
        0755));
    return TryQuickProcessor(emulator, folder_->path());
  }
  std::optional<TemporaryFolder> folder_;
};

// Codes are the fields APA (low) and API of ID_AA64ISAR1_EL1.
TEST_F(QuickProcessorTest, OnlyWhereItMakesADifference) {
  EXPECT_OK(Try(0x01, 0x10));
  EXPECT_OK(Try(0x05, 0x50));
  EXPECT_THAT(std::string(Sv(Try(0x50, 0x50).message())), HasSubstr("nothing to gain"));
  EXPECT_THAT(std::string(Sv(Try(0x00, 0x10).message())), HasSubstr("nothing to gain"));
  // An emulator that does not know it, or one that ends with 1 whatever it is asked.
  EXPECT_THAT(std::string(Sv(Try(0x01, 0x01).message())), HasSubstr("does not take -cpu"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Try(0x01, 0x00)));
}

TEST_F(QuickProcessorTest, WhatIsNoEmulator) {
  EXPECT_FALSE(TryQuickProcessor(folder_->Path("missing"), folder_->path()).ok());
}

// Whatever version it is: one that signs by QARMA takes the option, since it came with the signatures.
TEST_F(QuickProcessorTest, TheRealOneTakesItIfItSignsByQarma) {
  if (!ReadFile(kQemu, 200 << 20).ok()) GTEST_SKIP() << kQemu << " is not installed";
  const absl::Status tried = TryQuickProcessor(kQemu, folder_->path());
  if (!tried.ok()) {
    EXPECT_THAT(std::string(Sv(tried.message())), HasSubstr("nothing to gain"));
  }
}

}  // namespace
}  // namespace crossmill::worker
