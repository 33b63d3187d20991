// A build of three stages and two cells for tests of its state.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/core/build_state.h"
#include "coordinator/core/build_view.h"
#include "tests/coordinator/core/messages.h"

namespace crossmill::core {

inline v1::Layer LayerOf(const std::string& name) {
  v1::Layer layer;
  ToProto(DigestOf(name), layer.mutable_tar());
  ToProto(DigestOf(name + " manifest"), layer.mutable_manifest());
  return layer;
}

inline StepFact Executed(int64_t execution, const std::string& layer) {
  StepFact fact;
  fact.execution = execution;
  fact.key = "key of " + layer;
  fact.layer = LayerOf(layer);
  fact.seconds = 1.5;
  fact.worker = "w1";
  fact.host_id = "host";
  return fact;
}

inline StepFact Began(StepFact fact, int64_t started_at, int64_t finished_at = 0) {
  fact.started_at = started_at;
  fact.finished_at = finished_at;
  return fact;
}

inline StepFact Failed(int64_t execution, int exit_code) {
  StepFact fact;
  fact.execution = execution;
  fact.worker = "w1";
  fact.exit_code = exit_code;
  fact.failure = "exit code";
  return fact;
}

inline std::vector<std::string> Names(const std::vector<v1::Layer>& layers,
                                      const std::vector<std::string>& known) {
  std::vector<std::string> names;
  for (const v1::Layer& layer : layers) {
    for (const std::string& name : known) {
      if (FromProto(layer.tar()) == DigestOf(name)) names.push_back(name);
    }
  }
  return names;
}

inline const std::vector<std::string> kLayers = {"base", "one", "two", "copied", "mine"};

// Stage 0 "builder" (amd64, once): RUN, ENV, RUN, and exports /out. Stages 1 and 2 "final" (amd64, arm64):
// COPY --from=builder /out, RUN. One cell per platform.
inline v1::BuildPlan SamplePlan() {
  v1::BuildPlan plan;
  plan.set_epoch(4711);
  plan.add_warnings("careful");
  *plan.add_bases()->add_layers() = LayerOf("base");
  const auto add_stage = [&](const std::string& name, const std::string& architecture) {
    v1::StagePlan* stage = plan.add_stages();
    stage->set_name(name);
    *stage->mutable_platform() = PlatformOf(architecture);
    stage->set_base_image(0);
    return stage;
  };
  const auto add_step = [](v1::StagePlan* stage, const std::string& instruction) {
    v1::Step* step = stage->add_steps();
    step->set_number(static_cast<uint32_t>(stage->steps_size()) + 1);
    step->set_instruction(instruction);
    if (instruction == "RUN") step->mutable_run()->add_argv("x");
    return step;
  };
  v1::StagePlan* builder = add_stage("builder", "amd64");
  for (const char* instruction : {"RUN", "ENV", "RUN"}) add_step(builder, instruction);
  builder->add_exports()->set_pattern("/out");
  builder->add_exports()->set_pattern("/other");
  for (const char* architecture : {"amd64", "arm64"}) {
    v1::StagePlan* final = add_stage("final", architecture);
    v1::ExportSource& source = *add_step(final, "COPY")->mutable_copy()->add_sources()->mutable_export_();
    source.set_stage(0);
    source.mutable_export_()->set_pattern("/out");
    add_step(final, "RUN");
    v1::CellPlan* cell = plan.add_cells();
    *cell->mutable_platform() = PlatformOf(architecture);
    cell->set_target_stage(static_cast<uint32_t>(plan.stages_size()) - 1);
  }
  return plan;
}

inline v1::BuildView SampleView(uint32_t verify = 0) {
  v1::BuildView view;
  view.set_id(12);
  view.set_status(v1::BUILD_STATUS_PLANNING);
  view.mutable_options()->set_verify(verify);
  view.mutable_options()->set_step_timeout(60);
  return view;
}

class BuildStateTest : public ::testing::Test {
 protected:
  explicit BuildStateTest(uint32_t verify = 0) : first_view_(SampleView(verify)), state_(first_view_) {
    state_.Enter(1000);
    state_.SetPlan(SamplePlan());
  }
  // Whatever a test did: numbers have no gaps, and the events add up to the view.
  void TearDown() override {
    Take();
    v1::BuildView sum = first_view_;
    int64_t number = first_view_.last_event();
    for (const v1::BuildEvent& event : events_) {
      EXPECT_EQ(event.number(), ++number);
      ApplyEvent(event, &sum);
    }
    // The bases come with the plan.
    *sum.mutable_bases() = state_.view().bases();
    EXPECT_EQ(sum.DebugString(), state_.view().DebugString());
  }

  // Events since the last call.
  std::vector<v1::BuildEvent> Take() {
    std::vector<v1::BuildEvent> events = state_.TakeEvents();
    events_.insert(events_.end(), events.begin(), events.end());
    return events;
  }
  const v1::StepView& Step(int stage, int index) { return state_.view().stages(stage).steps(index); }

  void FinishBuilder() {
    state_.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_EXECUTED);
    state_.StepFinished(0, 0, 2, Executed(2, "two"), v1::STEP_STATUS_CACHED);
    state_.stage(0).exports[0] = StageExport{DigestOf("export"), {}};
    state_.StageDone(0);
  }
  void FinishFinal(int stage) {
    state_.StepFinished(stage, 0, 0, Executed(10 * stage, "copied"), v1::STEP_STATUS_EXECUTED);
    state_.StepFinished(stage, 0, 1, Executed(10 * stage + 1, "mine"), v1::STEP_STATUS_EXECUTED);
    state_.StageDone(stage);
  }
  void FinishCell(int cell) {
    v1::CellView view = state_.view().cells(cell);
    view.set_status(v1::BUILD_STATUS_SUCCEEDED);
    state_.CellFinished(view);
  }

  const v1::BuildView first_view_;
  BuildState state_;
  std::vector<v1::BuildEvent> events_;
};

}  // namespace crossmill::core
