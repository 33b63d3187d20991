#include "coordinator/engine/step_cache.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

class StepCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto records = storage::RecordStore::Open(":memory:");
    ASSERT_OK(records);
    records_ = *std::move(records);
    build_ = *records_->InsertBuild({}, "", "", 1);
    cache_ = std::make_unique<StepCache>(*records_, *blobs_);
  }

  struct Finished {
    std::string layer = "tar";
    int64_t started_at = 100;
    bool emulated = false;
    int exit_code = 0;
  };
  // Leaves the blobs to the test.
  int64_t Execute(const std::string& key, const Finished& how) {
    storage::Execution row;
    row.key = key;
    row.build = build_;
    row.step_number = 2;
    row.worker = "w1";
    row.host_id = "host";
    row.host_name = "name";
    row.emulated = how.emulated;
    row.started_at = how.started_at;
    const int64_t id = *records_->BeginExecution(row);
    v1::StepResult result;
    result.set_exit_code(how.exit_code);
    if (how.exit_code == 0) *result.mutable_layer() = LayerOf(how.layer);
    result.set_started_at(how.started_at);
    result.set_finished_at(how.started_at + 1'500'000'000);
    result.set_content_bytes(12);
    EXPECT_OK(records_->FinishExecution(id, result, how.started_at + 2'000'000'000));
    return id;
  }
  static v1::Layer LayerOf(const std::string& name) {
    v1::Layer layer;
    ToProto(DigestOf(name), layer.mutable_tar());
    ToProto(DigestOf(name + " manifest"), layer.mutable_manifest());
    return layer;
  }
  void Store(const std::string& name) {
    ASSERT_OK(blobs_->PutBytes(name));
    ASSERT_OK(blobs_->PutBytes(name + " manifest"));
  }
  int64_t Found(const std::string& key, int64_t since = 0, bool forbid_emulation = false) {
    const auto hit = cache_->Find(key, since, forbid_emulation);
    EXPECT_OK(hit);
    return hit.ok() && hit->has_value() ? (*hit)->fact.execution : 0;
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<StepCache> cache_;
  int64_t build_ = 0;
};

TEST_F(StepCacheTest, HitSaysWhatTheRecordSays) {
  Store("tar");
  const int64_t id = Execute("key", {});
  const auto hit = cache_->Find("key", 0, false);
  ASSERT_OK(hit);
  ASSERT_TRUE(hit->has_value());
  const core::StepFact& fact = (*hit)->fact;
  EXPECT_EQ((*hit)->build, build_);
  EXPECT_EQ(fact.execution, id);
  EXPECT_EQ(fact.key, "key");
  EXPECT_EQ(fact.layer.SerializeAsString(), LayerOf("tar").SerializeAsString());
  EXPECT_DOUBLE_EQ(fact.seconds, 1.5);
  EXPECT_EQ(fact.content_bytes, 12);
  EXPECT_EQ(fact.worker, "w1");
  EXPECT_EQ(fact.host_id, "host");
  EXPECT_EQ(fact.host_name, "name");
  EXPECT_EQ(fact.finished_at, 2'000'000'100);
  EXPECT_EQ(Found("other"), 0);
}

TEST_F(StepCacheTest, EntryWithoutItsLayerOrItsManifestIsNoHit) {
  Execute("key", {});
  EXPECT_EQ(Found("key"), 0);
  ASSERT_OK(blobs_->PutBytes("tar"));
  EXPECT_EQ(Found("key"), 0);
  ASSERT_OK(blobs_->PutBytes("tar manifest"));
  EXPECT_NE(Found("key"), 0);
  EXPECT_TRUE(cache_->IsDurable(LayerOf("tar")));
  EXPECT_FALSE(cache_->IsDurable(LayerOf("other")));
}

TEST_F(StepCacheTest, WhatRunsOrFailedOrWasGivenUpIsNoHit) {
  Store("tar");
  Execute("failed", {.exit_code = 2});
  storage::Execution row;
  row.key = "running";
  row.build = build_;
  ASSERT_OK(records_->BeginExecution(row));
  row.key = "abandoned";
  ASSERT_OK(records_->AbandonExecution(*records_->BeginExecution(row)));
  for (const char* key : {"failed", "running", "abandoned"}) EXPECT_EQ(Found(key), 0) << key;
}

TEST_F(StepCacheTest, OnlyExecutionsBegunSinceCount) {
  Store("tar");
  const int64_t old = Execute("key", {.started_at = 100});
  EXPECT_EQ(Found("key", 100), old);
  EXPECT_EQ(Found("key", 101), 0);
  const int64_t fresh = Execute("key", {.started_at = 200});
  EXPECT_EQ(Found("key", 101), fresh);
  EXPECT_EQ(Found("key", 0), old) << "everybody goes on from the one that finished first";
}

TEST_F(StepCacheTest, EmulatedEntriesCanBeForbidden) {
  Store("tar");
  Store("native");
  const int64_t emulated = Execute("key", {.emulated = true});
  EXPECT_EQ(Found("key"), emulated);
  EXPECT_EQ(Found("key", 0, true), 0);
  const int64_t native = Execute("key", {.layer = "native", .started_at = 300});
  EXPECT_EQ(Found("key", 0, true), native);
}

TEST_F(StepCacheTest, ExportIsThereWhenItsBlobIs) {
  EXPECT_FALSE(cache_->FindExport("key").value().has_value());
  ASSERT_OK(records_->SaveExport("key", {DigestOf("export"), std::nullopt, "w1", 1}));
  EXPECT_FALSE(cache_->FindExport("key").value().has_value());
  ASSERT_OK(blobs_->PutBytes("export"));
  const auto found = cache_->FindExport("key").value();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->blob, DigestOf("export"));
  EXPECT_FALSE(found->paths.has_value());
}

}  // namespace
}  // namespace crossmill::coordinator
