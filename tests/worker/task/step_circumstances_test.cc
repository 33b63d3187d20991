// What keeps executions apart in time.
#include "worker/task/step_circumstances.h"

#include <gtest/gtest.h>

namespace crossmill::worker {
namespace {

constexpr int64_t kSecondOfTest = 1'000'000'000;

TEST(StepCircumstancesTest, TimesOfTwoSecondsAreOthersToo) {
  // What zip stores: the second halved and rounded down.
  const auto zip_time = [](int64_t nanos) { return nanos / kSecondOfTest / 2; };
  for (const int64_t ended :
       {100 * kSecondOfTest, 100 * kSecondOfTest + 1, 101 * kSecondOfTest, 102 * kSecondOfTest - 1}) {
    EXPECT_EQ(FirstMomentApart(ended), 102 * kSecondOfTest) << ended;
    EXPECT_NE(zip_time(FirstMomentApart(ended)), zip_time(ended)) << ended;
  }
  EXPECT_EQ(FirstMomentApart(102 * kSecondOfTest), 104 * kSecondOfTest);
}

}  // namespace
}  // namespace crossmill::worker
