#include "common/rpc/retry.h"

#include <gtest/gtest.h>

#include "common/base/room/store_outage.h"
#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

TEST(RetryTest, ConnectionsThatFailAreTriedAgain) {
  EXPECT_TRUE(IsTransient(absl::UnavailableError("connection refused")));
  EXPECT_TRUE(IsTransient(absl::DeadlineExceededError("")));
  EXPECT_TRUE(IsTransient(absl::CancelledError("the server shuts down")));
  EXPECT_FALSE(IsTransient(absl::NotFoundError("")));
}

TEST(RetryTest, WhatWaitsForABucketSaysSoAtOnce) {
  EXPECT_FALSE(IsTransient(absl::UnavailableError(fmt::format("blob ab/1 {}: refused", kBehindAnOutage))));
}

}  // namespace
}  // namespace crossmill::rpc
