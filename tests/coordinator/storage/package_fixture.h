// A record with builds, executions and packages, for questions about packages.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/words/platform.h"
#include "coordinator/storage/package_queries.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {

inline constexpr int64_t kOneSecond = 1'000'000'000;

inline v1::PackageOutcome MakePackage(const std::string& name, const std::string& version,
                                      v1::Outcome outcome = v1::OUTCOME_WHEEL, double seconds = 1,
                                      const std::string& scope = "runtime") {
  v1::PackageOutcome package;
  package.set_name(name);
  package.set_version(version);
  package.set_outcome(outcome);
  package.set_scope(scope);
  package.set_seconds(seconds);
  package.set_tag(outcome == v1::OUTCOME_SOURCE ? "cp311-cp311-linux_aarch64" : "py3-none-any");
  package.set_installed(scope == "runtime" && outcome != v1::OUTCOME_FAILED);
  package.add_witnesses("console");
  return package;
}

// What is executed.
struct Executed {
  std::string platform = "linux/amd64";
  bool emulated = false;
  uint32_t replica = 0;
  bool failed = false;
};

class PackageRecordFixture : public ::testing::Test {
 protected:
  void Open(const std::string& path = ":memory:") {
    auto store = RecordStore::Open(path);
    ASSERT_OK(store);
    store_ = *std::move(store);
    queries_.emplace(store_->connection());
  }
  void SetUp() override { Open(); }

  // A build of that image, submitted now.
  int64_t Submit(const std::string& image = "example/app:1",
                 const std::vector<std::pair<std::string, std::string>>& arguments = {},
                 const std::string& project = "") {
    v1::BuildSubmission submission;
    submission.set_project(project);
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    if (!image.empty()) submission.mutable_options()->add_tags(image);
    for (const auto& [name, value] : arguments) {
      v1::BuildArgument& argument = *submission.mutable_recipe()->add_build_arguments();
      argument.set_name(name);
      argument.set_value(value);
    }
    now_ += kOneSecond;
    auto build = store_->InsertBuild(submission, "", "", now_);
    EXPECT_OK(build);
    return build.ok() ? *build : 0;
  }

  // One execution of step 3 of stage 0 with these packages; its id.
  int64_t Execute(int64_t build, const std::vector<v1::PackageOutcome>& packages, const Executed& what = {}) {
    Execution execution;
    execution.key = "key";
    execution.build = build;
    execution.step_number = 3;
    execution.replica = what.replica;
    execution.worker = "w1";
    execution.emulated = what.emulated;
    execution.platform = what.platform;
    execution.started_at = now_ += kOneSecond;
    const auto id = store_->BeginExecution(execution);
    EXPECT_OK(id);
    v1::StepResult result;
    if (what.failed) {
      result.set_exit_code(1);
      result.set_failure("exit code 1");
    } else {
      ToProto(DigestOf("layer"), result.mutable_layer()->mutable_tar());
    }
    EXPECT_OK(store_->FinishExecution(*id, result, now_ += kOneSecond));
    std::vector<v1::PackageOutcome> saved = packages;
    for (v1::PackageOutcome& package : saved) package.set_emulated(what.emulated);
    EXPECT_OK(store_->SavePackages(*id, saved));
    return *id;
  }

  // The build ends; each execution is that of step 3 of a stage of its own. The status is that of every cell,
  // too.
  void End(int64_t build, const std::vector<int64_t>& executions,
           v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED,
           v1::StepStatus step_status = v1::STEP_STATUS_EXECUTED) {
    const auto loaded = store_->LoadView(build);
    ASSERT_OK(loaded);
    v1::BuildView view = *loaded;
    view.set_status(status);
    view.set_finished_at(now_ += kOneSecond);
    for (const int64_t id : executions) {
      const auto execution = store_->GetExecution(id);
      ASSERT_OK(execution);
      v1::StageView& stage = *view.add_stages();
      stage.set_index(static_cast<uint32_t>(view.stages_size()) - 1);
      stage.set_name("builder");
      const auto platform = ParsePlatform(execution->platform.empty() ? "linux/amd64" : execution->platform);
      ASSERT_OK(platform);
      *stage.mutable_platform() = *platform;
      v1::StepView& step = *stage.add_steps();
      step.set_number(3);
      step.set_status(step_status);
      step.set_execution(id);
      v1::CellView& cell = *view.add_cells();
      *cell.mutable_platform() = *platform;
      cell.set_status(status);
      cell.add_stages(stage.index());
    }
    ASSERT_OK(store_->SaveView(build, view));
  }

  // Submit, execute and end.
  int64_t Build(const std::vector<v1::PackageOutcome>& packages, const Executed& what = {}) {
    const int64_t build = Submit();
    End(build, {Execute(build, packages, what)});
    return build;
  }

  std::unique_ptr<RecordStore> store_;
  std::optional<PackageQueries> queries_;
  int64_t now_ = 1'700'000'000 * kOneSecond;
};

}  // namespace crossmill::storage
