#include "worker/host/probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;

std::string Entry(const std::string& state, const std::string& flags, const std::string& magic) {
  return fmt::format("{}\ninterpreter /usr/bin/qemu-static\nflags: {}\noffset 0\nmagic {}\nmask ffff\n",
                     state, flags, magic);
}
constexpr char kArm64Magic[] = "7f454c460201010000000000000000000200b700";
constexpr char kArmMagic[] = "7f454c4601010100000000000000000002002800";
constexpr char kS390Magic[] = "7f454c4602020100000000000000000000020016";

class ProbesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    ASSERT_OK(MakeFolders(folder_->Path("binfmt")));
    ASSERT_OK(WriteFileAtomic(folder_->Path("binfmt/status"), "enabled\n"));
    ASSERT_OK(WriteFileAtomic(folder_->Path("boot_id"), "0e9f-boot\n"));
    ASSERT_OK(WriteFileAtomic(folder_->Path("cpuinfo"), "processor\t: 0\nmodel name\t: Quick CPU\n"));
  }
  void Register(const std::string& name, const std::string& text) {
    ASSERT_OK(WriteFileAtomic(folder_->Path("binfmt/" + name), text));
  }
  // As "amd64" or "arm64 (emulated)".
  std::vector<std::string> Platforms(const std::string& machine = "x86_64") {
    ProbeSources sources;
    sources.binfmt = folder_->Path("binfmt");
    sources.boot_id = folder_->Path("boot_id");
    sources.cpu_info = folder_->Path("cpuinfo");
    sources.machine = machine;
    const auto info = ProbeMachine(sources);
    EXPECT_OK(info);
    EXPECT_EQ(info->host_id(), "0e9f-boot");
    EXPECT_EQ(info->cpu_model(), "Quick CPU");
    std::vector<std::string> names;
    for (const auto& support : info->platforms()) {
      names.push_back(support.platform().architecture() + support.platform().variant() +
                      (support.emulated() ? " (emulated)" : ""));
    }
    return names;
  }

  std::optional<TemporaryFolder> folder_;
};

TEST_F(ProbesTest, WithoutRegistrationsOnlyTheMachineItself) {
  EXPECT_THAT(Platforms(), ElementsAre("amd64"));
  EXPECT_THAT(Platforms("aarch64"), ElementsAre("arm64"));
}

TEST_F(ProbesTest, RegistrationsWithBothFlagsAreOffered) {
  Register("qemu-aarch64", Entry("enabled", "OCF", kArm64Magic));
  Register("qemu-arm", Entry("enabled", "POCF", kArmMagic));
  Register("qemu-s390x", Entry("enabled", "OCF", kS390Magic));
  EXPECT_THAT(Platforms(), ElementsAre("amd64", "arm64 (emulated)", "armv7 (emulated)", "s390x (emulated)"));
}

TEST_F(ProbesTest, RegistrationThatFailsInARootOrForSetuidIsNotOffered) {
  Register("qemu-aarch64", Entry("enabled", "OC", kArm64Magic));
  Register("qemu-arm", Entry("enabled", "OF", kArmMagic));
  EXPECT_THAT(Platforms(), ElementsAre("amd64"));
}

TEST_F(ProbesTest, DisabledAndOtherFormatsAreNotOffered) {
  Register("qemu-aarch64", Entry("disabled", "OCF", kArm64Magic));
  Register("python3.11", "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n");
  EXPECT_THAT(Platforms(), ElementsAre("amd64"));
}

TEST_F(ProbesTest, EmulatorOfTheMachineItselfChangesNothing) {
  Register("qemu-aarch64", Entry("enabled", "OCF", kArm64Magic));
  EXPECT_THAT(Platforms("aarch64"), ElementsAre("arm64"));
}

TEST(CpuModelTest, ArmNamesNumbers) {
  EXPECT_EQ(CpuModel("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"), "ARM implementer 0x41 part 0xd0c");
  EXPECT_EQ(CpuModel(""), "unknown");
}

TEST(FileSystemOfTest, NamesTheFileSystem) {
  EXPECT_OK(FileSystemOf("/"));
  EXPECT_FALSE(FileSystemOf("/nonexistent").ok());
}

}  // namespace
}  // namespace crossmill::worker
