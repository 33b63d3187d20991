// A record with builds that ended in many ways, for lists, the wall and trends.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/words/platform.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {

// A build as a test describes it.
struct TestBuild {
  std::string tag = "team/app:1";
  v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED;
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;
  std::vector<std::string> platforms = {"linux/amd64"};
  std::vector<std::pair<std::string, std::string>> labels = {};
  std::string message = {};
  std::string target = {};
  int64_t submitted_at = 1000;
  // Nanoseconds.
  int64_t took = 500;
  // It compiles for another one.
  bool wheels = false;
  // Where its context came from.
  std::string origin = {};
};

class OverviewFixture : public ::testing::Test {
 protected:
  static v1::BuildSubmission SubmissionOf(const TestBuild& build) {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    submission.mutable_recipe()->set_target(build.target);
    submission.mutable_recipe()->set_context_origin(build.origin);
    if (!build.tag.empty()) submission.mutable_options()->add_tags(build.tag);
    for (const std::string& platform : build.platforms)
      *submission.mutable_options()->add_platforms() = ParsePlatform(platform).value();
    for (const auto& [name, value] : build.labels) {
      v1::BuildArgument& label = *submission.mutable_options()->add_labels();
      label.set_name(name);
      label.set_value(value);
    }
    if (build.wheels) submission.mutable_wheels()->set_ahead_of(1);
    return submission;
  }

  int64_t Submit(const TestBuild& build) {
    const auto id = records_->InsertBuild(SubmissionOf(build), "", "", build.submitted_at);
    EXPECT_OK(id);
    return *id;
  }

  // The view of a build that has ended, with one stage and one step for each platform.
  v1::BuildView EndedView(int64_t id, const TestBuild& build) {
    v1::BuildView view = records_->LoadView(id).value();
    view.set_status(build.status);
    view.set_finished_at(build.submitted_at + build.took);
    view.set_message(build.message);
    for (const std::string& platform : build.platforms) {
      v1::StageView& stage = *view.add_stages();
      stage.set_index(static_cast<uint32_t>(view.stages_size()) - 1);
      *stage.mutable_platform() = ParsePlatform(platform).value();
      v1::StepView& step = *stage.add_steps();
      step.set_status(v1::STEP_STATUS_CACHED);
      step.set_seconds(8);
      v1::CellView& cell = *view.add_cells();
      *cell.mutable_platform() = stage.platform();
      cell.set_status(build.status);
      cell.set_seconds(2);
      cell.add_stages(stage.index());
      if (build.verdict != v1::VERDICT_UNSPECIFIED) cell.mutable_comparison()->set_verdict(build.verdict);
    }
    return view;
  }

  int64_t Add(const TestBuild& build) {
    const int64_t id = Submit(build);
    EXPECT_OK(records_->SaveView(id, EndedView(id, build)));
    return id;
  }

  std::unique_ptr<RecordStore> records_ = *RecordStore::Open(":memory:");
};

}  // namespace crossmill::storage
