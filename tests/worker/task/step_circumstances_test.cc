// What keeps executions apart in time.
#include "worker/task/step_circumstances.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/base/files.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kSecondOfTest = 1'000'000'000;

TEST(StepCircumstancesTest, TimesOfTwoSecondsAreOthersToo) {
  // What zip stores: the second halved and rounded down.
  const auto zip_time = [](int64_t nanos) { return nanos / kSecondOfTest / 2; };
  for (const int64_t ended :
       {100 * kSecondOfTest, 100 * kSecondOfTest + 1, 101 * kSecondOfTest, 102 * kSecondOfTest - 1}) {
    EXPECT_EQ(FirstMomentApart(ended), 102 * kSecondOfTest) << ended;
    EXPECT_NE(zip_time(FirstMomentApart(ended)), zip_time(ended)) << ended;
  }
  EXPECT_EQ(FirstMomentApart(102 * kSecondOfTest), 104 * kSecondOfTest);
}

TEST(StepCircumstancesTest, TheProcessorOfAnEmulatedStep) {
  v1::Step step;
  step.mutable_run()->add_env("PATH=/bin");
  const HostFacts host;
  FakeClock clock(absl::FromUnixSeconds(1000));
  const auto told = [&](const std::function<void(StepCircumstances&)>& emulate) {
    StepCircumstances circumstances(step, {}, host, clock);
    emulate(circumstances);
    v1::StepResult result;
    circumstances.Tell(&result);
    for (const v1::Circumstance& each : result.circumstances()) {
      if (each.aspect() == v1::ASPECT_EMULATED_PROCESSOR) return each.value();
    }
    return std::string("nothing");
  };
  EXPECT_EQ(told([](StepCircumstances&) {}), "nothing") << "of a native one";
  EXPECT_EQ(told([](StepCircumstances& each) { each.Emulated(""); }), "the emulator's own");
  EXPECT_EQ(told([](StepCircumstances& each) { each.Emulated("max"); }), "max");
  step.mutable_run()->add_env("QEMU_CPU=cortex-a72");
  EXPECT_EQ(told([](StepCircumstances& each) { each.Emulated("max"); }), "cortex-a72")
      << "the recipe asks for it itself";
}

// A root in which only the loader matters: what is told follows from whether it would preload the library.
class GivenCircumstancesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    ASSERT_OK(MakeFolders(folder_->Path("lib64"), 0755));
    ASSERT_OK(WriteFileAtomic(Loader(), "glibc reads /etc/ld.so.preload", 0755));
    step_.mutable_run()->add_argv("date");
    for (const v1::Aspect aspect : {v1::ASPECT_CLOCK, v1::ASPECT_FILE_ORDER}) variation_.add_aspects(aspect);
    variation_.set_number(1);
  }

  std::string Loader() const { return folder_->Path("lib64/ld-linux-x86-64.so.2"); }

  // What is told of each aspect when the step ran from second 1000 to 1010.
  std::map<v1::Aspect, v1::Circumstance> Told() {
    FakeClock clock(absl::FromUnixSeconds(1000));
    const HostFacts host;
    SandboxRun run{.run = step_.run(),
                   .platform = {},
                   .root = folder_->path(),
                   .identity = {},
                   .env = {},
                   .on_output = {},
                   .stop = {}};
    run.platform.set_architecture("amd64");
    run.holds_secrets = secrets_;
    StepCircumstances circumstances(step_, variation_, host, clock);
    circumstances.Apply(&run);
    files_ = run.files.size();
    circumstances.Started();
    clock.Advance(absl::Seconds(10));
    circumstances.Ended(0, 0);
    v1::StepResult result;
    circumstances.Tell(&result);
    std::map<v1::Aspect, v1::Circumstance> told;
    for (const v1::Circumstance& each : result.circumstances()) told[each.aspect()] = each;
    return told;
  }

  static constexpr const char* kReal = "1000000000000 1010000000000";

  std::optional<TemporaryFolder> folder_;
  v1::Step step_;
  v1::Variation variation_;
  bool secrets_ = false;
  size_t files_ = 0;
};

TEST_F(GivenCircumstancesTest, AShiftIsToldWithTheRealTimesAndWhoDoesNotSeeIt) {
  auto told = Told();
  EXPECT_EQ(files_, 2u);
  EXPECT_EQ(told[v1::ASPECT_CLOCK].value(), fmt::format("91061000000000 91071000000000 {}", kReal));
  EXPECT_THAT(told[v1::ASPECT_CLOCK].limit(), testing::HasSubstr("linked statically"));
  EXPECT_EQ(told[v1::ASPECT_FILE_ORDER].value(), "reversed");
  EXPECT_THAT(told[v1::ASPECT_FILE_ORDER].limit(), testing::HasSubstr("linked statically"));
}

TEST_F(GivenCircumstancesTest, NoReplicaIsMoreThanSixDaysAhead) {
  for (const uint32_t number : {5u, 6u, 10u, 4'000'000'000u}) {
    variation_.set_number(number);
    const std::string value = Told()[v1::ASPECT_CLOCK].value();
    const int64_t shift = std::atoll(value.c_str()) / kSecondOfTest - 1000;
    EXPECT_GE(shift, 90'061) << number;
    EXPECT_LE(shift, 6 * 86'400) << number;
  }
}

TEST_F(GivenCircumstancesTest, WhatCouldNotBeGivenIsNotTold) {
  ASSERT_OK(WriteFileAtomic(Loader(), "a loader that reads no list", 0755));
  auto told = Told();
  EXPECT_EQ(files_, 0u);
  EXPECT_EQ(told[v1::ASPECT_CLOCK].value(), kReal);
  EXPECT_EQ(told[v1::ASPECT_CLOCK].limit(), "");
  EXPECT_TRUE(told[v1::ASPECT_CLOCK].asked());
  EXPECT_EQ(told[v1::ASPECT_FILE_ORDER].value(), "usual");
}

TEST_F(GivenCircumstancesTest, TheFirstExecutionAndOneWithSecretsHaveTheRealClock) {
  secrets_ = true;
  auto told = Told();
  EXPECT_EQ(told[v1::ASPECT_CLOCK].value(), kReal);
  EXPECT_EQ(told[v1::ASPECT_FILE_ORDER].value(), "reversed");
  secrets_ = false;
  step_.mutable_run()->add_mounts()->set_type(v1::RunMount::TYPE_SSH);
  EXPECT_EQ(Told()[v1::ASPECT_CLOCK].value(), kReal);
  step_.mutable_run()->clear_mounts();
  variation_.set_number(0);
  told = Told();
  EXPECT_EQ(files_, 0u);
  EXPECT_EQ(told[v1::ASPECT_CLOCK].value(), kReal);
  EXPECT_EQ(told[v1::ASPECT_FILE_ORDER].value(), "usual");
  EXPECT_FALSE(told[v1::ASPECT_FILE_ORDER].asked());
}

}  // namespace
}  // namespace crossmill::worker
