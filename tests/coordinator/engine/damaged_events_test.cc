// Events of a running build that cannot be read back after a restart: an error that names them, never new
// ones under their numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/storage/connection.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr storage::Sql kDamage{"damage an event", "UPDATE events SET event = x'ff' WHERE number = 2"};
constexpr storage::Sql kLose{"lose an event", "DELETE FROM events WHERE number = 2"};

class DamagedEventsTest : public EngineTest, public ::testing::WithParamInterface<const storage::Sql*> {};

TEST_P(DamagedEventsTest, BuildEndsWithTheirNameAndItsNumbersGoOn) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  ASSERT_TRUE(worker->NextLease());
  ASSERT_TRUE(Eventually([&] { return records_->LastEventNumber(build).value() >= 3; }));
  {
    storage::Connection& connection = records_->connection();
    storage::RecursiveMutexLock lock(connection.mutex());
    ASSERT_OK(connection.Run(*GetParam()));
  }
  const int64_t last = records_->LastEventNumber(build).value();
  StopCoordinator();
  StartCoordinator();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(),
              AllOf(HasSubstr("event 2 of build " + std::to_string(build)), HasSubstr("again")));
  EXPECT_GT(view.last_event(), last) << "numbers were given twice";
  // Whoever reads them is told too; what comes behind is there.
  const auto whole = engine_->Watch(build, 1, false);
  EXPECT_TRUE(absl::IsDataLoss(whole.status())) << whole.status();
  EXPECT_THAT(std::string(whole.status().message()), HasSubstr("event 2 of build"));
  const auto rest = engine_->Watch(build, last + 1, false);
  ASSERT_OK(rest);
  bool ended = false;
  const auto first = (*rest)->Next(std::chrono::seconds(5), &ended);
  ASSERT_TRUE(first && first->event);
  EXPECT_EQ(first->event->number(), last + 1);
  // Other builds do not suffer.
  auto other = NewWorker("w2");
  other->PlayAll();
  EXPECT_EQ(WaitForEnd(Submit(Submission("FROM scratch\nRUN two\n"))).status(), v1::BUILD_STATUS_SUCCEEDED);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DamagedEventsTest, ::testing::Values(&kDamage, &kLose),
                         [](const auto& info) { return info.index == 0 ? "Damaged" : "Missing"; });

}  // namespace
}  // namespace crossmill::coordinator
