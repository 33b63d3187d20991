#include "coordinator/engine/step_packages.h"

#include <gtest/gtest.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

v1::LogChunk Chunk(const std::string& data) {
  v1::LogChunk chunk;
  chunk.set_data(data);
  return chunk;
}

class StepPackagesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    logs_ = std::make_unique<storage::LogStore>(folder_->Path("logs"));
  }

  // What the engine does with a chunk.
  void Say(StepPackages& packages, int64_t execution, const std::string& data) {
    packages.Add(execution, Chunk(data));
    ASSERT_OK(logs_->Append(execution, Chunk(data)));
  }

  static std::string Installed(const std::vector<packages::PackageObservation>& seen) {
    std::string names;
    for (const auto& observation : seen) {
      if (observation.arrived) names += observation.name + "==" + observation.version + " ";
    }
    return names;
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<storage::LogStore> logs_;
};

TEST_F(StepPackagesTest, StepsAreKeptApart) {
  StepPackages packages(*logs_);
  Say(packages, 1, "Collecting a\nSuccessfully inst");
  Say(packages, 2, "Collecting b\nSuccessfully installed b-1\n");
  Say(packages, 1, "alled a-1\n");
  EXPECT_EQ(Installed(packages.Finish(1)), "a==1 ");
  EXPECT_EQ(Installed(packages.Finish(2)), "b==1 ");
}

TEST_F(StepPackagesTest, TheEndOfALogOfManyChunksIsRead) {
  // What the log holds when the coordinator comes back in the middle of the step.
  constexpr int kChunks = 100'500;
  for (int i = 0; i < kChunks; ++i) ASSERT_OK(logs_->Append(1, Chunk("line\n")));
  ASSERT_OK(logs_->Append(1, Chunk("Collecting six\nSuccessfully inst")));
  StepPackages packages(*logs_);
  Say(packages, 1, "alled six-1.17.0\n");
  EXPECT_EQ(Installed(packages.Finish(1)), "six==1.17.0 ");
}

TEST_F(StepPackagesTest, AStepWithoutALineIsReadFromItsLogAtItsEnd) {
  ASSERT_OK(logs_->Append(1, Chunk("Successfully installed six-1.17.0\n")));
  StepPackages packages(*logs_);
  EXPECT_EQ(Installed(packages.Finish(1)), "six==1.17.0 ");
  EXPECT_EQ(Installed(packages.Finish(2)), "");
}

TEST_F(StepPackagesTest, WhatWasPushedOutIsReadAgain) {
  StepPackages packages(*logs_, failures::FailureRules::BuiltIn(), /*most_open=*/2);
  for (int64_t execution = 1; execution <= 5; ++execution)
    Say(packages, execution, "Successfully installed ");
  for (int64_t execution = 1; execution <= 5; ++execution)
    Say(packages, execution, "x-" + std::to_string(execution) + "\n");
  for (int64_t execution = 1; execution <= 5; ++execution) {
    EXPECT_EQ(Installed(packages.Finish(execution)), "x==" + std::to_string(execution) + " ");
  }
}

}  // namespace
}  // namespace crossmill::coordinator
