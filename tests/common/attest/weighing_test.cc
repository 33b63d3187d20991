// Two farms with two workers each, and what their statements are worth together.
#include "common/attest/weighing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/base/status.h"
#include "tests/common/attest/example_facts.h"
#include "tests/support/status_matchers.h"

namespace crossmill::attest {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The evidence of one build: a verdict and the statements of two workers.
struct ExampleFarm {
  explicit ExampleFarm(std::string name) : prefix(std::move(name)) {
    for (int i = 0; i < 2; ++i) {
      example[i].platform = *ParsePlatform("linux/amd64");
      example[i].result.set_emulated(false);
      example[i].worker.set_name(i == 0 ? "w1" : "w2");
      example[i].worker.set_host_id(fmt::format("{}boot-{}", prefix, i + 1));
      build.comparison().mutable_steps(0)->mutable_witnesses(i)->set_host_id(example[i].worker.host_id());
    }
  }

  std::string Execution(int i) const {
    return *SealStatement(WriteStatement(ExecutionStatement(example[i].facts())), worker[i]);
  }

  // With references to the statements as they are.
  std::string Verdict() const {
    VerdictFacts facts = build.verdict();
    facts.statements.clear();
    for (int i = 0; i < 2; ++i)
      facts.statements[101 + i] = {Sha256Hex(Execution(i)), worker[i].public_key().id()};
    return *SealStatement(WriteStatement(VerdictStatement(facts)), coordinator);
  }

  std::vector<GivenFile> Files() const {
    return {{prefix + "execution-1", Execution(0)},
            {prefix + "execution-2", Execution(1)},
            {prefix + "verdict", Verdict()}};
  }

  void AddTo(WeighingInput* input, bool trusted) const {
    for (GivenFile& file : Files()) input->files.push_back(std::move(file));
    input->keys.push_back({prefix + "coordinator.pem", coordinator.public_key(), trusted});
    for (const keys::SigningKey& key : worker)
      input->keys.push_back({prefix + "worker.pem", key.public_key(), false});
  }

  WeighingInput Input(bool trusted = true) const {
    WeighingInput input;
    AddTo(&input, trusted);
    return input;
  }

  std::string prefix;
  keys::SigningKey coordinator = *keys::SigningKey::Generate();
  keys::SigningKey worker[2] = {*keys::SigningKey::Generate(), *keys::SigningKey::Generate()};
  ExampleExecution example[2];
  ExampleBuild build;
};

std::vector<std::string> StandingsOf(const Weighed& weighed) {
  std::vector<std::string> words;
  for (const WeighedFile& file : weighed.files) words.emplace_back(StandingWord(file.standing));
  return words;
}

class WeighingTest : public ::testing::Test {
 protected:
  ExampleFarm a_{"a/"};
  ExampleFarm b_{"b/"};
};

TEST_F(WeighingTest, OneFarmThatIsTrustedIsAgreed) {
  const Weighed weighed = Weigh(a_.Input());
  EXPECT_EQ(weighed.weight, Weight::kAgreed) << testing::PrintToString(weighed.reasons);
  EXPECT_TRUE(weighed.reasons.empty());
  EXPECT_THAT(StandingsOf(weighed), ElementsAre("vouched", "vouched", "signed"));
  ASSERT_EQ(weighed.verdicts.size(), 1u);
  EXPECT_EQ(weighed.verdicts[0].listed, 2u);
  EXPECT_EQ(weighed.verdicts[0].with_statement, 2u);
  EXPECT_EQ(weighed.verdicts[0].confirmed, 2u);
  EXPECT_EQ(weighed.farms, 1u);
  EXPECT_EQ(weighed.hosts, 2u);
}

TEST_F(WeighingTest, KeysThatOnlyLieBesideSayNothing) {
  const Weighed weighed = Weigh(a_.Input(false));
  EXPECT_EQ(weighed.weight, Weight::kInconclusive);
  EXPECT_THAT(StandingsOf(weighed), ElementsAre("untrusted", "untrusted", "untrusted"));
  EXPECT_TRUE(weighed.verdicts.empty());
  EXPECT_THAT(weighed.reasons, Contains(HasSubstr("no key was given")));
}

TEST_F(WeighingTest, TwoFarmsAboutOneImageAreWeighedTogether) {
  WeighingInput input = a_.Input();
  b_.AddTo(&input, true);
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kAgreed) << testing::PrintToString(weighed.reasons);
  EXPECT_EQ(weighed.farms, 2u);
  EXPECT_EQ(weighed.hosts, 4u);
}

TEST_F(WeighingTest, AFarmThatWasNotGivenDoesNotCount) {
  WeighingInput input = a_.Input();
  b_.AddTo(&input, false);
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kInconclusive);
  EXPECT_EQ(weighed.farms, 1u);
  EXPECT_THAT(weighed.reasons, Contains(HasSubstr("was not given")));
}

TEST_F(WeighingTest, TwoFarmsWithTwoImagesDisagree) {
  b_.build.view.mutable_cells(0)->mutable_image_manifest()->set_hash(Hash('e'));
  WeighingInput input = a_.Input();
  b_.AddTo(&input, true);
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kDiffers);
  EXPECT_THAT(weighed.reasons, Contains(HasSubstr("disagree: the image of linux/amd64")));
  // Of one of the two it says which statements are about another.
  input.images = {Hash('a')};
  const Weighed of_one = Weigh(input);
  EXPECT_EQ(of_one.weight, Weight::kDiffers);
  EXPECT_THAT(of_one.reasons, Contains(HasSubstr("b/verdict: it is about another image")));
  ASSERT_EQ(of_one.verdicts.size(), 1u);
  EXPECT_EQ(of_one.verdicts[0].file, "a/verdict");
}

TEST_F(WeighingTest, TwoFarmsWhoseWorkersMadeOtherLayersDisagree) {
  for (int i = 0; i < 2; ++i) {
    b_.example[i].result.mutable_layer()->mutable_tar()->set_hash(Hash('8'));
    b_.build.comparison().mutable_steps(0)->mutable_witnesses(i)->mutable_layer()->mutable_tar()->set_hash(
        Hash('8'));
  }
  WeighingInput input = a_.Input();
  b_.AddTo(&input, true);
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kDiffers);
  EXPECT_THAT(weighed.reasons, Contains(HasSubstr("the same step gave")));
}

TEST_F(WeighingTest, AStatementThatWasChangedIsRefused) {
  for (size_t file = 0; file < 3; ++file) {
    for (const auto& [from, to] :
         {std::pair("w1", "w9"), {"boot-1", "boot-9"}, {"linux/amd64", "linux/arm64"}}) {
      WeighingInput input = a_.Input();
      const Envelope envelope = *ParseEnvelope(input.files[file].bytes);
      const std::string payload = absl::StrReplaceAll(envelope.payload, {{from, to}});
      if (payload == envelope.payload) continue;
      input.files[file].bytes = absl::StrReplaceAll(
          input.files[file].bytes, {{absl::Base64Escape(envelope.payload), absl::Base64Escape(payload)}});
      const Weighed weighed = Weigh(input);
      EXPECT_EQ(weighed.weight, Weight::kRefused) << input.files[file].name << " " << from;
      EXPECT_EQ(weighed.files[file].standing, Standing::kRefused);
      EXPECT_THAT(weighed.files[file].problem, HasSubstr("the signature is not"));
    }
  }
}

TEST_F(WeighingTest, AKeyThatIsNotHereIsSaid) {
  WeighingInput input = a_.Input();
  input.keys.pop_back();
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kInconclusive);
  EXPECT_THAT(StandingsOf(weighed), ElementsAre("vouched", "unknown-key", "signed"));
}

TEST_F(WeighingTest, AWorkerDoesNotSpeakForTheFarm) {
  WeighingInput input = a_.Input();
  // With a worker's key, which the honest verdict vouches for, a better verdict.
  VerdictFacts facts = a_.build.verdict();
  a_.build.comparison().set_verdict(v1::VERDICT_REPRODUCIBLE);
  input.files.push_back({"forged", *SealStatement(WriteStatement(VerdictStatement(facts)), a_.worker[0])});
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kInconclusive);
  EXPECT_EQ(weighed.files.back().standing, Standing::kUntrusted);
  EXPECT_EQ(weighed.verdicts.size(), 1u);
}

TEST_F(WeighingTest, AStatementThatSaysOtherwiseThanTheVerdictIsFound) {
  // The verdict refers to the very file, and says of it what it does not say.
  a_.build.comparison().mutable_steps(0)->mutable_witnesses(1)->set_host_id("boot-7");
  const Weighed weighed = Weigh(a_.Input());
  EXPECT_EQ(weighed.weight, Weight::kDiffers);
  EXPECT_THAT(weighed.reasons, Contains(HasSubstr("disagree about the host")));
  EXPECT_EQ(weighed.verdicts[0].confirmed, 1u);
}

TEST_F(WeighingTest, AVerdictThatContradictsItselfIsFound) {
  a_.build.comparison().set_hosts(3);
  const Weighed weighed = Weigh(a_.Input());
  EXPECT_EQ(weighed.weight, Weight::kDiffers);
  EXPECT_THAT(weighed.reasons, Contains(HasSubstr("contradicts itself")));
}

TEST_F(WeighingTest, AVerdictThatIsNotReproducibleIsNoAgreement) {
  a_.build.comparison().set_verdict(v1::VERDICT_FLAKY);
  EXPECT_EQ(Weigh(a_.Input()).weight, Weight::kDiffers);
  a_.build.comparison().set_verdict(v1::VERDICT_UNVERIFIED);
  EXPECT_EQ(Weigh(a_.Input()).weight, Weight::kInconclusive);
}

TEST_F(WeighingTest, AnotherImageIsNotThisOne) {
  WeighingInput input = a_.Input();
  input.images = {Hash('0')};
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kDiffers);
  EXPECT_TRUE(weighed.verdicts.empty());
  input.images = {Hash('a')};
  EXPECT_EQ(Weigh(input).weight, Weight::kAgreed);
  input.images = {Hash('9')};
  EXPECT_EQ(Weigh(input).weight, Weight::kAgreed) << "the index that the verdict names";
  input.images = {Hash('a'), Hash('0')};
  EXPECT_EQ(Weigh(input).weight, Weight::kInconclusive) << "of one of them nothing is said";
}

TEST_F(WeighingTest, WhatIsNoStatementIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("{}"), std::string(1 << 20, '['), std::string("\xff"),
        *SealStatement("{}", a_.coordinator), *SealStatement("x", a_.coordinator)}) {
    WeighingInput input = a_.Input();
    input.files.push_back({"odd", bytes});
    const Weighed weighed = Weigh(input);
    EXPECT_EQ(weighed.weight, Weight::kRefused) << bytes.substr(0, 80);
    EXPECT_EQ(weighed.files.back().standing, Standing::kRefused);
    EXPECT_FALSE(weighed.files.back().problem.empty());
  }
}

TEST_F(WeighingTest, AVerdictAloneIsTheFarmsWord) {
  WeighingInput input = a_.Input();
  input.files.erase(input.files.begin(), input.files.begin() + 2);
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kAgreed);
  EXPECT_EQ(weighed.verdicts[0].with_statement, 2u);
  EXPECT_EQ(weighed.verdicts[0].confirmed, 0u);
}

TEST_F(WeighingTest, WhatIsAboutAnImageNeedsAVerdictOfIt) {
  WeighingInput input = a_.Input();
  a_.build.view.mutable_cells(0)->mutable_image_manifest()->set_hash(Hash('e'));
  input.files.push_back(
      {"provenance",
       *SealStatement(WriteStatement(ProvenanceStatement(a_.build.provenance())), a_.coordinator)});
  const Weighed weighed = Weigh(input);
  EXPECT_EQ(weighed.weight, Weight::kInconclusive);
  EXPECT_THAT(weighed.reasons, ElementsAre(HasSubstr("of which provenance tells")));
}

TEST_F(WeighingTest, WithoutAKeyNothingIsSaidOfAnIndex) {
  WeighingInput input = a_.Input(false);
  input.images = {Hash('9')};
  EXPECT_EQ(Weigh(input).weight, Weight::kInconclusive);
}

TEST_F(WeighingTest, AHintIsNoKey) {
  // Signed by the trusted key, whatever the envelope calls it.
  for (const std::string& hint : {std::string("someone"), a_.worker[0].public_key().id(), std::string()}) {
    WeighingInput input = a_.Input();
    input.files[2].bytes = absl::StrReplaceAll(
        input.files[2].bytes, {{"\"keyid\":\"" + a_.coordinator.public_key().id(), "\"keyid\":\"" + hint}});
    EXPECT_EQ(Weigh(input).weight, Weight::kAgreed) << hint;
  }
}

TEST_F(WeighingTest, ManyKeysAndFilesAreWeighedInTime) {
  WeighingInput input = a_.Input();
  for (int i = 0; i < 2000; ++i) {
    input.keys.push_back({"key", keys::SigningKey::Generate()->public_key(), false});
    input.files.push_back(input.files[i % 3]);
  }
  const absl::Time began = absl::Now();
  EXPECT_EQ(Weigh(input).weight, Weight::kAgreed);
  EXPECT_LT(absl::Now() - began, absl::Seconds(30));
}

TEST_F(WeighingTest, NothingIsNoAgreement) {
  const Weighed weighed = Weigh({});
  EXPECT_EQ(weighed.weight, Weight::kInconclusive);
}

}  // namespace
}  // namespace crossmill::attest
