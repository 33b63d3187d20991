// The view that a watcher adds up from events.
#include "cli/show/build_model.h"

#include <gtest/gtest.h>

namespace crossmill::cli {
namespace {

v1::CellView Cell(uint32_t target_stage, v1::BuildStatus status) {
  v1::CellView cell;
  cell.mutable_platform()->set_os("linux");
  cell.mutable_platform()->set_architecture("amd64");
  cell.set_target_stage(target_stage);
  cell.set_status(status);
  return cell;
}

v1::BuildEvent CellEvent(int64_t number, const v1::CellView& cell) {
  v1::BuildEvent event;
  event.set_number(number);
  *event.mutable_cell_changed()->mutable_cell() = cell;
  return event;
}

// A build of wheels has a cell for each source, all of one platform.
TEST(BuildModelTest, CellsOfOnePlatformAreToldByTheirStage) {
  BuildModel model(7);
  EXPECT_TRUE(model.Apply(CellEvent(1, Cell(0, v1::BUILD_STATUS_RUNNING))));
  EXPECT_TRUE(model.Apply(CellEvent(2, Cell(1, v1::BUILD_STATUS_RUNNING))));
  EXPECT_TRUE(model.Apply(CellEvent(3, Cell(1, v1::BUILD_STATUS_SUCCEEDED))));
  ASSERT_EQ(model.view().cells_size(), 2);
  EXPECT_EQ(model.view().cells(0).status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(model.view().cells(1).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_FALSE(model.Apply(CellEvent(3, Cell(0, v1::BUILD_STATUS_FAILED))));
}

}  // namespace
}  // namespace crossmill::cli
