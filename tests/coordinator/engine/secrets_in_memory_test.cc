// Values of secrets on their way through the coordinator leave no copy in its memory, however a lease ends.
#include <gtest/gtest.h>

#include <set>

#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/support/freed_memory.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kPlanted = "pw-7Zq4Kx9";

// Takes messages as they are sent, and keeps nothing of the values.
class BlindLink final : public WorkerLink {
 public:
  void Send(const v1::SynchronizeResponse& message) override {
    for (const v1::DesiredLease& lease : message.leases()) values += lease.secrets_size();
    if (message.leases_size() > 0) lease = message.leases(0).lease();
  }
  std::atomic<int> values = 0;
  std::atomic<uint64_t> lease = 0;
};

class SecretsInMemoryTest : public EngineTest {
 protected:
  int64_t SubmitPlanted() {
    v1::BuildSubmission submission = Submission("FROM scratch\nRUN --mount=type=secret,id=token one\n");
    submission.mutable_options()->add_secret_ids("token");
    WipedSecrets<v1::Secret> secrets(1);
    secrets[0].set_id("token");
    secrets[0].set_value(kPlanted.data(), kPlanted.size());
    return engine_->Submit(submission, "", secrets).value().build;
  }
  std::shared_ptr<BlindLink> Connect(const std::string& name) {
    auto link = std::make_shared<BlindLink>();
    v1::WorkerState state;
    state.mutable_info()->set_name(name);
    state.mutable_info()->set_host_id(name);
    state.mutable_info()->set_slots(1);
    v1::Platform& platform = *state.mutable_info()->add_platforms()->mutable_platform();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    engine_->WorkerState(link, state);
    return link;
  }
};

TEST_F(SecretsInMemoryTest, SentLostAndSentAgain) {
  const FreedMemory freed(kPlanted.substr(1));
  const auto first = Connect("w1");
  const int64_t build = SubmitPlanted();
  ASSERT_TRUE(Eventually([&] { return first->values == 1; }));
  v1::LeaseReport lost;
  lost.set_lease(first->lease);
  lost.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_INFRASTRUCTURE);
  lost.mutable_task_finished()->set_message("no more");
  engine_->WorkerReport("w1", lost);
  ASSERT_TRUE(Eventually([&] { return first->values == 2; })) << "it has it again";
  ASSERT_OK(engine_->Cancel(build, false));
  WaitForEnd(build);
  StopCoordinator();
  EXPECT_EQ(freed.found(), 0);
}

TEST_F(SecretsInMemoryTest, LeasedButNotSent) {
  const FreedMemory freed(kPlanted.substr(1));
  const auto link = Connect("w1");
  // Its stream breaks in the batch that leases: the values wait for a stream that does not come.
  engine_->WorkerGone("w1", link);
  const int64_t build = SubmitPlanted();
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->status() == v1::BUILD_STATUS_RUNNING; }));
  StopCoordinator();
  EXPECT_EQ(freed.found(), 0);
}

TEST_F(SecretsInMemoryTest, MessageThatIsDropped) {
  const FreedMemory freed(kPlanted.substr(1));
  {
    v1::SynchronizeResponse message;
    message.add_leases()->add_secrets()->set_value(kPlanted.data(), kPlanted.size());
    WorkerMessage one(std::move(message));
    const WorkerMessage two(std::move(one));
    EXPECT_EQ(two.content.leases(0).secrets(0).value(), kPlanted);
  }
  EXPECT_EQ(freed.found(), 0);
}

}  // namespace
}  // namespace crossmill::coordinator
