#include "coordinator/storage/statement_records.h"

#include <gtest/gtest.h>

#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

class StatementRecordsTest : public ::testing::Test {
 protected:
  int64_t NewExecution() {
    Execution execution;
    execution.key = "key";
    execution.build = *store_->InsertBuild({}, "", "", 1);
    execution.worker = "w1";
    execution.host_id = "boot";
    execution.started_at = 1;
    return *store_->BeginExecution(execution);
  }

  std::unique_ptr<RecordStore> store_ = *RecordStore::Open(":memory:");
  StatementRecords statements_{store_->connection()};
};

TEST_F(StatementRecordsTest, BytesComeBackAsTheyWere) {
  const int64_t execution = NewExecution();
  ASSERT_OK(statements_.SaveKey({"id", "pem", "w1", 5}));
  const std::string envelope("{\"payload\":\"\0\xff\"}\n", 17);
  ASSERT_OK(statements_.Save(execution, {"id", envelope}));
  const auto found = statements_.Find(execution);
  ASSERT_OK(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->envelope, envelope);
  EXPECT_EQ((*found)->key_id, "id");
  EXPECT_FALSE(statements_.Find(NewExecution())->has_value());
}

TEST_F(StatementRecordsTest, TheLastOneCounts) {
  const int64_t execution = NewExecution();
  ASSERT_OK(statements_.SaveKey({"id", "pem", "w1", 5}));
  ASSERT_OK(statements_.Save(execution, {"id", "one"}));
  ASSERT_OK(statements_.Save(execution, {"id", "two"}));
  EXPECT_EQ((*statements_.Find(execution))->envelope, "two");
}

TEST_F(StatementRecordsTest, AKeyStaysWhoseItWas) {
  EXPECT_TRUE(*statements_.SaveKey({"id", "pem", "w1", 5}));
  EXPECT_FALSE(*statements_.SaveKey({"id", "other", "w2", 9}));
  const auto key = statements_.FindKey("id");
  ASSERT_OK(key);
  EXPECT_EQ(key->pem, "pem");
  EXPECT_EQ(key->worker, "w1");
  EXPECT_EQ(key->first_seen, 5);
  EXPECT_EQ(*statements_.CountKeys("w1"), 1);
  EXPECT_TRUE(*statements_.SaveKey({"id2", "pem2", "w1", 6}));
  EXPECT_EQ(*statements_.CountKeys("w1"), 2);
  EXPECT_EQ(*statements_.CountKeys("w2"), 0);
}

TEST_F(StatementRecordsTest, WhatIsReferredToHasToBeThere) {
  EXPECT_EQ(statements_.FindKey("id").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(statements_.Save(NewExecution(), {"id", "x"}).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK(statements_.SaveKey({"id", "pem", "w1", 5}));
  EXPECT_EQ(statements_.Save(4711, {"id", "x"}).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace crossmill::storage
