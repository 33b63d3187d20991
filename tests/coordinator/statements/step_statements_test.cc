// What a worker signs is kept only if it is signed with the key that it told, and says what happened.
#include "coordinator/statements/step_statements.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/keys/ed25519.h"
#include "coordinator/storage/record_store.h"
#include "tests/common/attest/example_facts.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using attest::Hash;

class StepStatementsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    attempt_.task.set_name("b1/linux/arm64/x/r0");
    *attempt_.task.mutable_platform() = example_.platform;
    *attempt_.task.add_steps() = example_.step;
    for (const Digest& parent : example_.facts().parents)
      ToProto(parent, attempt_.chain.emplace_back().mutable_tar());
    attempt_.key = example_.key;
    storage::Execution execution;
    execution.key = example_.key;
    execution.build = *store_->InsertBuild({}, "", "", 1);
    attempt_.execution = *store_->BeginExecution(execution);
    worker_ = example_.worker;
    worker_.set_public_key(key_.public_key().Pem());
  }

  std::string Signed(const attest::ExecutionFacts& facts) {
    return *attest::SealStatement(attest::WriteStatement(attest::ExecutionStatement(facts)), key_);
  }

  absl::Status Keep(const std::string& statement) {
    v1::StepResult result = example_.result;
    result.set_statement(statement);
    return statements_.Keep(attempt_, result, worker_, 5);
  }

  bool IsKept() { return records_.Find(attempt_.execution)->has_value(); }

  std::unique_ptr<storage::RecordStore> store_ = *storage::RecordStore::Open(":memory:");
  storage::StatementRecords records_{store_->connection()};
  StepStatements statements_{store_->connection()};
  keys::SigningKey key_ = *keys::SigningKey::Generate();
  attest::ExampleExecution example_;
  core::Attempt attempt_;
  v1::WorkerInfo worker_;
};

TEST_F(StepStatementsTest, AnHonestOneIsKeptAsItCame) {
  const std::string statement = Signed(example_.facts());
  ASSERT_OK(Keep(statement));
  const auto kept = records_.Find(attempt_.execution);
  ASSERT_OK(kept);
  ASSERT_TRUE(kept->has_value());
  EXPECT_EQ((*kept)->envelope, statement);
  EXPECT_EQ((*kept)->key_id, key_.public_key().id());
  EXPECT_EQ(records_.FindKey(key_.public_key().id())->worker, "w1");
}

TEST_F(StepStatementsTest, AWorkerWithoutOneIsNoProblem) {
  EXPECT_OK(Keep(""));
  EXPECT_FALSE(IsKept());
}

TEST_F(StepStatementsTest, ALieIsNotKept) {
  const std::vector<std::function<void(attest::ExampleExecution&)>> lies = {
      [](auto& lie) { lie.worker.set_host_id("boot-2"); },
      [](auto& lie) { lie.worker.set_name("w2"); },
      [](auto& lie) { lie.worker.set_version("9"); },
      [](auto& lie) { lie.result.set_emulated(false); },
      [](auto& lie) { lie.result.set_started_at(1); },
      [](auto& lie) { lie.result.mutable_layer()->mutable_tar()->set_hash(Hash('0')); },
      [](auto& lie) { lie.result.mutable_circumstances()->Clear(); },
      [](auto& lie) { lie.result.mutable_fetches()->mutable_fetches(0)->set_sha256(Hash('0')); },
      [](auto& lie) { lie.result.clear_fetches(); },
      [](auto& lie) { lie.step.set_text("RUN true"); },
      [](auto& lie) { lie.key = Hash('0'); },
      [](auto& lie) { lie.platform.set_architecture("amd64"); },
  };
  for (size_t i = 0; i < lies.size(); ++i) {
    attest::ExampleExecution lie;
    lies[i](lie);
    EXPECT_EQ(Keep(Signed(lie.facts())).code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_FALSE(IsKept()) << i;
  }
  attest::ExecutionFacts other_parents = example_.facts();
  other_parents.parents.pop_back();
  EXPECT_EQ(Keep(Signed(other_parents)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(IsKept());
}

TEST_F(StepStatementsTest, OtherLayersBelowAreAnotherStep) {
  v1::StepResult result = example_.result;
  EXPECT_OK(StepStatements::CheckParents(attempt_, result));  // it says nothing
  result.set_statement(Signed(example_.facts()));
  EXPECT_OK(StepStatements::CheckParents(attempt_, result));
  result.set_statement("{\"payload\":\"forged\"}");
  EXPECT_OK(StepStatements::CheckParents(attempt_, result));  // nothing that can be read
  attest::ExecutionFacts fewer = example_.facts();
  fewer.parents.pop_back();
  attest::ExecutionFacts more = example_.facts();
  more.parents.push_back(more.parents.front());
  attest::ExecutionFacts other = example_.facts();
  other.parents.back().hash = Hash('0');
  for (const attest::ExecutionFacts& facts : {fewer, more, other}) {
    result.set_statement(Signed(facts));
    EXPECT_EQ(StepStatements::CheckParents(attempt_, result).code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(StepStatementsTest, AnotherKeyIsNotThatOfTheWorker) {
  const std::string statement = Signed(example_.facts());
  worker_.set_public_key(keys::SigningKey::Generate()->public_key().Pem());
  EXPECT_EQ(Keep(statement).code(), absl::StatusCode::kInvalidArgument);
  worker_.set_public_key("");
  EXPECT_EQ(Keep(statement).code(), absl::StatusCode::kInvalidArgument);
  worker_.set_public_key("no key");
  EXPECT_EQ(Keep(statement).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(IsKept());
}

TEST_F(StepStatementsTest, WhatIsNoEnvelopeIsNotKept) {
  const std::string good = Signed(example_.facts());
  for (const std::string& statement :
       {std::string("x"), std::string("{}"), good + good, good.substr(0, good.size() / 2),
        std::string(2 << 20, ' '), *attest::SealStatement("{}", key_)}) {
    EXPECT_EQ(Keep(statement).code(), absl::StatusCode::kInvalidArgument) << statement.substr(0, 100);
  }
  EXPECT_FALSE(IsKept());
}

}  // namespace
}  // namespace crossmill::coordinator
