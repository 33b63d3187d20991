// Recorded builds of a real engine beside each other.
#include "coordinator/verification/build_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = v1::StepPair;

class BuildPairsTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    pairs_ = std::make_unique<BuildPairs>(engine_->reader(), *records_->OpenAnother(), *blobs_);
  }
  void TearDown() override {
    pairs_.reset();
    EngineTest::TearDown();
  }

  int64_t Build(const std::string& dockerfile) {
    auto submission = Submission(dockerfile);
    submission.mutable_options()->set_no_cache(true);
    // What was executed until now does not count.
    clock_.Advance(absl::Seconds(1));
    return WaitForEnd(Submit(submission)).id();
  }
  absl::StatusOr<std::vector<v1::PlatformPair>> Compare(int64_t first, int64_t second,
                                                        const std::stop_token& stop = {}) {
    v1::CompareBuildsRequest request;
    request.set_first(first);
    request.set_second(second);
    std::vector<v1::PlatformPair> platforms;
    RETURN_IF_ERROR(
        pairs_->Compare(core::Scope::OfFarm(), request, stop, [&](const v1::CompareBuildsResponse& response) {
          EXPECT_EQ(response.first(), first);
          EXPECT_EQ(response.second(), second);
          platforms.push_back(response.platform());
        }));
    return platforms;
  }
  v1::PlatformPair CompareOne(int64_t first, int64_t second) {
    const auto platforms = Compare(first, second);
    EXPECT_OK(platforms);
    return platforms.ok() && platforms->size() == 1 ? platforms->front() : v1::PlatformPair();
  }
  static std::vector<v1::StepPair::State> StatesOf(const v1::PlatformPair& pair) {
    std::vector<v1::StepPair::State> states;
    for (const v1::StepPair& step : pair.steps()) states.push_back(step.state());
    return states;
  }

  std::unique_ptr<BuildPairs> pairs_;
};

TEST_F(BuildPairsTest, WhatWasGivenTheSameAndMadeSomethingElseIsWhereTheyPart) {
  auto one = NewWorker("w1", "host-a");
  one->DifferOn("dice");
  one->PlayAll();
  const std::string recipe = "FROM scratch\nRUN one\nRUN dice\nENV A=1\nRUN three\n";
  const int64_t first = Build(recipe);
  one->Disconnect();
  auto two = NewWorker("w2", "host-b");
  two->DifferOn("dice");
  two->PlayAll();
  const int64_t second = Build(recipe);
  const v1::PlatformPair pair = CompareOne(first, second);
  EXPECT_EQ(pair.comparison().result(), v1::RebuildComparison::RESULT_DIFFERENT);
  EXPECT_THAT(StatesOf(pair), ElementsAre(State::STATE_EQUAL, State::STATE_EQUAL, State::STATE_DIFFERENT,
                                          State::STATE_EQUAL, State::STATE_EQUAL));
  ASSERT_TRUE(pair.has_divergence());
  EXPECT_EQ(pair.divergence(), 2);
  EXPECT_THAT(pair.divergence_reason(), HasSubstr("Dockerfile:3 was given the same"));
  const v1::StepPair& dice = pair.steps(2);
  EXPECT_TRUE(dice.same_key());
  EXPECT_FALSE(pair.steps(4).same_key()) << "it was executed on other layers";
  const v1::StepComparison& step = pair.comparison().comparison().steps(static_cast<int>(dice.compared()));
  EXPECT_EQ(step.witnesses(0).worker(), "w1");
  EXPECT_EQ(step.witnesses(1).worker(), "w2");
  ASSERT_EQ(step.differences_size(), 1);
  EXPECT_EQ(step.differences(0).path(), "dice");
  EXPECT_GT(step.causes_size(), 0);
  EXPECT_TRUE(step.reaches_image());
  EXPECT_EQ(pair.comparison().comparison().verdict(), v1::VERDICT_UNSPECIFIED);
  EXPECT_EQ(pair.changes().lines_size(), 0);
}

TEST_F(BuildPairsTest, ALineThatCameIsWhereTheyPartAndIsToldAsGiven) {
  auto one = NewWorker("w1");
  one->PlayAll();
  const int64_t first = Build("FROM scratch\nRUN one\nRUN two\n");
  const int64_t second = Build("FROM scratch\nRUN one\nRUN new\nRUN two\n");
  const v1::PlatformPair pair = CompareOne(first, second);
  EXPECT_THAT(StatesOf(pair), ElementsAre(State::STATE_EQUAL, State::STATE_EQUAL, State::STATE_ONLY_SECOND,
                                          State::STATE_EQUAL));
  EXPECT_EQ(pair.divergence_reason(), fmt::format("only build {} has Dockerfile:3: RUN new", second));
  ASSERT_EQ(pair.changes().lines_size(), 1);
  EXPECT_EQ(pair.changes().lines(0).text(), "RUN new");
  EXPECT_EQ(pair.comparison().levels(3).layers(), 3);
  EXPECT_EQ(pair.comparison().levels(3).equal_layers(), 1) << "counted from the bottom";
}

TEST_F(BuildPairsTest, EqualBuildsPartNowhere) {
  auto one = NewWorker("w1");
  one->PlayAll();
  const int64_t first = Build("FROM scratch\nRUN one\n");
  const v1::PlatformPair pair = CompareOne(first, Build("FROM scratch\nRUN one\n"));
  EXPECT_EQ(pair.comparison().result(), v1::RebuildComparison::RESULT_EQUAL);
  EXPECT_THAT(pair.comparison().reason(),
              HasSubstr(fmt::format("byte for byte the image of build {}", first)));
  EXPECT_FALSE(pair.has_divergence());
  EXPECT_EQ(CompareOne(first, first).comparison().result(), v1::RebuildComparison::RESULT_EQUAL);
}

TEST_F(BuildPairsTest, OneThatFailedIsComparedAsFarAsItCame) {
  auto one = NewWorker("w1");
  one->FailOn("bad", 3);
  one->PlayAll();
  const int64_t first = Build("FROM scratch\nRUN one\nRUN two\n");
  const int64_t failed = Build("FROM scratch\nRUN one\nRUN bad\n");
  const v1::PlatformPair pair = CompareOne(first, failed);
  EXPECT_EQ(pair.comparison().result(), v1::RebuildComparison::RESULT_UNKNOWN);
  EXPECT_THAT(pair.comparison().reason(), HasSubstr(fmt::format("build {} has no image", failed)));
  EXPECT_THAT(StatesOf(pair), ElementsAre(State::STATE_EQUAL, State::STATE_EQUAL, State::STATE_ONLY_FIRST,
                                          State::STATE_ONLY_SECOND));
  EXPECT_EQ(CompareOne(failed, failed).steps(2).state(), State::STATE_UNKNOWN);
  const int64_t unplanned = Build("FROM nothing-that-there-is\n");
  const v1::PlatformPair without = CompareOne(first, unplanned);
  EXPECT_TRUE(without.in_second());
  EXPECT_THAT(without.problem(), HasSubstr(fmt::format("build {} was not planned", unplanned)));
  EXPECT_EQ(without.changes().lines_total(), 4) << "what it was given is known";
}

TEST_F(BuildPairsTest, WhatIsNotThereIsNotFoundAndAStopEndsIt) {
  auto one = NewWorker("w1");
  one->PlayAll();
  const int64_t build = Build("FROM scratch\nRUN one\n");
  EXPECT_TRUE(absl::IsNotFound(Compare(build, 99).status()));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Compare(build, build, stop.get_token()).status()));
  v1::CompareBuildsRequest request;
  request.set_first(build);
  request.set_second(build);
  request.mutable_platform()->set_os("linux");
  request.mutable_platform()->set_architecture("s390x");
  EXPECT_TRUE(absl::IsNotFound(pairs_->Compare(core::Scope::OfFarm(), request, {}, [](const auto&) {})));
}

}  // namespace
}  // namespace crossmill::coordinator
