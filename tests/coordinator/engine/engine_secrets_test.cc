// The engine and what only clients have: values of secrets and ssh agents, over restarts and between builds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/engine/engine.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/coordinator/engine/secret.h"
#include "tests/support/fake_clock.h"
#include "tests/support/image_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

absl::Status AnyWorker(std::string_view) { return absl::OkStatus(); }

class EngineSecretsTest : public EngineTest {
 protected:
  // Its step mounts all of them.
  v1::BuildSubmission Mounting(const std::vector<std::string>& secret_ids,
                               const std::vector<std::string>& ssh_ids = {}) {
    std::string mounts;
    for (const std::string& id : secret_ids) mounts += " --mount=type=secret,id=" + id;
    for (const std::string& id : ssh_ids) mounts += " --mount=type=ssh,id=" + id;
    v1::BuildSubmission submission = Submission("FROM scratch\nRUN" + mounts + " one\n");
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
    StopCoordinator();
    StartCoordinator();
    // Answered after the builds were taken up.
    EXPECT_OK(engine_->reader().Get(id));
    return id;
  }
};

TEST_F(EngineSecretsTest, SubmissionWithoutItsValuesIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->Submit(Mounting({"token"}), "").status()));
  EXPECT_OK(engine_->Submit(Mounting({"token"}), "", {Secret("token", "value")}));
}

TEST_F(EngineSecretsTest, TaskIsHeldUntilTheClientGivesItsSecretsAgain) {
  const int64_t build = RestoredBuild(Mounting({"token"}), {Secret("token", "value")});
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
  const int64_t build = RestoredBuild(Mounting({"token"}), {Secret("token", "value")});
  clock_.Advance(absl::Seconds(61));
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("secret token did not come"));
  EXPECT_THAT(view.message(), HasSubstr("submit the build again"));
}

TEST_F(EngineSecretsTest, TaskIsHeldUntilItsAgentIsThere) {
  const int64_t build = RestoredBuild(Mounting({}, {"default"}), {});
  auto worker = NewWorker("w1");
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->Attach(build, {}, {"other"}).status()));
  const auto client = engine_->Attach(build, {}, {"default"});
  ASSERT_OK(client);
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  EXPECT_OK(engine_->OpenAgent(*lease, "default", AnyWorker));
  EXPECT_TRUE(absl::IsNotFound(engine_->OpenAgent(*lease, "other", AnyWorker).status()));
  EXPECT_TRUE(absl::IsNotFound(engine_->OpenAgent(*lease + 1, "default", AnyWorker).status()));
  const auto only_w2 = [](std::string_view worker) {
    return worker == "w2" ? absl::OkStatus() : absl::PermissionDeniedError("not this worker's token");
  };
  EXPECT_TRUE(absl::IsPermissionDenied(engine_->OpenAgent(*lease, "default", only_w2).status()))
      << "a worker has the agents of its own leases only";
  engine_->Detach(*client);
  EXPECT_TRUE(absl::IsUnavailable(engine_->OpenAgent(*lease, "default", AnyWorker).status()));
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_TRUE(absl::IsFailedPrecondition(engine_->Attach(build, {}, {"default"}).status())) << "it has ended";
  EXPECT_TRUE(absl::IsNotFound(engine_->Attach(build + 1, {}, {}).status()));
}

TEST_F(EngineSecretsTest, BuildsWithOtherValuesDoNotShareAnExecution) {
  Submit(Mounting({"token"}), {Secret("token", "one")});
  Submit(Mounting({"token"}), {Secret("token", "two")});
  Submit(Mounting({"token"}), {Secret("token", "one")});
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
  const int64_t first = Submit(Mounting({"token"}), {Secret("token", "same")});
  EXPECT_TRUE(Eventually([&] { return engine_->reader().Get(first)->status() == v1::BUILD_STATUS_RUNNING; }));
  const int64_t second = Submit(Mounting({"token"}), {Secret("token", "same")});
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
  v1::BuildSubmission submission = Mounting({});
  submission.mutable_recipe()->set_dockerfile(
      "FROM scratch\n\nRUN --mount=type=secret,id=token,required one\n");
  const v1::BuildView view = WaitForEnd(Submit(submission, {}));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("Dockerfile:3"));
  EXPECT_THAT(view.message(), HasSubstr("--secret id=token"));
}

TEST_F(EngineSecretsTest, ValuesAreInNothingThatIsRecorded) {
  const std::string value = "an-unlikely-value-4711";
  const int64_t build = RestoredBuild(Mounting({"token"}), {Secret("token", value)});
  ASSERT_OK(engine_->Attach(build, {Secret("token", value)}, {}));
  auto worker = NewWorker("w1");
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(engine_->reader().Submission(build)->options().secret_ids(0), "token");
  worker.reset();
  StopCoordinator();
  for (const char* name : {"record.db", "record.db-wal"}) {
    const auto bytes = ReadFile(folder_->Path(name), 1 << 30);
    if (!bytes.ok()) continue;
    EXPECT_EQ(bytes->find(value), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace crossmill::coordinator
