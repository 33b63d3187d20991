#include "worker/agent/signing_observer.h"

#include <gtest/gtest.h>

#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/plan/step_key.h"
#include "tests/common/attest/example_facts.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using attest::Hash;

class Listener final : public ExecutionObserver {
 public:
  void OnStepStarted(const v1::StepStarted&) override { ++started; }
  void OnLog(const v1::LogChunk&) override { ++logs; }
  void OnStepFinished(const v1::StepResult& result) override { results.push_back(result); }
  int started = 0;
  int logs = 0;
  std::vector<v1::StepResult> results;
};

class SigningObserverTest : public ::testing::Test {
 protected:
  SigningObserverTest() {
    *task_.mutable_platform() = *ParsePlatform("linux/amd64");
    task_.set_source_date_epoch(315619200);
    task_.add_parents()->mutable_tar()->set_hash(Hash('1'));
    for (uint32_t number = 2; number <= 4; ++number) {
      v1::Step& step = *task_.add_steps();
      step.set_number(number);
      step.set_instruction("RUN");
      step.mutable_run()->add_argv("true");
    }
    info_.set_name("w1");
    info_.set_host_id("boot-1");
  }

  v1::StepResult Result(uint32_t number, char layer) {
    v1::StepResult result;
    result.set_number(number);
    result.mutable_layer()->mutable_tar()->set_hash(Hash(layer));
    result.mutable_layer()->mutable_manifest()->set_hash(Hash('e'));
    return result;
  }

  // Fails unless the statement is this worker's about these facts.
  void ExpectSigned(const v1::StepResult& told, std::vector<Digest> parents) {
    const auto envelope = attest::ParseEnvelope(told.statement());
    ASSERT_OK(envelope);
    EXPECT_TRUE(attest::IsSignedBy(*envelope, key_.public_key()));
    const v1::Step& step = task_.steps(static_cast<int>(told.number()) - 2);
    const auto statement = attest::ParseStatement(envelope->payload);
    ASSERT_OK(statement);
    EXPECT_OK(attest::MatchesFacts(
        *statement, {&task_.platform(), parents, &step,
                     plan::StepKey(task_.platform(), parents, step, 315619200), &told, &info_}));
  }

  v1::Task task_;
  v1::WorkerInfo info_;
  keys::SigningKey key_ = *keys::SigningKey::Generate();
  Listener listener_;
};

TEST_F(SigningObserverTest, EachStepIsSignedOnTheLayersBeforeIt) {
  SigningObserver signing(task_, info_, key_, listener_);
  signing.OnStepStarted({});
  signing.OnLog({});
  signing.OnStepFinished(Result(2, 'a'));
  signing.OnStepFinished(Result(3, 'b'));
  EXPECT_EQ(listener_.started, 1);
  EXPECT_EQ(listener_.logs, 1);
  ASSERT_EQ(listener_.results.size(), 2u);
  ExpectSigned(listener_.results[0], {{Hash('1'), 0}});
  ExpectSigned(listener_.results[1], {{Hash('1'), 0}, {Hash('a'), 0}});
}

TEST_F(SigningObserverTest, AReplicaGoesOnFromTheFirstsLayer) {
  task_.mutable_steps(0)->mutable_expected()->mutable_tar()->set_hash(Hash('f'));
  SigningObserver signing(task_, info_, key_, listener_);
  signing.OnStepFinished(Result(2, 'a'));
  signing.OnStepFinished(Result(3, 'b'));
  ExpectSigned(listener_.results[0], {{Hash('1'), 0}});
  ExpectSigned(listener_.results[1], {{Hash('1'), 0}, {Hash('f'), 0}});
}

TEST_F(SigningObserverTest, WhatFailedMadeNoLayerToSignFor) {
  SigningObserver signing(task_, info_, key_, listener_);
  v1::StepResult failed;
  failed.set_number(2);
  failed.set_failure("exit code 1");
  signing.OnStepFinished(failed);
  ASSERT_EQ(listener_.results.size(), 1u);
  EXPECT_TRUE(listener_.results[0].statement().empty());
}

TEST_F(SigningObserverTest, TheTasksResultHasThemToo) {
  SigningObserver signing(task_, info_, key_, listener_);
  v1::TaskResult result;
  *result.add_steps() = Result(2, 'a');
  *result.add_steps() = Result(3, 'b');
  signing.OnStepFinished(result.steps(0));
  signing.AddStatements(&result);
  EXPECT_EQ(result.steps(0).statement(), listener_.results[0].statement());
  EXPECT_FALSE(result.steps(0).statement().empty());
  EXPECT_TRUE(result.steps(1).statement().empty()) << "it was not told yet";
}

}  // namespace
}  // namespace crossmill::worker
