#include "coordinator/traces/build_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/escaping.h"
#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

using Span = opentelemetry::proto::trace::v1::Span;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1000 * kSecond;

std::string HexOf(const std::string& bytes) { return absl::BytesToHexString(bytes); }

TEST(TraceContextTest, AsTheStandardWritesIt) {
  const auto context = ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(context);
  EXPECT_EQ(HexOf(context->trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(HexOf(context->parent_id), "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_FALSE(ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")->sampled);
  EXPECT_TRUE(ParseTraceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"))
      << "a later version";
}

TEST(TraceContextTest, WhatIsNoneIsIgnored) {
  for (const char* text : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                           "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    EXPECT_FALSE(ParseTraceparent(text)) << text;
}

TEST(TraceContextTest, ABuildsOwnTraceIsTheSameWheneverItIsAsked) {
  EXPECT_EQ(OwnTrace("farm", 7).trace_id, OwnTrace("farm", 7).trace_id);
  EXPECT_EQ(OwnTrace("farm", 7).trace_id.size(), 16u);
  EXPECT_NE(OwnTrace("farm", 7).trace_id, OwnTrace("farm", 8).trace_id);
  EXPECT_NE(OwnTrace("farm", 7).trace_id, OwnTrace("another", 7).trace_id);
  EXPECT_EQ(SpanIdOf(OwnTrace("farm", 7), "farm", 7, "build").size(), 8u);
}

// A build of one stage on one platform: planned for a second, given to w1 at 2 s, its steps from 3 to 8 s.
class BuildSpansTest : public testing::Test {
 protected:
  BuildSpansTest() {
    v1::BuildView& view = build_.view;
    build_.farm = "farm";
    view.set_id(7);
    view.set_status(v1::BUILD_STATUS_SUCCEEDED);
    view.set_created_at(kStart);
    view.set_planned_at(kStart + kSecond);
    view.set_finished_at(kStart + 10 * kSecond);
    view.mutable_options()->add_tags("shop:main");
    view.set_index_digest("sha256:aa");
    v1::StageView& stage = *view.add_stages();
    stage.set_name("builder");
    *stage.mutable_platform() = ParsePlatform("linux/arm64").value();
    for (const uint32_t number : {1u, 2u}) {
      v1::StepView& step = *stage.add_steps();
      step.set_number(number);
      step.set_text(number == 1 ? "COPY . ." : "RUN make");
    }
    v1::CellView& cell = *view.add_cells();
    *cell.mutable_platform() = stage.platform();
    cell.set_status(v1::BUILD_STATUS_SUCCEEDED);
    cell.set_seconds(8);
    build_.tasks.push_back({0, 0, "w1", kStart + 2 * kSecond});
  }
  void Step(int64_t second, uint32_t number, v1::StepStatus status, const std::string& worker = "w1") {
    v1::BuildEvent& event = build_.events.emplace_back();
    event.set_time(kStart + second * kSecond);
    v1::StepView& step = *event.mutable_step_changed()->mutable_step();
    step = build_.view.stages(0).steps(static_cast<int>(number) - 1);
    step.set_status(status);
    step.set_worker(worker);
    if (status == v1::STEP_STATUS_FAILED) {
      step.set_exit_code(3);
      step.set_failure("exit code 3");
    }
  }
  void CellEnds(int64_t second) {
    v1::BuildEvent& event = build_.events.emplace_back();
    event.set_time(kStart + second * kSecond);
    *event.mutable_cell_changed()->mutable_cell() = build_.view.cells(0);
  }
  std::map<std::string, Span> ByName() const {
    std::map<std::string, Span> spans;
    for (const Span& span : SpansOf(build_))
      EXPECT_TRUE(spans.emplace(span.name(), span).second) << span.name();
    return spans;
  }
  static double From(const Span& span) {
    return static_cast<double>(span.start_time_unix_nano() - kStart) / kSecond;
  }
  static double Until(const Span& span) {
    return static_cast<double>(span.end_time_unix_nano() - kStart) / kSecond;
  }
  static std::string Text(const Span& span, const std::string& key) {
    for (const auto& attribute : span.attributes()) {
      if (attribute.key() != key) continue;
      const auto& value = attribute.value();
      return value.has_int_value() ? std::to_string(value.int_value()) : value.string_value();
    }
    return "-";
  }

  TracedBuild build_;
};

TEST_F(BuildSpansTest, EachPartIsWhereItWas) {
  Step(3, 1, v1::STEP_STATUS_RUNNING);
  Step(4, 1, v1::STEP_STATUS_EXECUTED);
  Step(4, 2, v1::STEP_STATUS_RUNNING);
  Step(8, 2, v1::STEP_STATUS_EXECUTED);
  CellEnds(9);
  const auto spans = ByName();
  EXPECT_EQ(spans.size(), 8u);
  const Span& build = spans.at("build shop:main");
  EXPECT_EQ(From(build), 0);
  EXPECT_EQ(Until(build), 10);
  EXPECT_TRUE(build.parent_span_id().empty());
  EXPECT_EQ(Text(build, "cicd.pipeline.result"), "success");
  EXPECT_EQ(Text(build, "crossmill.build.id"), "7");
  EXPECT_EQ(Until(spans.at("planning")), 1);
  const Span& stage = spans.at("builder linux/arm64");
  EXPECT_EQ(From(stage), 2) << "from when a worker was given it";
  EXPECT_EQ(Until(stage), 8);
  EXPECT_EQ(stage.parent_span_id(), build.span_id());
  EXPECT_EQ(Text(stage, "crossmill.steps.executed"), "2");
  const Span& transfer = spans.at("transfer");
  EXPECT_EQ(From(transfer), 2);
  EXPECT_EQ(Until(transfer), 3);
  EXPECT_EQ(transfer.parent_span_id(), stage.span_id());
  const Span& make = spans.at("RUN make");
  EXPECT_EQ(From(make), 4);
  EXPECT_EQ(Until(make), 8);
  EXPECT_EQ(make.parent_span_id(), stage.span_id());
  EXPECT_EQ(Text(make, "cicd.worker.name"), "w1");
  EXPECT_EQ(Text(make, "crossmill.platform"), "linux/arm64");
  EXPECT_EQ(From(spans.at("conclusion linux/arm64")), 8);
  EXPECT_EQ(Until(spans.at("conclusion linux/arm64")), 9);
  EXPECT_EQ(From(spans.at("index")), 9);
  std::set<std::string> ids;
  for (const auto& [name, span] : spans) {
    EXPECT_EQ(span.trace_id(), build.trace_id());
    EXPECT_TRUE(ids.insert(span.span_id()).second) << name;
  }
}

TEST_F(BuildSpansTest, TheClientsTraceIsGoneOnWith) {
  build_.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto spans = ByName();
  EXPECT_EQ(HexOf(spans.at("build shop:main").trace_id()), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(HexOf(spans.at("build shop:main").parent_span_id()), "00f067aa0ba902b7");
  build_.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  EXPECT_TRUE(SpansOf(build_).empty()) << "the caller does not record it";
}

TEST_F(BuildSpansTest, CachedStepsAreCountedAndTakeNoTime) {
  build_.tasks.clear();
  Step(2, 1, v1::STEP_STATUS_CACHED);
  Step(2, 2, v1::STEP_STATUS_SHARED);
  const auto spans = ByName();
  EXPECT_EQ(spans.size(), 3u);
  const Span& stage = spans.at("builder linux/arm64");
  EXPECT_EQ(Text(stage, "crossmill.steps.cached"), "1");
  EXPECT_EQ(Text(stage, "crossmill.steps.shared"), "1");
  EXPECT_EQ(From(stage), Until(stage));
}

TEST_F(BuildSpansTest, AnInterruptedExecutionIsASpanOfItsOwn) {
  Step(3, 1, v1::STEP_STATUS_RUNNING);
  Step(5, 1, v1::STEP_STATUS_WAITING);
  Step(6, 1, v1::STEP_STATUS_RUNNING, "w2");
  Step(7, 1, v1::STEP_STATUS_EXECUTED, "w2");
  build_.tasks.push_back({0, 0, "w2", kStart + 5 * kSecond});
  std::vector<std::pair<std::string, std::string>> steps;
  int transfers = 0;
  for (const Span& span : SpansOf(build_)) {
    if (span.name() == "COPY . .")
      steps.emplace_back(Text(span, "cicd.worker.name"), Text(span, "cicd.pipeline.task.run.result"));
    transfers += span.name() == "transfer" ? 1 : 0;
  }
  EXPECT_THAT(steps, testing::ElementsAre(testing::Pair("w1", "error"), testing::Pair("w2", "success")));
  EXPECT_EQ(transfers, 2);
}

TEST_F(BuildSpansTest, AFailureIsOneOfStepStageAndBuild) {
  build_.view.set_status(v1::BUILD_STATUS_FAILED);
  build_.view.set_message("RUN make failed");
  build_.view.mutable_stages(0)->set_message("RUN make failed");
  build_.view.mutable_cells(0)->set_status(v1::BUILD_STATUS_FAILED);
  Step(3, 2, v1::STEP_STATUS_RUNNING);
  Step(5, 2, v1::STEP_STATUS_FAILED);
  CellEnds(6);
  const auto spans = ByName();
  EXPECT_EQ(Text(spans.at("RUN make"), "process.exit.code"), "3");
  for (const char* name : {"RUN make", "builder linux/arm64", "build shop:main"}) {
    EXPECT_EQ(spans.at(name).status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
    EXPECT_NE(Text(spans.at(name), "error.type"), "-") << name;
  }
  EXPECT_EQ(Text(spans.at("build shop:main"), "cicd.pipeline.result"), "failure");
  EXPECT_FALSE(spans.contains("index"));
}

TEST_F(BuildSpansTest, WhatHadNoEndEndsWithTheBuild) {
  build_.view.set_status(v1::BUILD_STATUS_CANCELLED);
  Step(3, 1, v1::STEP_STATUS_RUNNING);
  const auto spans = ByName();
  EXPECT_EQ(Until(spans.at("COPY . .")), 10);
  EXPECT_EQ(Text(spans.at("COPY . ."), "cicd.pipeline.task.run.result"), "cancellation");
}

// Times of events that a wall clock which was set made to lie outside, names that are no text, stages that
// are not there.
TEST_F(BuildSpansTest, WhatMakesNoSenseStaysInside) {
  build_.view.mutable_stages(0)->mutable_steps(0)->set_text("RUN \xff\n" + std::string(500, 'x'));
  Step(-5, 1, v1::STEP_STATUS_RUNNING);
  Step(50, 1, v1::STEP_STATUS_EXECUTED);
  build_.events.emplace_back().mutable_step_changed()->set_stage(9);
  build_.tasks.push_back({9, 0, "w1", kStart});
  for (const Span& span : SpansOf(build_)) {
    EXPECT_GE(From(span), 0) << span.name();
    EXPECT_LE(From(span), Until(span));
    EXPECT_LE(Until(span), 10);
    EXPECT_LT(span.name().size(), 120u);
    EXPECT_EQ(span.name().find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace crossmill::coordinator
