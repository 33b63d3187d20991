#include "coordinator/buildkit/status/build_vertices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace crossmill::coordinator::buildkit {
namespace {

v1::StepView Step(uint32_t number, const std::string& instruction, const std::string& text) {
  v1::StepView step;
  step.set_number(number);
  step.set_instruction(instruction);
  step.set_text(text);
  step.set_status(v1::STEP_STATUS_WAITING);
  return step;
}

v1::StageView Builder() {
  v1::StageView stage;
  stage.set_name("builder");
  stage.mutable_platform()->set_os("linux");
  stage.mutable_platform()->set_architecture("arm64");
  *stage.add_steps() = Step(2, "ENV", "ENV A=1");
  *stage.add_steps() = Step(3, "COPY", "COPY . /src");
  *stage.add_steps() = Step(4, "RUN", "RUN make");
  return stage;
}

TEST(VertexNamesTest, WhatOnlyChangesTheConfigIsNotCounted) {
  const auto names = VertexNames(Builder(), "docker.io/library/debian:12", false, false);
  EXPECT_EQ(names.at(0), "[builder 1/3] FROM docker.io/library/debian:12");
  EXPECT_EQ(names.at(3), "[builder 2/3] COPY . /src");
  EXPECT_EQ(names.at(4), "[builder 3/3] RUN make");
  EXPECT_EQ(names.size(), 3u);
}

TEST(VertexNamesTest, SeveralPlatformsStandBeforeTheStage) {
  EXPECT_EQ(VertexNames(Builder(), "debian", false, true).at(4), "[linux/arm64 builder 3/3] RUN make");
}

TEST(VertexNamesTest, TheOnlyStageWithoutANameHasNone) {
  v1::StageView stage = Builder();
  stage.set_name("stage-0");
  EXPECT_EQ(VertexNames(stage, "debian", true, false).at(4), "[3/3] RUN make");
  EXPECT_EQ(VertexNames(stage, "debian", false, false).at(4), "[stage-0 3/3] RUN make");
}

TEST(VertexNamesTest, AStageOfAnotherStageHasNoBaseOfItsOwn) {
  EXPECT_EQ(VertexNames(Builder(), "", false, false).at(3), "[builder 1/2] COPY . /src");
}

TEST(VertexNamesTest, NumbersAreAsWideAsTheirTotal) {
  v1::StageView stage;
  stage.set_name("stage-0");
  for (uint32_t i = 2; i < 13; ++i) *stage.add_steps() = Step(i, "RUN", "RUN true");
  EXPECT_EQ(VertexNames(stage, "debian", true, false).at(2), "[ 2/12] RUN true");
}

TEST(FailureTextTest, IsThatOfDockersBuilder) {
  v1::StepView step = Step(2, "RUN", "RUN exit 3");
  step.set_exit_code(3);
  EXPECT_EQ(FailureText(step), "process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3");
  step.set_failure("exit code 3");
  EXPECT_EQ(FailureText(step), "process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3");
  step.set_text("RUN --mount=type=cache,target=/c [\"/bin/false\", \"a\"]");
  EXPECT_EQ(FailureText(step), "process \"/bin/false a\" did not complete successfully: exit code: 3");
  step.set_failure("killed at its memory limit of 2 GiB");
  EXPECT_EQ(FailureText(step), "killed at its memory limit of 2 GiB");
}

class BuildVerticesTest : public testing::Test {
 protected:
  void Plan() {
    v1::BuildEvent event;
    event.mutable_base_pinned()->set_reference("docker.io/library/debian:12");
    event.mutable_base_pinned()->set_manifest_digest("sha256:1");
    vertices_.OnEvent(event);
    event.mutable_planned();
    *event.mutable_planned()->add_stages() = Builder();
    vertices_.OnEvent(event);
  }
  void Tell(uint32_t number, v1::StepStatus status, uint32_t replica = 0) {
    v1::BuildEvent event;
    event.set_time(++time_ * 1'000'000'000);
    auto& changed = *event.mutable_step_changed();
    changed.set_replica(replica);
    *changed.mutable_step() = Builder().steps(static_cast<int>(number) - 2);
    changed.mutable_step()->set_status(status);
    if (status == v1::STEP_STATUS_FAILED) changed.mutable_step()->set_exit_code(2);
    vertices_.OnEvent(event);
  }
  // The last that was told of the vertex with this name.
  bk::Vertex Last(const std::string& name) {
    board_.Close("open");
    bk::Vertex last;
    bk::StatusResponse response;
    size_t place = 0;
    while (board_.Next(&place, &response, {})) {
      for (const bk::Vertex& vertex : response.vertexes()) {
        if (vertex.name() == name) last = vertex;
      }
      for (const bk::VertexLog& log : response.logs()) logs_ += log.msg();
    }
    return last;
  }

  FakeClock clock_;
  StatusBoard board_{clock_};
  BuildVertices vertices_{board_, 7};
  int64_t time_ = 0;
  std::string logs_;
};

TEST_F(BuildVerticesTest, AStepThatIsExecutedHasItsTimes) {
  Plan();
  Tell(3, v1::STEP_STATUS_RUNNING);
  Tell(3, v1::STEP_STATUS_EXECUTED);
  const bk::Vertex vertex = Last("[builder 2/3] COPY . /src");
  EXPECT_EQ(vertex.started().seconds(), 1);
  EXPECT_EQ(vertex.completed().seconds(), 2);
  EXPECT_FALSE(vertex.cached());
  EXPECT_EQ(vertices_.completed(), 2);
}

TEST_F(BuildVerticesTest, ACachedStepHasACachedBase) {
  Plan();
  Tell(3, v1::STEP_STATUS_CACHED);
  EXPECT_EQ(vertices_.cached(), 2);
  EXPECT_TRUE(Last("[builder 1/3] FROM docker.io/library/debian:12@sha256:1").cached());
}

TEST_F(BuildVerticesTest, ABaseFromWhichNoStepWentOnIsToldAtTheEnd) {
  Plan();
  const std::string base = "[builder 1/3] FROM docker.io/library/debian:12@sha256:1";
  v1::BuildEvent event;
  event.set_time(9'000'000'000);
  event.mutable_status_changed()->set_status(v1::BUILD_STATUS_SUCCEEDED);
  vertices_.OnEvent(event);
  vertices_.OnEvent(event);
  EXPECT_EQ(vertices_.completed(), 1);
  const bk::Vertex told = Last(base);
  EXPECT_TRUE(told.cached());
  EXPECT_EQ(told.completed().seconds(), 9);
}

TEST_F(BuildVerticesTest, TheFirstStepThatFailsIsTheFailure) {
  Plan();
  Tell(4, v1::STEP_STATUS_FAILED);
  EXPECT_EQ(vertices_.failure().step.number(), 4u);
  const bk::Vertex vertex = Last("[builder 3/3] RUN make");
  EXPECT_EQ(vertex.digest(), vertices_.failure().vertex);
  EXPECT_EQ(vertex.error(), "process \"/bin/sh -c make\" did not complete successfully: exit code: 2");
}

TEST_F(BuildVerticesTest, ExecutionsForComparisonAreNoSteps) {
  Plan();
  Tell(4, v1::STEP_STATUS_FAILED, 1);
  EXPECT_TRUE(vertices_.failure().vertex.empty());
}

TEST_F(BuildVerticesTest, ChunksThatAreToldAgainAreShownOnce) {
  Plan();
  Tell(4, v1::STEP_STATUS_RUNNING);
  for (const int64_t offset : {0, 1, 0, 1, 2}) {
    v1::WatchedLog log;
    log.set_execution(9);
    log.set_offset(offset);
    log.mutable_chunk()->set_step_number(4);
    log.mutable_chunk()->set_data(std::to_string(offset));
    vertices_.OnLog(log);
  }
  Last("");
  EXPECT_EQ(logs_, "012");
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
