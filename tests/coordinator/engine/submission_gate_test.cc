#include "coordinator/engine/bounds/submission_gate.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

TEST(SubmissionGate, SoManyAreInAtOnceAndTheRestComesWhenOneLeaves) {
  SubmissionGate gate({.at_once = 1});
  auto first = std::make_optional(gate.Enter({}));
  ASSERT_OK(*first);
  std::jthread leaves([&] { first.reset(); });
  EXPECT_OK(gate.Enter({}));
}

TEST(SubmissionGate, WhoFindsItFullOrWaitsTooLongIsTold) {
  SubmissionGate full({.at_once = 1, .waiting = 0});
  const auto inside = full.Enter({});
  EXPECT_TRUE(absl::IsResourceExhausted(full.Enter({}).status()));
  SubmissionGate slow({.at_once = 1, .patience = absl::Milliseconds(1)});
  const auto other = slow.Enter({});
  EXPECT_TRUE(absl::IsResourceExhausted(slow.Enter({}).status()));
}

TEST(SubmissionGate, WhoIsGoneWaitsNoLonger) {
  SubmissionGate gate({.at_once = 1, .patience = absl::Hours(1)});
  const auto inside = gate.Enter({});
  std::stop_source stop;
  std::jthread stops([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(gate.Enter(stop.get_token()).status()));
}

TEST(SubmissionGate, APlaceThatWasMovedIsGivenBackOnce) {
  SubmissionGate gate({.at_once = 1, .waiting = 0});
  {
    auto entered = gate.Enter({});
    const SubmissionGate::Place moved = *std::move(entered);
  }
  const auto again = gate.Enter({});
  EXPECT_OK(again);
  EXPECT_FALSE(gate.Enter({}).ok());
}

}  // namespace
}  // namespace crossmill::coordinator
