#include "coordinator/images/expected_names.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

const core::Scope kFarm = core::Scope::OfFarm();

// What `wait` returns once `end` was called; `early` says whether it returned before.
absl::Status WaitUntil(const std::function<absl::Status()>& wait, const std::function<void()>& end,
                       bool* early) {
  std::atomic<bool> returned = false;
  absl::Status status;
  std::jthread waiter([&] {
    status = wait();
    returned = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  *early = returned;
  end();
  waiter.join();
  return status;
}

TEST(ExpectedNamesTest, AskingForANameWaitsForTheBuildsThatWillSetIt) {
  ExpectedNames names;
  names.Expect(1, {"a:1", "b:1"});
  names.Expect(2, {"c:1"});
  EXPECT_OK(names.Await(kFarm, "d:1", {}));
  bool early = true;
  EXPECT_OK(WaitUntil([&] { return names.Await(kFarm, "b:1", {}); }, [&] { names.End(1); }, &early));
  EXPECT_FALSE(early);
  EXPECT_OK(names.Await(kFarm, "a:1", {}));
}

TEST(ExpectedNamesTest, WaitingForAllDoesNotWaitForThoseThatComeLater) {
  ExpectedNames names;
  names.Expect(1, {"a:1"});
  bool early = true;
  EXPECT_OK(WaitUntil([&] { return names.AwaitAll(kFarm, {}); },
                      [&] {
                        names.Expect(2, {"a:1"});
                        names.End(1);
                      },
                      &early));
  EXPECT_FALSE(early);
}

TEST(ExpectedNamesTest, StopEndsTheWait) {
  ExpectedNames names;
  names.Expect(1, {"a:1"});
  std::stop_source stop;
  bool early = true;
  EXPECT_EQ(WaitUntil([&] { return names.Await(kFarm, "a:1", stop.get_token()); },
                      [&] { stop.request_stop(); }, &early)
                .code(),
            absl::StatusCode::kCancelled);
  EXPECT_FALSE(early);
}

}  // namespace
}  // namespace crossmill::coordinator
