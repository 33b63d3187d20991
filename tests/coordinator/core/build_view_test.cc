#include "coordinator/core/build_view.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "common/words/words.h"

namespace crossmill::core {
namespace {

// Two stages of two steps, two cells.
v1::BuildView Planned() {
  v1::BuildView view;
  view.set_id(3);
  view.set_status(v1::BUILD_STATUS_RUNNING);
  view.set_last_event(9);
  for (uint32_t i = 0; i < 2; ++i) {
    v1::StageView& stage = *view.add_stages();
    stage.set_index(i);
    for (uint32_t number = 2; number <= 3; ++number) {
      v1::StepView& step = *stage.add_steps();
      step.set_number(number);
      step.set_status(v1::STEP_STATUS_WAITING);
    }
  }
  for (const char* architecture : {"amd64", "arm64"}) {
    v1::CellView& cell = *view.add_cells();
    cell.mutable_platform()->set_os("linux");
    cell.mutable_platform()->set_architecture(architecture);
    cell.set_status(v1::BUILD_STATUS_RUNNING);
  }
  return view;
}

struct Case {
  const char* name;
  std::function<void(v1::BuildEvent&)> event;
  // What the event does to the view, besides last_event.
  std::function<void(v1::BuildView&)> change;
};

class ApplyEventTest : public ::testing::TestWithParam<Case> {};

TEST_P(ApplyEventTest, ChangesWhatItSaysAndNothingElse) {
  v1::BuildEvent event;
  event.set_number(10);
  event.set_time(777);
  GetParam().event(event);
  v1::BuildView actual = Planned();
  ApplyEvent(event, &actual);
  v1::BuildView expected = Planned();
  expected.set_last_event(10);
  GetParam().change(expected);
  EXPECT_EQ(actual.DebugString(), expected.DebugString());
}

void Nothing(v1::BuildView&) {}

const Case kCases[] = {
    {"StatusThatGoesOn",
     [](v1::BuildEvent& event) { event.mutable_status_changed()->set_status(v1::BUILD_STATUS_QUEUED); },
     [](v1::BuildView& view) { view.set_status(v1::BUILD_STATUS_QUEUED); }},
    {"StatusThatEndsTheBuild",
     [](v1::BuildEvent& event) {
       event.mutable_status_changed()->set_status(v1::BUILD_STATUS_FAILED);
       event.mutable_status_changed()->set_message("why");
     },
     [](v1::BuildView& view) {
       view.set_status(v1::BUILD_STATUS_FAILED);
       view.set_message("why");
       view.set_finished_at(777);
     }},
    {"SuccessWithItsIndex",
     [](v1::BuildEvent& event) {
       event.mutable_status_changed()->set_status(v1::BUILD_STATUS_SUCCEEDED);
       event.mutable_status_changed()->set_index_digest("sha256:x");
     },
     [](v1::BuildView& view) {
       view.set_status(v1::BUILD_STATUS_SUCCEEDED);
       view.set_index_digest("sha256:x");
       view.set_finished_at(777);
     }},
    {"PlanReplacesTheStages",
     [](v1::BuildEvent& event) {
       event.mutable_planned()->set_epoch(5);
       event.mutable_planned()->add_stages()->set_name("only");
     },
     [](v1::BuildView& view) {
       view.set_epoch(5);
       view.set_planned_at(777);
       view.clear_stages();
       view.add_stages()->set_name("only");
     }},
    {"StepIsFoundByItsNumber",
     [](v1::BuildEvent& event) {
       event.mutable_step_changed()->set_stage(1);
       event.mutable_step_changed()->mutable_step()->set_number(3);
       event.mutable_step_changed()->mutable_step()->set_status(v1::STEP_STATUS_EXECUTED);
     },
     [](v1::BuildView& view) {
       view.mutable_stages(1)->mutable_steps(1)->set_status(v1::STEP_STATUS_EXECUTED);
     }},
    {"StepOfAStageThatIsNotThere", [](v1::BuildEvent& event) { event.mutable_step_changed()->set_stage(7); },
     Nothing},
    {"StepThatIsNotThere",
     [](v1::BuildEvent& event) { event.mutable_step_changed()->mutable_step()->set_number(9); }, Nothing},
    {"StageSize",
     [](v1::BuildEvent& event) {
       event.mutable_stage_changed()->set_stage(1);
       event.mutable_stage_changed()->set_size_bytes(1234);
     },
     [](v1::BuildView& view) { view.mutable_stages(1)->set_size_bytes(1234); }},
    {"StageThatIsNotThere", [](v1::BuildEvent& event) { event.mutable_stage_changed()->set_stage(2); },
     Nothing},
    {"CellIsFoundByItsPlatform",
     [](v1::BuildEvent& event) {
       *event.mutable_cell_changed()->mutable_cell() = Planned().cells(1);
       event.mutable_cell_changed()->mutable_cell()->set_status(v1::BUILD_STATUS_SUCCEEDED);
     },
     [](v1::BuildView& view) { view.mutable_cells(1)->set_status(v1::BUILD_STATUS_SUCCEEDED); }},
    {"NewCell",
     [](v1::BuildEvent& event) {
       event.mutable_cell_changed()->mutable_cell()->mutable_platform()->set_architecture("riscv64");
     },
     [](v1::BuildView& view) { view.add_cells()->mutable_platform()->set_architecture("riscv64"); }},
    {"Warning",
     [](v1::BuildEvent& event) {
       event.mutable_notice()->set_warning(true);
       event.mutable_notice()->set_text("careful");
     },
     [](v1::BuildView& view) { view.add_warnings("careful"); }},
    {"NoticeThatIsNoWarning", [](v1::BuildEvent& event) { event.mutable_notice()->set_text("by the way"); },
     Nothing},
    {"BaseIsPartOfThePlan", [](v1::BuildEvent& event) { event.mutable_base_pinned()->set_reference("x"); },
     Nothing},
    {"EventOfALaterVersion", [](v1::BuildEvent&) {}, Nothing},
};

INSTANTIATE_TEST_SUITE_P(Events, ApplyEventTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(BuildViewTest, EveryStatusIsFinishedOrNot) {
  const std::set<v1::BuildStatus> goes_on = {v1::BUILD_STATUS_UNSPECIFIED, v1::BUILD_STATUS_PLANNING,
                                             v1::BUILD_STATUS_QUEUED, v1::BUILD_STATUS_RUNNING};
  for (int status = 0; status < v1::BuildStatus_ARRAYSIZE; ++status) {
    const auto value = static_cast<v1::BuildStatus>(status);
    EXPECT_EQ(IsFinished(value), !goes_on.contains(value)) << v1::BuildStatus_Name(value);
  }
  const std::set<v1::StepStatus> not_over = {v1::STEP_STATUS_UNSPECIFIED, v1::STEP_STATUS_WAITING,
                                             v1::STEP_STATUS_RUNNING};
  for (int status = 0; status < v1::StepStatus_ARRAYSIZE; ++status) {
    const auto value = static_cast<v1::StepStatus>(status);
    EXPECT_EQ(IsFinished(value), !not_over.contains(value)) << v1::StepStatus_Name(value);
  }
}

}  // namespace
}  // namespace crossmill::core
