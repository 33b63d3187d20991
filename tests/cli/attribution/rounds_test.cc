#include "cli/attribution/rounds.h"

#include <gtest/gtest.h>

namespace crossmill::cli {
namespace {

v1::BuildView Ended(int64_t id, v1::Verdict verdict = v1::VERDICT_REPRODUCIBLE,
                    const std::string& image = "sha256:a") {
  v1::BuildView build;
  build.set_id(id);
  build.set_status(v1::BUILD_STATUS_SUCCEEDED);
  v1::CellView& cell = *build.add_cells();
  cell.mutable_platform()->set_os("linux");
  cell.mutable_platform()->set_architecture("amd64");
  cell.set_image_digest(image);
  cell.mutable_comparison()->set_verdict(verdict);
  return build;
}

TEST(RoundsTest, AllAreRunWhileTheyAgree) {
  Rounds rounds(3);
  for (const int64_t id : {12, 13, 14}) {
    ASSERT_TRUE(rounds.GoesOn()) << id;
    rounds.Take(Ended(id));
  }
  EXPECT_FALSE(rounds.GoesOn());
  EXPECT_FALSE(rounds.differs_from_first());
  EXPECT_EQ(rounds.Render(), "3 rounds gave the same image: builds 12, 13, 14");
  EXPECT_EQ(rounds.Document().dump(), R"({"wanted":3,"run":3,"builds":[12,13,14],"ended_by":null})");
}

TEST(RoundsTest, AVerdictEndsThem) {
  for (const v1::Verdict verdict :
       {v1::VERDICT_UNREPRODUCIBLE, v1::VERDICT_FLAKY, v1::VERDICT_INCONCLUSIVE, v1::VERDICT_INPUT_DRIFT}) {
    Rounds rounds(5);
    rounds.Take(Ended(12));
    rounds.Take(Ended(13, verdict));
    EXPECT_FALSE(rounds.GoesOn());
    EXPECT_EQ(rounds.Document()["ended_by"], "verdict");
  }
}

// What depends on the day: both executions of a round agree.
TEST(RoundsTest, AnotherImageEndsThemWhateverTheVerdict) {
  Rounds rounds(5);
  rounds.Take(Ended(12));
  rounds.Take(Ended(13, v1::VERDICT_REPRODUCIBLE, "sha256:b"));
  EXPECT_FALSE(rounds.GoesOn());
  EXPECT_TRUE(rounds.differs_from_first());
  EXPECT_EQ(rounds.Render(),
            "round 2 of at most 5 (build 13) gave another image than build 12: crossmill diff 12 13");
}

TEST(RoundsTest, AFailureEndsThem) {
  Rounds rounds(5);
  v1::BuildView failed = Ended(12);
  failed.set_status(v1::BUILD_STATUS_FAILED);
  rounds.Take(failed);
  EXPECT_FALSE(rounds.GoesOn());
  EXPECT_FALSE(rounds.differs_from_first());
  EXPECT_EQ(rounds.Render(), "round 1 of at most 5 (build 12) did not succeed");
}

}  // namespace
}  // namespace crossmill::cli
