#include "cli/attribution/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::cli {
namespace {

using testing::HasSubstr;

// A build of which step 2 of "builder" differed and step 3 of "runtime" did not.
class AttributionTest : public testing::Test {
 protected:
  AttributionTest() {
    v1::BuildOptions& options = *submitted_.mutable_options();
    options.add_tags("app:1");
    options.set_verify(3);
    options.set_allow_same_host(true);
    for (const v1::Aspect aspect : {v1::ASPECT_CLOCK, v1::ASPECT_HOST_NAME, v1::ASPECT_PROCESSORS})
      options.mutable_vary()->add_aspects(aspect);
  }

  static v1::BuildView BuildWith(bool agrees, int witnesses = 2, int64_t id = 12) {
    v1::BuildView build;
    build.set_id(id);
    v1::CellView& cell = *build.add_cells();
    cell.mutable_platform()->set_os("linux");
    cell.mutable_platform()->set_architecture("amd64");
    v1::StepComparison& step = *cell.mutable_comparison()->add_steps();
    step.set_stage(0);
    step.set_stage_name("builder");
    step.set_step_number(2);
    step.mutable_range()->set_file("Dockerfile");
    step.mutable_range()->set_first_line(7);
    step.set_agrees(agrees);
    for (int i = 0; i < witnesses; ++i) step.add_witnesses();
    v1::StepComparison& other = *cell.mutable_comparison()->add_steps();
    other.set_stage(1);
    other.set_stage_name("runtime");
    other.set_step_number(3);
    other.set_agrees(true);
    return build;
  }
  Attribution Made() { return Attribution(BuildWith(false, 3), submitted_); }

  v1::BuildSubmission submitted_;
};

TEST_F(AttributionTest, ATrialIsABuildOfNobodysImageWithOneAspect) {
  const Attribution attribution = Made();
  ASSERT_FALSE(attribution.empty());
  const Trial baseline = attribution.Baseline();
  EXPECT_FALSE(baseline.aspect);
  const v1::BuildOptions& options = baseline.submission.options();
  EXPECT_TRUE(options.has_vary()) << "nothing, and not the standard set";
  EXPECT_EQ(options.vary().aspects_size(), 0);
  EXPECT_EQ(options.tags_size(), 0);
  EXPECT_EQ(options.verify(), 2u);
  EXPECT_TRUE(options.allow_same_host());
  EXPECT_THAT(options.no_cache_stages(), testing::ElementsAre("builder"));
  const std::vector<Trial> singles = attribution.Singles();
  ASSERT_EQ(singles.size(), 3u);
  for (const Trial& single : singles) {
    ASSERT_EQ(single.submission.options().vary().aspects_size(), 1);
    EXPECT_EQ(single.submission.options().vary().aspects(0), *single.aspect);
  }
}

TEST_F(AttributionTest, WhatMakesItDifferAloneIsSaid) {
  Attribution attribution = Made();
  attribution.Take(std::nullopt, BuildWith(true, 2, 13));
  attribution.Take(v1::ASPECT_CLOCK, BuildWith(true, 2, 14));
  attribution.Take(v1::ASPECT_HOST_NAME, BuildWith(false, 2, 15));
  attribution.Take(v1::ASPECT_PROCESSORS, BuildWith(true, 2, 16));
  EXPECT_EQ(
      attribution.Render(),
      "attributed, by two executions for each:\n"
      "  linux/amd64 2 of stage builder (Dockerfile:7): differed with host name alone; agreed with clock and "
      "number of processors alone; agreed with nothing varied\n");
  EXPECT_EQ(attribution.Document().dump(),
            R"({"steps":[{"platform":"linux/amd64","stage_name":"builder","step":2,"without":"agrees",)"
            R"("differs_with":["host-name"],"agrees_with":["clock","processors"],"unknown_with":[]}],)"
            R"("builds":[13,14,15,16]})");
}

TEST_F(AttributionTest, WhatDiffersWithoutThemIsNotTriedFurther) {
  Attribution attribution = Made();
  attribution.Take(std::nullopt, BuildWith(false));
  EXPECT_TRUE(attribution.Singles().empty());
  EXPECT_THAT(attribution.Render(), HasSubstr("differs with nothing varied on purpose, too"));
}

TEST_F(AttributionTest, AloneNoneOfThemMayDoIt) {
  Attribution attribution = Made();
  attribution.Take(std::nullopt, BuildWith(true));
  for (const v1::Aspect aspect : {v1::ASPECT_CLOCK, v1::ASPECT_HOST_NAME, v1::ASPECT_PROCESSORS})
    attribution.Take(aspect, BuildWith(true));
  EXPECT_THAT(
      attribution.Render(),
      HasSubstr("agreed with clock, host name and number of processors alone: it takes several, or chance"));
}

// A step that tosses a coin may agree with nothing varied and differ in any trial.
TEST_F(AttributionTest, WhatChanceLooksLikeIsNotCalledAnEffect) {
  Attribution attribution = Made();
  attribution.Take(std::nullopt, BuildWith(true));
  attribution.Take(v1::ASPECT_CLOCK, BuildWith(false));
  attribution.Take(v1::ASPECT_HOST_NAME, BuildWith(false));
  attribution.Take(v1::ASPECT_PROCESSORS, BuildWith(true));
  EXPECT_THAT(
      attribution.Render(),
      HasSubstr("differed with clock and host name alone; agreed with number of processors alone; agreed "
                "with nothing varied; what differs with several may differ by chance\n"));
}

// A trial that failed, or in which there was one execution only.
TEST_F(AttributionTest, WhatWasNotComparedIsNotKnown) {
  Attribution attribution = Made();
  attribution.Take(std::nullopt, v1::BuildView());
  EXPECT_EQ(attribution.Singles().size(), 3u) << "it may agree without them";
  attribution.Take(v1::ASPECT_CLOCK, BuildWith(true, 1));
  attribution.Take(v1::ASPECT_HOST_NAME, BuildWith(false));
  const std::string text = attribution.Render();
  EXPECT_THAT(text, HasSubstr("differed with host name alone"));
  EXPECT_THAT(text, HasSubstr("with nothing varied it could not be compared"));
  EXPECT_THAT(text, HasSubstr("with clock it could not be compared"));
}

TEST_F(AttributionTest, WhereNothingDiffersThereIsNothingToAttribute) {
  EXPECT_TRUE(Attribution(BuildWith(true), submitted_).empty());
}

}  // namespace
}  // namespace crossmill::cli
