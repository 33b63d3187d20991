// A registry that never answers: it holds up nobody but the builds that need it, and not their end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/engine/engine.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

// Every pull lasts until it is told to stop.
class SilentSource final : public ImageSource {
 public:
  absl::StatusOr<Digest> Pull(const oci::Reference&, BlobStore&, const registry::PullOptions& options,
                              const ClientCredentials&) override {
    std::promise<void> stopped;
    const std::stop_callback told(options.stop, [&] { stopped.set_value(); });
    ++running;
    stopped.get_future().wait();
    --running;
    return absl::CancelledError("told to stop");
  }
  absl::StatusOr<Digest> Push(const oci::Reference&, BlobStore&, const Digest&, const registry::PushOptions&,
                              const ClientCredentials&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<Digest>> PutArtifacts(const oci::Reference& reference, BlobStore&,
                                                   const std::vector<registry::Artifact>&,
                                                   const std::stop_token&,
                                                   const ClientCredentials&) override {
    return absl::NotFoundError(fmt::format("{}: no such registry", reference.ToString()));
  }
  absl::StatusOr<registry::AttachedStatements> ReadStatements(const oci::Reference&,
                                                              const registry::StatementQuery&,
                                                              const ClientCredentials&) override {
    return absl::UnimplementedError("");
  }

  std::atomic<int> running = 0;
};

class SlowRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }
  void TearDown() override { Stop(); }

  void Start() {
    records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
    logs_ = std::make_unique<storage::LogStore>(folder_.Path("logs"));
    image_records_ = std::make_unique<storage::SqliteImageRecords>(records_->connection());
    images_ = std::make_unique<ImageStore>(*blobs_, *image_records_, source_, clock_);
    assembler_ = std::make_unique<ImageAssembler>(*blobs_, *image_records_, clock_, 1);
    engine_ =
        std::make_unique<Engine>(*records_, *logs_, *blobs_, *images_, *assembler_, clock_, EngineOptions{});
    ASSERT_OK(engine_->Start());
  }
  void Stop() {
    if (engine_) engine_->Stop();
    engine_.reset();
    assembler_.reset();
    images_.reset();
    image_records_.reset();
    logs_.reset();
    records_.reset();
  }

  int64_t Submit(const std::string& dockerfile) {
    return engine_->Submit(SubmissionOf(*blobs_, dockerfile), "").value().build;
  }

  v1::BuildStatus StatusOf(int64_t build) { return engine_->reader().Get(build)->status(); }

  FakeClock clock_;
  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  SilentSource source_;
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<storage::LogStore> logs_;
  std::unique_ptr<storage::SqliteImageRecords> image_records_;
  std::unique_ptr<ImageStore> images_;
  std::unique_ptr<ImageAssembler> assembler_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(SlowRegistryTest, OtherBuildsArePlannedAndConcludedMeanwhile) {
  for (int i = 0; i < 12; ++i) Submit("FROM silent/image:" + std::to_string(i) + "\nRUN one\n");
  ASSERT_TRUE(Eventually([&] { return source_.running == 12; })) << source_.running;
  PlayedWorker worker(*engine_, *blobs_, "w1", "host-a");
  worker.Connect({});
  worker.PlayAll();
  const int64_t build = Submit("FROM scratch\nRUN one\n");
  EXPECT_TRUE(Eventually([&] { return StatusOf(build) == v1::BUILD_STATUS_SUCCEEDED; }))
      << engine_->reader().Get(build)->ShortDebugString();
  EXPECT_EQ(source_.running, 12);
}

TEST_F(SlowRegistryTest, CancelEndsWatchAndPull) {
  const int64_t build = Submit("FROM silent/image\nRUN one\n");
  ASSERT_TRUE(Eventually([&] { return source_.running == 1; }));
  const auto watcher = engine_->Watch(build, 1, true);
  ASSERT_OK(watcher);
  ASSERT_OK(engine_->Cancel(build, false));
  // The watch closes with the build's last event, whatever the registry does.
  bool ended = false;
  v1::BuildEvent last;
  while (!ended) {
    const auto item = (*watcher)->Next(std::chrono::seconds(20), &ended);
    ASSERT_TRUE(item || ended) << "the watch goes on";
    if (item && item->event) last = *item->event;
  }
  EXPECT_EQ(last.status_changed().status(), v1::BUILD_STATUS_CANCELLED) << last.ShortDebugString();
  EXPECT_EQ(StatusOf(build), v1::BUILD_STATUS_CANCELLED);
  EXPECT_TRUE(Eventually([&] { return source_.running == 0; }));
}

TEST_F(SlowRegistryTest, PullGoesOnForTheOtherBuildThatWantsIt) {
  const int64_t first = Submit("FROM silent/image\nRUN one\n");
  ASSERT_TRUE(Eventually([&] { return source_.running == 1; }));
  const int64_t second = Submit("FROM silent/image\nRUN two\n");
  ASSERT_TRUE(Eventually([&] { return images_->WaitingFor("silent/image") == 1; }));
  ASSERT_OK(engine_->Cancel(first, false));
  EXPECT_EQ(StatusOf(first), v1::BUILD_STATUS_CANCELLED);
  EXPECT_EQ(source_.running, 1) << "the second waits for it";
  EXPECT_EQ(images_->WaitingFor("silent/image"), 1);
  ASSERT_OK(engine_->Cancel(second, false));
  EXPECT_TRUE(Eventually([&] { return source_.running == 0; }));
}

TEST_F(SlowRegistryTest, ShutdownDoesNotWaitAndTheBuildGoesOnAfterIt) {
  const int64_t build = Submit("FROM silent/image\nRUN one\n");
  ASSERT_TRUE(Eventually([&] { return source_.running == 1; }));
  // Would never return if it waited for the registry.
  Stop();
  EXPECT_EQ(source_.running, 0);
  Start();
  EXPECT_TRUE(Eventually([&] { return source_.running == 1; })) << "it is planned again";
  EXPECT_EQ(StatusOf(build), v1::BUILD_STATUS_PLANNING);
}

}  // namespace
}  // namespace crossmill::coordinator
