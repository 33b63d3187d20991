#include "coordinator/storage/planning_records.h"

#include <gtest/gtest.h>

#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

TEST(PlanningRecords, OnlyBeginningsThatCameToNoEndCount) {
  auto store = RecordStore::Open(":memory:");
  ASSERT_OK(store);
  PlanningRecords plannings((*store)->connection());
  EXPECT_EQ(*plannings.Deaths(1), 0);
  // Killed, and killed again.
  ASSERT_OK(plannings.Begin(1));
  EXPECT_EQ(*plannings.Deaths(1), 1);
  ASSERT_OK(plannings.Begin(1));
  EXPECT_EQ(*plannings.Deaths(1), 2);
  // Another is another.
  EXPECT_EQ(*plannings.Deaths(2), 0);
  ASSERT_OK(plannings.Begin(2));
  // Stopped in good order.
  ASSERT_OK(plannings.Withdraw(2));
  EXPECT_EQ(*plannings.Deaths(2), 0);
  // A coordinator that knew why it ended: what was before that stays.
  ASSERT_OK(plannings.WithdrawAll());
  EXPECT_EQ(*plannings.Deaths(1), 1);
  EXPECT_EQ(*plannings.Deaths(2), 0);
  ASSERT_OK(plannings.End(1));
  EXPECT_EQ(*plannings.Deaths(1), 0);
}

TEST(PlanningRecords, WhatHasEndedIsForgotten) {
  auto store = RecordStore::Open(":memory:");
  ASSERT_OK(store);
  PlanningRecords plannings((*store)->connection());
  const int64_t ended = (*store)->InsertBuild({}, "", "digest", 1).value();
  const int64_t running = (*store)->InsertBuild({}, "", "digest", 1).value();
  ASSERT_OK(plannings.Begin(ended));
  ASSERT_OK(plannings.Begin(running));
  v1::BuildView view = (*store)->LoadView(ended).value();
  view.set_status(v1::BUILD_STATUS_CANCELLED);
  view.set_finished_at(5);
  ASSERT_OK((*store)->SaveView(ended, view));
  ASSERT_OK(plannings.ForgetEnded());
  EXPECT_EQ(*plannings.Deaths(ended), 0);
  EXPECT_EQ(*plannings.Deaths(running), 1);
}

}  // namespace
}  // namespace crossmill::storage
