#include "coordinator/wheels/compile_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "coordinator/storage/record_store.h"
#include "coordinator/storage/trust/trust_records.h"
#include "coordinator/wheels/wheels_plan.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A stage of COPY, RUN pip install, RUN make, RUN pip install.
v1::BuildPlan Plan() {
  v1::BuildPlan plan;
  plan.set_epoch(1000);
  v1::PinnedImage& base = *plan.add_bases();
  ToProto(DigestOf("base"), base.add_layers()->mutable_tar());
  v1::StagePlan& stage = *plan.add_stages();
  stage.mutable_platform()->set_os("linux");
  stage.mutable_platform()->set_architecture("amd64");
  stage.set_base_image(0);
  for (const char* command : {"", "pip install demo", "make", "pip install other"}) {
    v1::Step& step = *stage.add_steps();
    step.set_number(stage.steps_size() + 1);
    step.mutable_range()->set_file("Dockerfile");
    step.mutable_range()->set_first_line(stage.steps_size());
    if (*command == '\0') {
      step.mutable_copy();
      continue;
    }
    for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), std::string(command)})
      step.mutable_run()->add_argv(word);
  }
  *plan.add_cells()->mutable_platform() = stage.platform();
  MarkCompiling(&plan);
  return plan;
}

v1::WorkerInfo Worker(const std::string& name, const std::string& index) {
  v1::WorkerInfo worker;
  worker.set_name(name);
  worker.add_index_urls(index);
  return worker;
}

v1::WheelCompilation Demo() {
  v1::WheelCompilation demo;
  demo.set_project("demo");
  demo.set_version("1.0");
  demo.set_source_file("demo-1.0.tar.gz");
  demo.set_key("key");
  return demo;
}

storage::FarmWheelRow Row(const std::string& key = "key") {
  storage::FarmWheelRow row;
  row.key = key;
  row.wheel.set_project("demo");
  row.wheel.set_file_name("demo-1.0-py3-none-any.whl");
  row.wheel.set_build(77);
  row.wheel.set_seconds(12);
  return row;
}

class CompileAheadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto records = storage::RecordStore::Open(":memory:");
    ASSERT_OK(records);
    records_ = *std::move(records);
    wheels_ = std::make_unique<storage::FarmWheelRecords>(records_->connection());
    Start({});
  }

  void Start(const v1::BuildOptions& options) {
    v1::BuildView view;
    view.set_id(5);
    *view.mutable_options() = options;
    state_ = std::make_unique<core::BuildState>(std::move(view));
    state_->SetPlan(Plan());
    core::StepFact copied;
    ToProto(DigestOf("copied"), copied.layer.mutable_tar());
    state_->stage(0).chain = state_->ChainBefore(0, 0);
    state_->StepFinished(0, 0, 0, copied, v1::STEP_STATUS_EXECUTED);
    AheadCalls calls;
    calls.ask = [this](int64_t, AheadQuestion question, auto done) {
      asked_.push_back(std::move(question));
      answer_ = std::move(done);
    };
    calls.harvest = [this](int64_t, HarvestQuestion question, auto done) {
      harvested_.push_back(std::move(question));
      reap_ = std::move(done);
    };
    calls.submit = [this](const v1::BuildSubmission& submission) -> absl::StatusOr<int64_t> {
      submitted_.push_back(submission);
      return 77;
    };
    calls.cancel = [this](int64_t build) { cancelled_.push_back(build); };
    calls.go_on = [this](const core::StageRunId& run) { went_on_.push_back(run.stage); };
    calls.tell = [this](int64_t, const std::string& notice) { told_.push_back(notice); };
    calls.now = [this] { return now_ += 1'000'000'000; };
    ahead_ = std::make_unique<CompileAhead>(std::move(calls), *wheels_,
                                            std::vector<std::string>{"https://index.example/simple/"});
  }

  AheadAnswer Missing() {
    AheadAnswer answer;
    answer.missing = {Demo()};
    return answer;
  }

  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<storage::FarmWheelRecords> wheels_;
  std::unique_ptr<core::BuildState> state_;
  std::unique_ptr<CompileAhead> ahead_;
  int64_t now_ = 0;
  std::vector<AheadQuestion> asked_;
  std::function<void(absl::StatusOr<AheadAnswer>)> answer_;
  std::vector<HarvestQuestion> harvested_;
  std::function<void(std::vector<storage::FarmWheelRow>)> reap_;
  std::vector<v1::BuildSubmission> submitted_;
  std::vector<int64_t> cancelled_;
  std::vector<int> went_on_;
  std::vector<std::string> told_;
};

TEST_F(CompileAheadTest, ATaskEndsBeforeTheNextInstall) {
  EXPECT_EQ(ahead_->LastStep(*state_, 0, 0), 0);
  EXPECT_EQ(ahead_->LastStep(*state_, 0, 1), 2);
  EXPECT_EQ(ahead_->LastStep(*state_, 0, 3), 3);
  EXPECT_FALSE(ahead_->Hold(*state_, 0, 0)) << "COPY";
  EXPECT_FALSE(ahead_->Hold(*state_, 0, 4)) << "only exports are missing";
}

TEST_F(CompileAheadTest, CompilesKeepsAndOffers) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].root.size(), 2u);
  EXPECT_EQ(asked_[0].source_date_epoch, 1000);
  EXPECT_TRUE(asked_[0].use_kept);
  EXPECT_TRUE(ahead_->Hold(*state_, 0, 1)) << "it still waits";
  answer_(Missing());
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_EQ(submitted_[0].wheels().ahead_of(), 5);
  EXPECT_EQ(submitted_[0].wheels().place(), "Dockerfile:2");
  EXPECT_EQ(submitted_[0].wheels().root_size(), 2);
  EXPECT_TRUE(went_on_.empty());
  ahead_->Ended(submitted_[0].wheels(), 77, {{}});
  ASSERT_EQ(harvested_.size(), 1u);
  reap_({Row()});
  EXPECT_THAT(went_on_, ElementsAre(0));
  EXPECT_FALSE(ahead_->Hold(*state_, 0, 1)) << "it goes on now";
  ASSERT_EQ(ahead_->WheelsFor(5, 0, 1).size(), 1u);
  EXPECT_TRUE(ahead_->WheelsFor(5, 0, 3).empty()) << "another step's";
  EXPECT_THAT(told_, ElementsAre(HasSubstr("1 package is compiled ahead of it, by build 77"),
                                 HasSubstr("12.0 s of compiling were done ahead of it")));
  const auto kept = wheels_->WithKey("key");
  ASSERT_OK(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->at(0).uses, 1);
}

// Who compiled it may be distrusted while it is taken out of its layer, and while the step waits for its
// task.
TEST_F(CompileAheadTest, AWheelOfAWorkerThatIsNotBelievedIsNeitherKeptNorGiven) {
  storage::TrustRecords trust(records_->connection());
  const auto compiled = [&](const std::string& name) {
    storage::Execution row;
    row.key = name;
    row.build = *records_->InsertBuild({}, "", name, 1);
    row.worker = name;
    row.platform = "linux/amd64";
    return *records_->BeginExecution(row);
  };
  const int64_t good = compiled("honest");
  const int64_t bad = compiled("liar");
  ASSERT_OK(trust.TakeBack({bad}, 7));
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  answer_(Missing());
  ahead_->Ended(submitted_[0].wheels(), 77, {{}, {}});
  storage::FarmWheelRow lie = Row("lie");
  lie.wheel.set_execution(bad);
  storage::FarmWheelRow truth = Row("truth");
  truth.wheel.set_execution(good);
  reap_({lie, truth});
  EXPECT_TRUE(wheels_->WithKey("lie")->empty());
  EXPECT_EQ(wheels_->WithKey("truth")->size(), 1u);
  EXPECT_EQ(ahead_->WheelsFor(5, 0, 1).size(), 1u);
  EXPECT_FALSE(wheels_->Insert(lie).ok()) << "nor by any other way";
  ASSERT_OK(trust.TakeBack({good}, 8));
  EXPECT_TRUE(ahead_->WheelsFor(5, 0, 1).empty());
}

TEST_F(CompileAheadTest, AWheelWithoutAKeyIsOfferedAndNotKept) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  answer_(Missing());
  ahead_->Ended(submitted_[0].wheels(), 77, {{}});
  reap_({Row("")});
  EXPECT_EQ(ahead_->WheelsFor(5, 0, 1).size(), 1u);
  EXPECT_TRUE(wheels_->List("", 10)->empty());
}

TEST_F(CompileAheadTest, WhatTheFarmHasIsOfferedAtOnce) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  AheadAnswer answer;
  storage::FarmWheelRow row = Row();
  row.id = *wheels_->Insert(row);
  answer.kept = {row};
  answer_(answer);
  EXPECT_TRUE(submitted_.empty());
  EXPECT_THAT(went_on_, ElementsAre(0));
  EXPECT_EQ(ahead_->WheelsFor(5, 0, 1).size(), 1u);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("spare it 12.0 s")));
}

TEST_F(CompileAheadTest, WhateverGoesWrongTheStepGoesOn) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  answer_(absl::UnavailableError("the index is gone"));
  EXPECT_THAT(went_on_, ElementsAre(0));
  EXPECT_FALSE(ahead_->Hold(*state_, 0, 1));
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 3));
  answer_(Missing());
  ahead_->Ended(submitted_[0].wheels(), 77, {});
  reap_({});
  EXPECT_THAT(went_on_, ElementsAre(0, 0));
  EXPECT_TRUE(ahead_->WheelsFor(5, 0, 3).empty());
}

TEST_F(CompileAheadTest, AsksAgainWhenMoreIsKnown) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  AheadAnswer first = Missing();
  first.ask_again = true;
  answer_(first);
  ahead_->Ended(submitted_[0].wheels(), 77, {{}});
  reap_({Row()});
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_EQ(asked_[1].compiled.size(), 1u);
  EXPECT_TRUE(went_on_.empty());
  answer_(AheadAnswer());
  EXPECT_THAT(went_on_, ElementsAre(0));
  EXPECT_EQ(ahead_->WheelsFor(5, 0, 1).size(), 1u);
}

TEST_F(CompileAheadTest, ABuildThatEndsTakesItsWheelsWithIt) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  answer_(Missing());
  ahead_->Forget(5);
  EXPECT_THAT(cancelled_, ElementsAre(77));
  ahead_->Ended(submitted_[0].wheels(), 77, {{}});
  EXPECT_TRUE(harvested_.empty());
  answer_(Missing());  // a late one
  EXPECT_EQ(submitted_.size(), 1u);
}

TEST_F(CompileAheadTest, NothingWhereItIsNotWanted) {
  v1::BuildOptions options;
  options.set_no_compile_ahead(true);
  Start(options);
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1)) << "wheels of before may be offered";
  answer_(Missing());
  EXPECT_TRUE(submitted_.empty());
  EXPECT_THAT(went_on_, ElementsAre(0));
  options.set_no_wheel_cache(true);
  Start(options);
  EXPECT_FALSE(ahead_->Hold(*state_, 0, 1));
  EXPECT_EQ(ahead_->LastStep(*state_, 0, 0), 3);
  options.set_no_compile_ahead(false);
  Start(options);
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  EXPECT_FALSE(asked_.back().use_kept);
  options.set_no_wheel_cache(false);
  options.set_no_cache(true);
  Start(options);
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  EXPECT_FALSE(asked_.back().use_kept) << "--no-cache";
  Start({});
  ahead_->Know(Worker("w1", "https://index.example/simple/"));
  ahead_->Know(Worker("w2", "https://other.example/simple/"));
  EXPECT_FALSE(ahead_->Hold(*state_, 0, 1)) << "its steps see another index";
  ahead_->ForgetWorker("w2");
  EXPECT_TRUE(ahead_->Hold(*state_, 0, 1));
}

TEST_F(CompileAheadTest, APlanOfATimeWhenThereWasAPlannerIsExecutedWithout) {
  CompileAhead none({}, *wheels_, {});
  EXPECT_FALSE(none.Hold(*state_, 0, 1));
  EXPECT_EQ(none.LastStep(*state_, 0, 0), 3);
}

TEST_F(CompileAheadTest, WhatAnotherBuildCompiledIsNotSaidToBeDoneNow) {
  ASSERT_TRUE(ahead_->Hold(*state_, 0, 1));
  answer_(Missing());
  ahead_->Ended(submitted_[0].wheels(), 77, {{}});
  storage::FarmWheelRow earlier = Row();
  earlier.wheel.set_build(3);
  reap_({earlier});
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_THAT(told_[1], HasSubstr(": 0.0 s of compiling were done ahead of it"));
  EXPECT_THAT(told_[2], HasSubstr("spare it 12.0 s"));
}

TEST(WheelsPlanTest, EachArchiveIsACellOfItsOwn) {
  v1::WheelsSubmission wheels;
  wheels.set_ahead_of(5);
  wheels.set_place("Dockerfile:2");
  wheels.mutable_platform()->set_os("linux");
  wheels.mutable_platform()->set_architecture("arm64");
  ToProto(DigestOf("base"), wheels.add_root()->mutable_tar());
  *wheels.add_compilations() = Demo();
  *wheels.add_compilations() = Demo();
  const v1::BuildPlan plan = PlanWheels(wheels);
  ASSERT_EQ(plan.cells_size(), 2);
  EXPECT_EQ(plan.cells(1).target_stage(), 1u);
  EXPECT_EQ(plan.cells(1).platform().architecture(), "arm64");
  ASSERT_EQ(plan.stages_size(), 2);
  EXPECT_EQ(plan.stages(0).name(), "demo-1.0");
  EXPECT_EQ(plan.bases(0).layers_size(), 1);
  EXPECT_TRUE(plan.stages(1).steps(0).has_run());
}

}  // namespace
}  // namespace crossmill::coordinator
