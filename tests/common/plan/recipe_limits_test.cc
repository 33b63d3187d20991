#include "common/plan/recipe_limits.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

class RecipeLimitsTest : public ::testing::Test {
 protected:
  RecipeLimitsTest() {
    for (const char* platform : {"linux/amd64", "linux/arm64"})
      options_.platforms.push_back(*ParsePlatform(platform));
    options_.build_platform = options_.platforms[0];
  }

  // What is wrong, or nothing.
  std::string Problem(std::string_view dockerfile) {
    recipe_.set_dockerfile(std::string(dockerfile));
    pattern::Effort effort(work_);
    options_.effort = &effort;
    const auto plan = MakePlan(recipe_, options_, {});
    if (plan.ok()) return "";
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << plan.status();
    return std::string(Sv(plan.status().message()));
  }

  v1::Recipe recipe_;
  PlanOptions options_;
  int64_t work_ = pattern::Effort::kUsual;
};

TEST_F(RecipeLimitsTest, LayersAreCountedWithThoseBelow) {
  options_.limits.layers = 3;
  // What changes the image's configuration only has none, and each stage has its own.
  EXPECT_EQ(Problem("FROM scratch AS a\nRUN 1\nENV A=1\nRUN 2\nFROM a\nRUN 3\nFROM scratch\nRUN 4\n"), "");
  EXPECT_EQ(
      Problem("FROM scratch AS a\nRUN 1\nENV A=1\nRUN 2\nFROM a AS b\nRUN 3\nRUN 4\n"),
      "Dockerfile:7:1: stage b has more than 3 layers here, 2 of them from its base, which is what this "
      "farm takes; expected fewer steps: join RUN instructions, or copy what is needed out of an earlier "
      "stage");
}

TEST_F(RecipeLimitsTest, EachIsToldWithItsNumbers) {
  const std::string recipe = "FROM scratch AS a\nENV A=1\nFROM scratch\nENV B=2\nCOPY --from=a / /\n";
  EXPECT_EQ(Problem(recipe), "");
  const auto with = [&](auto set) {
    const RecipeLimits before = options_.limits;
    set(options_.limits);
    std::string problem = Problem(recipe);
    options_.limits = before;
    return problem;
  };
  EXPECT_EQ(with([](RecipeLimits& limits) { limits.dockerfile_bytes = 10; }),
            fmt::format("the Dockerfile: {} bytes; this farm takes at most 10", recipe.size()));
  EXPECT_EQ(with([](RecipeLimits& limits) { limits.stages = 1; }),
            "Dockerfile: 2 stages; this farm takes at most 1");
  EXPECT_EQ(with([](RecipeLimits& limits) { limits.instructions = 4; }),
            "Dockerfile: 5 instructions; this farm takes at most 4");
  EXPECT_EQ(with([](RecipeLimits& limits) { limits.platforms = 1; }),
            "the build: 2 platforms; this farm takes at most 1");
  EXPECT_NE(with([](RecipeLimits& limits) { limits.steps = 5; }).find("more than 5 steps"),
            std::string::npos);
  recipe_.add_build_arguments()->set_name("A");
  EXPECT_EQ(with([](RecipeLimits& limits) { limits.build_arguments = 0; }),
            "the build: 1 build arguments; this farm takes at most 0");
}

// Each of these would take gigabytes or days. What it may ask for is little: sanitizers make it thirty times
// as long.
TEST_F(RecipeLimitsTest, WhatIsSmallAndUnfoldsIsRefusedWithItsPlace) {
  work_ = 100'000'000;
  std::string doubled = "FROM scratch\nENV A=aaaaaaaaaaaaaaaa\n";
  for (int i = 0; i < 10; ++i) doubled += "ENV A=$A$A\n";
  EXPECT_EQ(Problem(doubled), "");
  std::string kept = doubled;
  for (int i = 0; i < 1000; ++i) kept += fmt::format("LABEL l{}=$A\n", i);
  EXPECT_NE(Problem(kept).find("more work than a build may ask for"), std::string::npos);
  EXPECT_NE(Problem(kept).find("Dockerfile:"), std::string::npos);

  std::string commands = doubled;
  for (int i = 0; i < 1000; ++i) commands += fmt::format("RUN {}\n", i);
  EXPECT_NE(Problem(commands).find("more work than a build may ask for"), std::string::npos);

  std::string chain = "FROM scratch AS s0\nENV A=aaaaaaaaaaaaaaaa\n";
  for (int i = 0; i < 10; ++i) chain += "ENV A=$A$A\n";
  for (int i = 1; i < 500; ++i) chain += fmt::format("FROM s{} AS s{}\n", i - 1, i);
  EXPECT_NE(Problem(chain).find("more work than a build may ask for"), std::string::npos);

  std::string globals = "ARG A=aaaaaaaaaaaaaaaa\n";
  for (int i = 0; i < 10; ++i) globals += "ARG A=$A$A\n";
  for (int i = 0; i < 1000; ++i) globals += fmt::format("ARG B{}=$A\n", i);
  EXPECT_NE(Problem(globals + "FROM scratch\n").find("more work than a build may ask for"),
            std::string::npos);

  std::string stars = doubled + "ENV B=";
  for (int i = 0; i < 2000; ++i) stars += "${A//a*a*a*a/}";
  EXPECT_NE(Problem(stars + "\n").find("more work than a build may ask for"), std::string::npos);

  std::string dropped = doubled + "ENV B=";
  for (int i = 0; i < 20'000; ++i) dropped += i % 1000 == 999 ? "${NONE+$A} \\\n C=" : "${NONE+$A}";
  EXPECT_NE(Problem(dropped + "\n").find("more work than a build may ask for"), std::string::npos);
}

// Small texts of which each round makes many copies, or looks through all that there are.
TEST_F(RecipeLimitsTest, WhatMultipliesIsRefused) {
  work_ = 200'000'000;
  std::string triggers = "FROM scratch AS base\n";
  for (int i = 0; i < 1000; ++i) triggers += "ONBUILD RUN x\n";
  for (int i = 0; i < 300; ++i) triggers += fmt::format("FROM base AS s{}\n", i);
  triggers += "FROM scratch\n";
  for (int i = 0; i < 300; ++i) triggers += fmt::format("COPY --from=s{} / /\n", i);
  EXPECT_NE(Problem(triggers).find("more work than a build may ask for"), std::string::npos);

  std::string ports = "FROM scratch\nEXPOSE";
  for (int i = 0; i < 50; ++i) ports += " 1-65535";
  EXPECT_NE(Problem(ports + "\n").find("more work than a build may ask for"), std::string::npos);

  for (const std::string keyword : {"ARG", "ENV"}) {
    std::string names = "FROM scratch\n" + keyword;
    for (int i = 0; i < 40'000; ++i) names += fmt::format(" A{}=1{}", i, i % 1000 == 999 ? " \\\n" : "");
    EXPECT_NE(Problem(names + "\n").find("more work than a build may ask for"), std::string::npos) << keyword;
  }
}

TEST_F(RecipeLimitsTest, ALargeRecipeThatPeopleWriteTakesLittle) {
  std::string recipe;
  for (int stage = 0; stage < 5; ++stage) {
    recipe += "FROM scratch\n";
    for (int i = 0; i < 40; ++i) recipe += fmt::format("ENV V{}=/opt/tools/{}/bin:/usr/bin\n", i, i);
    for (int i = 0; i < 400; ++i) recipe += fmt::format("RUN [\"/bin/tool\", \"{}\"]\n", i);
    if (stage > 0) recipe += fmt::format("COPY --from={} /made /made\n", stage - 1);
  }
  work_ = pattern::Effort::kUsual / 10;
  EXPECT_EQ(Problem(recipe), "");
}

}  // namespace
}  // namespace crossmill::plan
