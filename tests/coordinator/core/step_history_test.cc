#include "coordinator/core/step_history.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/coordinator/core/messages.h"

namespace crossmill::core {
namespace {

v1::Step RunOf(const std::string& command) {
  v1::Step step;
  step.mutable_run()->add_argv("/bin/sh");
  step.mutable_run()->add_argv("-c");
  step.mutable_run()->add_argv(command);
  return step;
}

TEST(StepShapeTest, IsTheCommandOnItsPlatform) {
  const std::string shape = StepShape(RunOf("make"), PlatformOf("amd64"));
  EXPECT_NE(shape, StepShape(RunOf("make all"), PlatformOf("amd64")));
  EXPECT_NE(shape, StepShape(RunOf("make"), PlatformOf("arm64")));
  v1::Step elsewhere = RunOf("make");
  elsewhere.set_number(9);
  elsewhere.mutable_run()->add_env("VERSION=2");
  EXPECT_EQ(shape, StepShape(elsewhere, PlatformOf("amd64"))) << "another build of the same";
  v1::Step copy;
  copy.mutable_copy()->set_destination("/x");
  EXPECT_EQ(StepShape(copy, PlatformOf("amd64")), "");
}

TEST(PastUseTest, WhatComputedWhileProcessorsWereScarceWantsAWholeOne) {
  EXPECT_DOUBLE_EQ(CpusOf({8'000, 2'000, 0, 0.0}), 0.25);
  EXPECT_DOUBLE_EQ(CpusOf({8'000, 2'000, 0, 0.9}), 1.0);
  EXPECT_DOUBLE_EQ(CpusOf({8'000, 14'000, 0, 0.9}), 1.75);
  EXPECT_DOUBLE_EQ(CpusOf({8'000, 80, 0, 0.9}), 0.01) << "it slept";
  EXPECT_DOUBLE_EQ(CpusOf({0, 80, 0, 0.9}), 0.0);
}

TEST(ExpectedUseTest, IsThatOfTheHungriestStepAndUnknownWithOneThatWasNeverSeen) {
  v1::Task task;
  *task.mutable_platform() = PlatformOf("amd64");
  *task.add_steps() = RunOf("sleep 10");
  *task.add_steps() = RunOf("make");
  std::map<std::string, PastUse> native_record;
  std::map<std::string, PastUse> emulated_record;
  const auto past = [&](const std::string& shape, bool emulated) -> std::optional<PastUse> {
    const auto& record = emulated ? emulated_record : native_record;
    const auto found = record.find(shape);
    return found == record.end() ? std::nullopt : std::optional(found->second);
  };
  native_record[StepShape(task.steps(0), task.platform())] = {10'000, 10, 1000};
  EXPECT_FALSE(ForecastOf(task, past).use.cpus);
  native_record[StepShape(task.steps(1), task.platform())] = {10'000, 18'000, 500};
  EXPECT_DOUBLE_EQ(ForecastOf(task, past).use.cpus.value(), 1.8);
  EXPECT_EQ(ForecastOf(task, past).use.memory, 1000u);
  native_record[StepShape(task.steps(1), task.platform())] = {0, 18'000, 500};
  EXPECT_FALSE(ForecastOf(task, past).use.cpus) << "nothing can be divided by no time";
  EXPECT_FALSE(ForecastOf(v1::Task(), past).use.cpus);

  EXPECT_FALSE(ForecastOf(task, past).time.emulated);
  native_record.erase(StepShape(task.steps(1), task.platform()));
  emulated_record[StepShape(task.steps(0), task.platform())] = {10'000, 10, 0};
  EXPECT_FALSE(ForecastOf(task, past).time.emulated);
  emulated_record[StepShape(task.steps(1), task.platform())] = {90'000, 80'000, 0};
  EXPECT_EQ(ForecastOf(task, past).time.emulated, absl::Nanoseconds(100'000));
  EXPECT_FALSE(ForecastOf(v1::Task(), past).time.emulated);
  EXPECT_NEAR(ForecastOf(task, past).use.cpus.value(), 0.89, 0.01) << "what is known of it, as it is known";
}

}  // namespace
}  // namespace crossmill::core
