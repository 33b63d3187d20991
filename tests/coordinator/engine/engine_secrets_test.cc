// The engine and what only clients have: values of secrets and ssh agents, over restarts and between builds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/engine/engine.h"
#include "tests/coordinator/engine/played_worker.h"
#include "tests/support/fake_clock.h"
#include "tests/support/image_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;
using ::testing::HasSubstr;

v1::Secret Secret(const std::string& id, const std::string& value) {
  v1::Secret secret;
  secret.set_id(id);
  secret.set_value(value);
  return secret;
}

class EngineSecretsTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }
  void TearDown() override { Stop(); }

  void Start() {
    auto records = storage::RecordStore::Open(folder_.Path("record.db"));
    ASSERT_OK(records);
    records_ = *std::move(records);
    logs_ = std::make_unique<storage::LogStore>(folder_.Path("logs"));
    images_ = std::make_unique<ImageFixture>(*blobs_, *records_);
    engine_ = std::make_unique<Engine>(*records_, *logs_, *blobs_, images_->store(), images_->assembler(),
                                       clock_, EngineOptions());
    ASSERT_OK(engine_->Start());
  }
  void Stop() {
    if (engine_) engine_->Stop();
    engine_.reset();
    images_.reset();
    logs_.reset();
    records_.reset();
  }

  // Its step mounts all of them.
  v1::BuildSubmission Submission(const std::vector<std::string>& secret_ids,
                                 const std::vector<std::string>& ssh_ids = {}) {
    v1::BuildSubmission submission;
    std::string mounts;
    for (const std::string& id : secret_ids) mounts += " --mount=type=secret,id=" + id;
    for (const std::string& id : ssh_ids) mounts += " --mount=type=ssh,id=" + id;
    submission.mutable_recipe()->set_dockerfile("FROM scratch\nRUN" + mounts + " one\n");
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    reapi::Directory root;
    root.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
    ToProto(blobs_->PutBytes(root.SerializeAsString()).value(),
            submission.mutable_recipe()->mutable_context_root());
    v1::Platform& platform = *submission.mutable_options()->add_platforms();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    for (const std::string& id : secret_ids) submission.mutable_options()->add_secret_ids(id);
    for (const std::string& id : ssh_ids) submission.mutable_options()->add_ssh_ids(id);
    return submission;
  }

  int64_t Submit(const v1::BuildSubmission& submission, const std::vector<v1::Secret>& secrets) {
    auto submitted = engine_->Submit(submission, "", secrets);
    EXPECT_OK(submitted);
    return submitted.ok() ? submitted->build : 0;
  }

  // Submitted and planned; the coordinator was restarted since.
  int64_t RestoredBuild(const v1::BuildSubmission& submission, const std::vector<v1::Secret>& secrets) {
    const int64_t id = Submit(submission, secrets);
    EXPECT_TRUE(Eventually([&] { return engine_->reader().Get(id)->status() == v1::BUILD_STATUS_RUNNING; }));
    Stop();
    Start();
    // Answered after the builds were taken up.
    EXPECT_OK(engine_->reader().Get(id));
    return id;
  }

  std::unique_ptr<PlayedWorker> NewWorker(const std::string& name) {
    auto worker = std::make_unique<PlayedWorker>(*engine_, *blobs_, name, "host");
    worker->Connect({});
    return worker;
  }

  v1::BuildView WaitForEnd(int64_t build) {
    EXPECT_TRUE(
        Eventually([&] { return engine_->reader().Get(build)->status() >= v1::BUILD_STATUS_SUCCEEDED; }));
    return *engine_->reader().Get(build);
  }

  FakeClock clock_;
  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<storage::LogStore> logs_;
  std::unique_ptr<ImageFixture> images_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineSecretsTest, SubmissionWithoutItsValuesIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->Submit(Submission({"token"}), "").status()));
  EXPECT_OK(engine_->Submit(Submission({"token"}), "", {Secret("token", "value")}));
}

TEST_F(EngineSecretsTest, TaskIsHeldUntilTheClientGivesItsSecretsAgain) {
  const int64_t build = RestoredBuild(Submission({"token"}), {Secret("token", "value")});
  auto worker = NewWorker("w1");
  // Less than makes a worker silent, more than makes people wonder.
  clock_.Advance(absl::Seconds(20));
  EXPECT_TRUE(Eventually([&] {
    const v1::BuildView view = *engine_->reader().Get(build);
    return std::any_of(view.warnings().begin(), view.warnings().end(), [](const std::string& warning) {
      return warning.find("secret token is not there") != std::string::npos;
    });
  })) << engine_->reader().Get(build)->ShortDebugString();
  EXPECT_EQ(worker->Desired().size(), 0u) << "nothing runs without its secret";
  ASSERT_OK(engine_->Attach(build, {Secret("token", "value")}, {}));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  ASSERT_EQ(worker->SecretsOf(*lease).size(), 1u);
  EXPECT_EQ(worker->SecretsOf(*lease)[0].value(), "value");
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(EngineSecretsTest, HeldTaskEndsAsInfrastructureWhenTheClientDoesNotCome) {
  const int64_t build = RestoredBuild(Submission({"token"}), {Secret("token", "value")});
  clock_.Advance(absl::Seconds(61));
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("secret token did not come"));
  EXPECT_THAT(view.message(), HasSubstr("submit the build again"));
}

TEST_F(EngineSecretsTest, TaskIsHeldUntilItsAgentIsThere) {
  const int64_t build = RestoredBuild(Submission({}, {"default"}), {});
  auto worker = NewWorker("w1");
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->Attach(build, {}, {"other"}).status()));
  const auto client = engine_->Attach(build, {}, {"default"});
  ASSERT_OK(client);
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  EXPECT_OK(engine_->OpenAgent(*lease, "default"));
  EXPECT_TRUE(absl::IsNotFound(engine_->OpenAgent(*lease, "other").status()));
  EXPECT_TRUE(absl::IsNotFound(engine_->OpenAgent(*lease + 1, "default").status()));
  engine_->Detach(*client);
  EXPECT_TRUE(absl::IsUnavailable(engine_->OpenAgent(*lease, "default").status()));
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_TRUE(absl::IsFailedPrecondition(engine_->Attach(build, {}, {"default"}).status())) << "it has ended";
  EXPECT_TRUE(absl::IsNotFound(engine_->Attach(build + 1, {}, {}).status()));
}

TEST_F(EngineSecretsTest, BuildsWithOtherValuesDoNotShareAnExecution) {
  Submit(Submission({"token"}), {Secret("token", "one")});
  Submit(Submission({"token"}), {Secret("token", "two")});
  Submit(Submission({"token"}), {Secret("token", "one")});
  auto worker = NewWorker("w1");
  std::map<std::string, int> given;
  for (int i = 0; i < 2; ++i) {
    const auto lease = worker->NextLease();
    ASSERT_TRUE(lease);
    ++given[worker->SecretsOf(*lease)[0].value()];
  }
  EXPECT_EQ(given["one"], 1);
  EXPECT_EQ(given["two"], 1);
}

TEST_F(EngineSecretsTest, WhoJoinedGoesOnWithItsOwnValuesWhenTheFirstLeaves) {
  const int64_t first = Submit(Submission({"token"}), {Secret("token", "same")});
  EXPECT_TRUE(Eventually([&] { return engine_->reader().Get(first)->status() == v1::BUILD_STATUS_RUNNING; }));
  const int64_t second = Submit(Submission({"token"}), {Secret("token", "same")});
  EXPECT_TRUE(
      Eventually([&] { return engine_->reader().Get(second)->status() == v1::BUILD_STATUS_RUNNING; }));
  ASSERT_OK(engine_->Cancel(first, false));
  auto worker = NewWorker("w1");
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  ASSERT_EQ(worker->SecretsOf(*lease).size(), 1u);
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  EXPECT_EQ(WaitForEnd(second).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(engine_->reader().Get(first)->status(), v1::BUILD_STATUS_CANCELLED);
}

TEST_F(EngineSecretsTest, RequiredSecretThatWasNotGivenIsNamedWithItsLine) {
  v1::BuildSubmission submission = Submission({});
  submission.mutable_recipe()->set_dockerfile(
      "FROM scratch\n\nRUN --mount=type=secret,id=token,required one\n");
  const v1::BuildView view = WaitForEnd(Submit(submission, {}));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("Dockerfile:3"));
  EXPECT_THAT(view.message(), HasSubstr("--secret id=token"));
}

TEST_F(EngineSecretsTest, ValuesAreInNothingThatIsRecorded) {
  const std::string value = "an-unlikely-value-4711";
  const int64_t build = RestoredBuild(Submission({"token"}), {Secret("token", value)});
  ASSERT_OK(engine_->Attach(build, {Secret("token", value)}, {}));
  auto worker = NewWorker("w1");
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(engine_->reader().Submission(build)->options().secret_ids(0), "token");
  worker.reset();
  Stop();
  for (const char* name : {"record.db", "record.db-wal"}) {
    const auto bytes = ReadFile(folder_.Path(name), 1 << 30);
    if (!bytes.ok()) continue;
    EXPECT_EQ(bytes->find(value), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace crossmill::coordinator
