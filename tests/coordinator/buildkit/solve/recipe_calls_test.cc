#include "coordinator/buildkit/solve/recipe_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json.h"
#include "common/words/platform.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

check::CheckInput Input(const std::string& dockerfile) {
  check::CheckInput input;
  input.recipe.set_dockerfile(dockerfile);
  input.recipe.set_dockerfile_name("Dockerfile");
  input.build_platform = *ParsePlatform("linux/amd64");
  input.platforms = {input.build_platform};
  return input;
}

Json Answered(const std::string& request, const check::CheckInput& input) {
  const auto answer = AnswerCall(request, input);
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok()) return {};
  EXPECT_EQ(answer->at("version"), "1.0.0");
  EXPECT_TRUE(answer->contains("result.txt"));
  return *ParseJson(answer->at("result.json"));
}

TEST(RecipeCallsTest, ChecksHaveTheirPlaceAndTheStatusOfACommand) {
  const auto answer = AnswerCall("frontend.lint", Input("from tiny:1\nRUN true\n"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->at("result.statuscode"), "1");
  const Json json = *ParseJson(answer->at("result.json"));
  ASSERT_EQ(json["warnings"].size(), 1u);
  EXPECT_EQ(json["warnings"][0]["ruleName"], "ConsistentInstructionCasing");
  EXPECT_EQ(json["warnings"][0]["location"]["ranges"][0]["start"]["line"], 1);
  EXPECT_EQ(json["sources"][0]["filename"], "Dockerfile");
}

TEST(RecipeCallsTest, TheFarmsOwnChecksAreNotThoseOfClients) {
  const auto answer = AnswerCall("frontend.lint", Input("FROM tiny\nRUN true\n"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->at("result.statuscode"), "0");
  EXPECT_TRUE((*ParseJson(answer->at("result.json")))["warnings"].empty());
}

TEST(RecipeCallsTest, ARecipeThatIsNoneIsAnErrorOfTheBuild) {
  const auto answer = AnswerCall("frontend.lint", Input("FROM tiny\nRUNN true\n"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->at("result.statuscode"), "1");
  const Json json = *ParseJson(answer->at("result.json"));
  EXPECT_EQ(json["buildError"]["location"]["ranges"][0]["start"]["line"], 2);
  EXPECT_FALSE(AnswerCall("frontend.targets", Input("RUNN\n")).ok());
}

TEST(RecipeCallsTest, TargetsHaveTheirDescriptions) {
  const Json json =
      Answered("frontend.targets",
               Input("FROM tiny AS one\n# two says what it is\nFROM --platform=linux/arm64 one AS two\n"));
  ASSERT_EQ(json["targets"].size(), 2u);
  EXPECT_EQ(json["targets"][0]["name"], "one");
  EXPECT_EQ(json["targets"][0]["default"], false);
  EXPECT_EQ(json["targets"][1]["description"], "says what it is");
  EXPECT_EQ(json["targets"][1]["default"], true);
  EXPECT_EQ(json["targets"][1]["base"], "one");
  EXPECT_EQ(json["targets"][1]["platform"], "linux/arm64");
}

TEST(RecipeCallsTest, AnOutlineIsOfTheTargetAndWhatItStandsOn) {
  check::CheckInput input = Input(
      "ARG VERSION=1\nFROM tiny AS base\nARG LEVEL\nRUN --mount=type=secret,id=key,required=true true\n"
      "FROM tiny AS other\nARG NOT_HERE\nFROM base AS app\nRUN --mount=type=ssh --mount=type=cache,target=/c "
      "true\n");
  input.recipe.set_target("app");
  auto& given = *input.recipe.add_build_arguments();
  given.set_name("LEVEL");
  given.set_value("3");
  const Json json = Answered("frontend.outline", input);
  EXPECT_EQ(json["name"], "app");
  ASSERT_EQ(json["args"].size(), 2u);
  EXPECT_EQ(json["args"][0]["name"], "VERSION");
  EXPECT_EQ(json["args"][0]["value"], "1");
  EXPECT_EQ(json["args"][1]["value"], "3");
  EXPECT_EQ(json["secrets"][0]["name"], "key");
  EXPECT_EQ(json["secrets"][0]["required"], true);
  EXPECT_EQ(json["ssh"][0]["name"], "default");
  EXPECT_EQ(json["cache"][0]["ID"], "/c");
}

TEST(RecipeCallsTest, OtherQuestionsAreRefusedInTheWordsThatClientsKnow) {
  const auto answer = AnswerCall("frontend.future", Input("FROM tiny\n"));
  EXPECT_TRUE(absl::IsUnimplemented(answer.status()));
  EXPECT_EQ(answer.status().message(), "unsupported request frontend.future");
  EXPECT_EQ(Answered("frontend.subrequests.describe", Input("")).size(), 4u);
}

TEST(RecipeCallsTest, RulesOfDockersBuilderAreExplainedThere) {
  EXPECT_EQ(RuleUrl("ConsistentInstructionCasing"),
            "https://docs.docker.com/go/dockerfile/rule/consistent-instruction-casing/");
  EXPECT_EQ(RuleUrl("JSONArgsRecommended"),
            "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
  EXPECT_EQ(RuleUrl("SecretsUsedInArgOrEnv"),
            "https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/");
  EXPECT_EQ(RuleUrl("InvalidBaseImagePlatform"), "");
  EXPECT_EQ(RuleUrl("UnpinnedBase"), "");
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
