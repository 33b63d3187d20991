// An engine with real records, blobs and images; its workers are played by the test.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "coordinator/engine/engine.h"
#include "tests/coordinator/engine/played_worker.h"
#include "tests/support/fake_clock.h"
#include "tests/support/image_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {

// `dockerfile` for linux/amd64 without a network, with an empty context.
inline v1::BuildSubmission SubmissionOf(BlobStore& blobs, const std::string& dockerfile) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile(dockerfile);
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  ::build::bazel::remote::execution::v2::Directory root;
  root.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
  ToProto(blobs.PutBytes(root.SerializeAsString()).value(),
          submission.mutable_recipe()->mutable_context_root());
  v1::Platform& platform = *submission.mutable_options()->add_platforms();
  platform.set_os("linux");
  platform.set_architecture("amd64");
  submission.mutable_options()->set_network(v1::NETWORK_MODE_NONE);
  return submission;
}

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    StartCoordinator();
  }
  void TearDown() override { StopCoordinator(); }

  void StartCoordinator() {
    auto records = storage::RecordStore::Open(folder_->Path("record.db"));
    ASSERT_OK(records);
    records_ = *std::move(records);
    logs_ = std::make_unique<storage::LogStore>(folder_->Path("logs"));
    images_ = std::make_unique<ImageFixture>(*blobs_, *records_);
    EngineOptions options;
    options.unplaceable_grace = absl::Seconds(20);
    options.scheduler.drained = &drained_;
    options.passing = passing_;
    options.on_untrue_report = [this](const std::string& worker, const std::string&) {
      drained_.Set(worker, true);
    };
    Adjust(&options);
    engine_ = std::make_unique<Engine>(*records_, *logs_, *blobs_, images_->store(), images_->assembler(),
                                       clock_, options);
    ASSERT_OK(engine_->Start());
  }
  virtual void Adjust(EngineOptions*) {}
  void StopCoordinator() {
    if (engine_) engine_->Stop();
    engine_.reset();
    images_.reset();
    logs_.reset();
    records_.reset();
  }

  v1::BuildSubmission Submission(const std::string& dockerfile, int verify = 0) {
    v1::BuildSubmission submission = SubmissionOf(*blobs_, dockerfile);
    submission.mutable_options()->set_verify(verify);
    return submission;
  }

  int64_t Submit(const v1::BuildSubmission& submission, const std::string& key = "") {
    auto submitted = engine_->Submit(submission, key);
    EXPECT_OK(submitted);
    return submitted.ok() ? submitted->build : 0;
  }

  v1::BuildView WaitForEnd(int64_t build) {
    v1::BuildView view;
    EXPECT_TRUE(Eventually([&] {
      auto got = engine_->reader().Get(build);
      if (!got.ok()) return false;
      view = *got;
      return view.status() >= v1::BUILD_STATUS_SUCCEEDED;
    })) << view.ShortDebugString();
    return view;
  }

  std::unique_ptr<PlayedWorker> NewWorker(const std::string& name, const std::string& host = "host-a") {
    auto worker = std::make_unique<PlayedWorker>(*engine_, *blobs_, name, host);
    worker->Connect({});
    return worker;
  }

  // How each lease ended, in order; "active": it did not.
  std::vector<std::string> LeaseOutcomes() {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open_v2(folder_->Path("record.db").c_str(), &database, SQLITE_OPEN_READONLY, nullptr),
              0);
    std::vector<std::string> outcomes;
    const auto add = [](void* to, int, char** values, char**) {
      static_cast<std::vector<std::string>*>(to)->push_back(values[0] != nullptr ? values[0] : "active");
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, "SELECT outcome FROM leases ORDER BY number", add, &outcomes, nullptr),
              0);
    sqlite3_close(database);
    return outcomes;
  }

  FakeClock clock_;
  // What time-outs run by; null: clock_.
  Clock* passing_ = nullptr;
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  core::DrainedWorkers drained_;
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<storage::LogStore> logs_;
  std::unique_ptr<ImageFixture> images_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace crossmill::coordinator
