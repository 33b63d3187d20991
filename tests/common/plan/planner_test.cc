// Golden cases: each folder below tests/golden/plans holds a Dockerfile, maybe options.json (platforms,
// arguments, target, epoch, keep_times, network, bases), and the plan as text, or its first error.
#include "common/plan/planner.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "tests/support/golden.h"

namespace crossmill::plan {
namespace {

constexpr char kBaseConfig[] = R"({"architecture":"amd64","os":"linux","config":{
  "Env":["PATH=/usr/local/bin:/usr/bin:/bin","LANG=C.UTF-8"],"Cmd":["python3"],"WorkingDir":"/"},
  "created":"2023-11-01T00:00:00Z","history":[{"created":"2023-11-01T00:00:00Z","created_by":"base"}],
  "rootfs":{"type":"layers","diff_ids":["sha256:aa"]}})";

v1::Platform Parse(std::string_view text) { return *ParsePlatform(text); }

struct Case {
  v1::Recipe recipe;
  PlanOptions options;
  Json bases = Json::object();
};

Case MakeCase(std::string_view dockerfile, const Json& settings = Json::object()) {
  Case made;
  made.recipe.set_dockerfile(std::string(dockerfile));
  made.recipe.set_dockerfile_name("Dockerfile");
  made.recipe.set_target(settings.value("target", ""));
  for (const std::string& text : settings.value("platforms", std::vector<std::string>{"linux/amd64"})) {
    made.options.platforms.push_back(Parse(text));
  }
  made.options.build_platform = Parse("linux/amd64");
  const Json arguments = settings.value("arguments", Json::object());
  for (const auto& [name, value] : arguments.items()) {
    v1::BuildArgument& argument = *made.recipe.add_build_arguments();
    argument.set_name(name);
    argument.set_value(value.get<std::string>());
  }
  if (settings.contains("epoch")) made.options.source_date_epoch = settings["epoch"].get<int64_t>();
  made.options.keep_times = settings.value("keep_times", false);
  made.options.network =
      settings.value("network", "host") == "none" ? v1::NETWORK_MODE_NONE : v1::NETWORK_MODE_HOST;
  made.bases = settings.value("bases", Json::object());
  return made;
}

absl::StatusOr<v1::BuildPlan> Plan(const Case& wanted) {
  std::vector<v1::PinnedImage> pinned;
  while (true) {
    auto needs = FindBases(wanted.recipe, wanted.options, pinned);
    if (!needs.ok()) return needs.status();
    if (needs->size() == pinned.size()) return MakePlan(wanted.recipe, wanted.options, pinned);
    for (size_t i = pinned.size(); i < needs->size(); ++i) {
      const BaseNeed& need = (*needs)[i];
      v1::PinnedImage& image = pinned.emplace_back();
      image.set_reference(need.reference);
      *image.mutable_platform() = need.platform;
      image.set_manifest_digest("sha256:" + Sha256Hex(need.reference + FormatPlatform(need.platform)));
      image.set_config(wanted.bases.contains(need.reference) ? WriteJson(wanted.bases[need.reference])
                                                             : kBaseConfig);
      image.set_newest_time(1'700'000'000 + static_cast<int64_t>(pinned.size()));
    }
  }
}

// Configs are shown indented, bases without their bytes.
std::string Dump(v1::BuildPlan plan) {
  std::string configs;
  for (int i = 0; i < plan.stages_size(); ++i) {
    const auto config = ParseJson(plan.stages(i).config());
    EXPECT_TRUE(config.ok()) << config.status();
    configs += fmt::format("config of stage {}: {}\n", i, WriteJsonPretty(*config));
    plan.mutable_stages(i)->clear_config();
  }
  for (v1::PinnedImage& base : *plan.mutable_bases()) base.clear_config();
  std::string text;
  google::protobuf::TextFormat::PrintToString(plan, &text);
  return text + configs;
}

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const auto& entry : std::filesystem::directory_iterator(CROSSMILL_GOLDEN_FOLDER "/plans")) {
    if (entry.is_directory()) cases.push_back(entry.path().filename());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

class PlanGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(PlanGoldenTest, ExpandsAsExpected) {
  const std::string folder = std::string(CROSSMILL_GOLDEN_FOLDER "/plans/") + GetParam();
  const auto text = ReadFile(folder + "/Dockerfile");
  ASSERT_TRUE(text.ok()) << text.status();
  Json settings = Json::object();
  if (Exists(folder + "/options.json")) {
    const auto read = ReadFile(folder + "/options.json");
    ASSERT_TRUE(read.ok());
    const auto parsed = ParseJson(*read);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    settings = *parsed;
  }
  const Case wanted = MakeCase(*text, settings);
  const auto plan = Plan(wanted);
  ExpectGolden(folder, "plan",
               plan.ok() ? Dump(*plan) : fmt::format("error {}\n", Sv(plan.status().message())));
  if (plan.ok()) {
    EXPECT_EQ(plan->SerializeAsString(), Plan(wanted)->SerializeAsString());
  } else {
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PlanGoldenTest, testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

std::string PlanErrorOf(std::string_view dockerfile, const Json& settings = Json::object()) {
  const auto plan = Plan(MakeCase(dockerfile, settings));
  return plan.ok() ? "no error" : std::string(plan.status().message());
}

TEST(PlannerTest, UnreachableStagesAndTheirBasesAreLeftOut) {
  const Case wanted =
      MakeCase("FROM a AS one\nFROM b AS two\nRUN x\nFROM c\nCOPY --from=one /x /y\nRUN --network=none z\n");
  const auto needs = FindBases(wanted.recipe, wanted.options);
  ASSERT_TRUE(needs.ok()) << needs.status();
  ASSERT_EQ(needs->size(), 2u);
  EXPECT_EQ((*needs)[0].reference, "a");
  EXPECT_EQ((*needs)[1].reference, "c");
  EXPECT_EQ((*needs)[1].range.first_line(), 4u);
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages_size(), 2);
}

TEST(PlannerTest, BuildPlatformStageIsOneForAllCells) {
  const auto plan =
      Plan(MakeCase("FROM --platform=$BUILDPLATFORM a AS build\nRUN make\nFROM b\nCOPY --from=build /o /o\n",
                    {{"platforms", {"linux/amd64", "linux/arm64", "linux/arm/v7"}}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages_size(), 4);
  EXPECT_EQ(plan->cells_size(), 3);
  EXPECT_EQ(plan->stages(0).exports_size(), 1);
  EXPECT_EQ(plan->bases_size(), 4);
}

TEST(PlannerTest, BuildPlatformStageThatLooksAtTheTargetIsOnePerCell) {
  const auto plan =
      Plan(MakeCase("FROM --platform=$BUILDPLATFORM a AS build\nARG TARGETARCH\nRUN make $TARGETARCH\nFROM "
                    "b\nCOPY --from=build /o /o\n",
                    {{"platforms", {"linux/amd64", "linux/arm64"}}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages_size(), 4);
  EXPECT_EQ(plan->stages(2).steps(1).run().env(2), "TARGETARCH=arm64");
  EXPECT_EQ(FormatPlatform(plan->stages(2).platform()), "linux/amd64");
}

TEST(PlannerTest, RepeatedPlatformIsOneCell) {
  const auto plan = Plan(MakeCase("FROM a\n", {{"platforms", {"linux/arm64", "linux/arm64/v8"}}}));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->cells_size(), 1);
}

TEST(PlannerTest, LayersClampOneSecondApartThroughFromStage) {
  const auto plan = Plan(MakeCase("FROM a AS x\nWORKDIR /w\nENV A=1\nRUN y\nFROM x\nCOPY a /b\n"));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->epoch(), 1'700'000'001);
  EXPECT_EQ(plan->stages(0).steps(0).clamp_time(), 1'700'000'002);
  EXPECT_EQ(plan->stages(0).steps(1).clamp_time(), 0);
  EXPECT_EQ(plan->stages(0).steps(2).clamp_time(), 1'700'000'003);
  EXPECT_EQ(plan->stages(1).steps(0).clamp_time(), 1'700'000'004);
}

TEST(PlannerTest, StrictEpochClampsEveryLayerToItself) {
  const auto plan = Plan(MakeCase("FROM a\nRUN x\nRUN y\n", {{"epoch", 5}}));
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->strict_epoch());
  EXPECT_EQ(plan->stages(0).steps(1).clamp_time(), 5);
  const auto by_argument = Plan(MakeCase("FROM a\nRUN x\n", {{"arguments", {{"SOURCE_DATE_EPOCH", "7"}}}}));
  ASSERT_TRUE(by_argument.ok());
  EXPECT_EQ(by_argument->stages(0).steps(0).clamp_time(), 7);
}

TEST(PlannerTest, ProxyArgumentsStayOutOfEnvironmentAndHistory) {
  const auto plan =
      Plan(MakeCase("FROM a\nRUN x\n", {{"arguments", {{"HTTPS_PROXY", "http://p"}, {"Other", "x"}}}}));
  ASSERT_TRUE(plan.ok());
  const v1::Run& run = plan->stages(0).steps(0).run();
  EXPECT_EQ(run.env_size(), 2);
  // In both cases, as programs differ in which they look for.
  ASSERT_EQ(run.proxy_env_size(), 2);
  EXPECT_EQ(run.proxy_env(0), "HTTPS_PROXY=http://p");
  EXPECT_EQ(run.proxy_env(1), "https_proxy=http://p");
  EXPECT_EQ(plan->stages(0).config().find("http://p"), std::string::npos);
  ASSERT_EQ(plan->warnings_size(), 1);
  EXPECT_EQ(plan->warnings(0), "build argument 'Other' is not used: no ARG declares it");
}

TEST(PlannerTest, SuggestionOfAnUnknownImageIsTheStageMeant) {
  const Case wanted = MakeCase("FROM a AS builder\nFROM b\nCOPY --from=bulider /x /y\n");
  const auto needs = FindBases(wanted.recipe, wanted.options);
  ASSERT_TRUE(needs.ok());
  ASSERT_EQ(needs->size(), 2u);
  EXPECT_EQ((*needs)[1].reference, "bulider");
  EXPECT_EQ((*needs)[1].suggestion, "; did you mean builder?");
  EXPECT_EQ((*needs)[1].range.first_line(), 3u);
}

TEST(PlannerTest, TargetThatIsNoStageListsTheStages) {
  EXPECT_EQ(
      PlanErrorOf("FROM a AS build\nFROM b\nFROM c AS test\n", {{"target", "tset"}}),
      "Dockerfile: target stage 'tset' not found; did you mean test?; expected one of: build, stage-1, test");
  EXPECT_EQ(PlanErrorOf("FROM a AS build\nFROM b\n", {{"target", "BUILD"}}), "no error");
  EXPECT_EQ(PlanErrorOf("FROM a AS build\nFROM b\n", {{"target", "1"}}), "no error");
}

TEST(PlannerTest, WhatTheFarmRefusesIsNamedWithPlaceAndReason) {
  EXPECT_EQ(
      PlanErrorOf("FROM a\nRUN --security=insecure x\n"),
      "Dockerfile:2:5: RUN --security=insecure is refused: steps of this farm never run outside of their "
      "sandbox; expected --security=sandbox");
  EXPECT_EQ(PlanErrorOf("FROM a\nRUN --security=sandbx x\n"),
            "Dockerfile:2:5: RUN --security has the value 'sandbx'; expected sandbox; did you mean sandbox?");
  EXPECT_EQ(PlanErrorOf("FROM a\nRUN --security=sandbox x\n"), "no error");
  EXPECT_EQ(
      PlanErrorOf("FROM a\nRUN --device=vendor.com/gpu=0 y\n"),
      "Dockerfile:2:5: RUN --device=vendor.com/gpu=0 is refused: steps see no devices of their host, whose "
      "results would depend on it; expected RUN without --device");
  // Not in a stage that nobody needs.
  EXPECT_EQ(PlanErrorOf("FROM a AS x\nRUN --security=insecure x\nFROM b\n"), "no error");
}

TEST(PlannerTest, MistakesAreNamedWithPlaceAndExpectation) {
  // Docker's builder does not ask for the slash: an existing folder is one without it too.
  EXPECT_EQ(PlanErrorOf("FROM a\nCOPY a b /c\n"), "no error");
  EXPECT_EQ(PlanErrorOf("FROM a\nCOPY a b .\n"), "no error");
  EXPECT_EQ(PlanErrorOf("FROM a\nCOPY --chmod=9 a b\n"),
            "Dockerfile:2:6: --chmod has the value '9'; expected an octal mode up to 07777, or one such as "
            "u=rwX,go=rX");
  EXPECT_EQ(PlanErrorOf("FROM a\nCOPY x []a] b/\n"),
            "Dockerfile:2:8: pattern '[]a]' has a ']' where a class needs a character; expected '\\]'");
  EXPECT_EQ(PlanErrorOf("FROM a\nRUN --network=bridge x\n"),
            "Dockerfile:2:5: RUN --network has the value 'bridge'; expected default, none or host");
  EXPECT_EQ(PlanErrorOf("FROM a\nRUN --network=host x\n", {{"network", "none"}}),
            "Dockerfile:2:5: RUN --network=host in a build without network; expected the build to be "
            "submitted with "
            "--network=host");
  EXPECT_EQ(PlanErrorOf("FROM a\nENV A=\"${B:?set it}\"\n"), "Dockerfile:2:5: B: set it");
  EXPECT_EQ(PlanErrorOf("FROM a\nEXPOSE 80/http\n"),
            "Dockerfile:2:8: unknown protocol 'http' in '80/http'; expected tcp, udp or sctp");
  EXPECT_EQ(PlanErrorOf("FROM a\nEXPOSE 99999\n"),
            "Dockerfile:2:8: '99999' is not a port; expected PORT[-PORT][/tcp|/udp|/sctp]");
  EXPECT_EQ(
      PlanErrorOf("FROM a\nSTOPSIGNAL SIGNOPE\n"),
      "Dockerfile:2:12: unknown signal 'SIGNOPE'; expected a name such as SIGTERM or a number from 1 to 64");
  EXPECT_EQ(PlanErrorOf("FROM a\nHEALTHCHECK --interval=5 CMD x\n"),
            "Dockerfile:2:13: --interval: '5' is not a duration; expected a number with a unit, such as 30s, "
            "500ms or "
            "1m30s");
  EXPECT_EQ(
      PlanErrorOf("FROM $X\n"),
      "Dockerfile:1:6: '$X' is empty after expansion; expected a value (only ARGs before the first FROM and "
      "automatic platform arguments count here)");
  EXPECT_EQ(
      PlanErrorOf("FROM --platform=x/y/z/w a\n"),
      "Dockerfile:1:6: 'x/y/z/w' is not a platform; expected OS/ARCHITECTURE[/VARIANT], such as linux/arm64");
  EXPECT_EQ(PlanErrorOf("FROM Debian:12\n"),
            "Dockerfile:1:6: 'Debian:12' is neither an earlier stage nor an image reference; expected a "
            "stage name or "
            "[REGISTRY/]NAME[:TAG][@DIGEST] in lower case");
}

// The image config of the last stage, as JSON text.
std::string ConfigOf(std::string_view dockerfile, const Json& settings = Json::object()) {
  const auto plan = Plan(MakeCase(dockerfile, settings));
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? plan->stages(plan->stages_size() - 1).config() : "";
}

TEST(PlannerTest, EmptyUserIsRootAgain) {
  const auto plan = Plan(MakeCase("FROM a\nUSER app\nRUN x\nUSER $NOPE\nRUN y\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(0).steps(1).run().user(), "app");
  EXPECT_EQ(plan->stages(0).steps(3).run().user(), "");
  EXPECT_EQ(plan->stages(0).config().find("\"User\""), std::string::npos);
  EXPECT_NE(plan->stages(0).config().find(R"("created_by":"USER ")"), std::string::npos);
}

TEST(PlannerTest, WorkdirIsAsWrittenInTheConfigOnly) {
  const std::string dockerfile = "FROM a\nWORKDIR /tmp/\nRUN x\nCOPY f .\n";
  const auto plan = Plan(MakeCase(dockerfile));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::StagePlan& stage = plan->stages(0);
  EXPECT_NE(stage.config().find(R"("WorkingDir":"/tmp/")"), std::string::npos);
  EXPECT_NE(stage.config().find(R"("created_by":"WORKDIR /tmp/")"), std::string::npos);
  // Steps, and with them keys, are as without it.
  EXPECT_EQ(stage.steps(0).workdir().path(), "/tmp");
  EXPECT_EQ(stage.steps(1).run().cwd(), "/tmp");
  EXPECT_EQ(stage.steps(2).copy().destination(), "/tmp/");
  EXPECT_NE(ConfigOf("FROM a\nWORKDIR /tmp/\nWORKDIR x/\n").find(R"("WorkingDir":"/tmp/x")"),
            std::string::npos);
  EXPECT_NE(ConfigOf("FROM a\nWORKDIR /tmp/\nWORKDIR $NOPE\n").find(R"("WorkingDir":"/tmp/")"),
            std::string::npos);
  EXPECT_NE(ConfigOf("FROM a\nWORKDIR /a/b/.\n").find(R"("WorkingDir":"/a/b/.")"), std::string::npos);
  EXPECT_NE(ConfigOf("FROM a\nWORKDIR /a/../b/\n").find(R"("WorkingDir":"/b")"), std::string::npos);
  EXPECT_NE(ConfigOf("FROM a\nWORKDIR /a/..\n").find(R"("WorkingDir":"/")"), std::string::npos);
  // A base's own.
  const Json settings = {{"bases", {{"a", {{"config", {{"WorkingDir", "/srv/"}}}}}}}};
  EXPECT_NE(ConfigOf("FROM a\nENV A=1\n", settings).find(R"("WorkingDir":"/srv/")"), std::string::npos);
}

TEST(PlannerTest, HostNameOfStepsIsABuildArgument) {
  const char* dockerfile = "FROM a\nRUN x\n";
  auto plan = Plan(MakeCase(dockerfile, {{"arguments", {{"BUILDKIT_SANDBOX_HOSTNAME", "build.example"}}}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(0).steps(0).run().hostname(), "build.example");
  EXPECT_EQ(plan->warnings_size(), 0);
  EXPECT_EQ(Plan(MakeCase(dockerfile))->stages(0).steps(0).run().hostname(), "");
  for (const std::string& bad : {std::string("a b"), std::string("a\nb"), std::string(65, 'x')}) {
    const std::string error = PlanErrorOf(dockerfile, {{"arguments", {{"BUILDKIT_SANDBOX_HOSTNAME", bad}}}});
    EXPECT_NE(error.find("BUILDKIT_SANDBOX_HOSTNAME has the value"), std::string::npos) << error;
  }
}

TEST(PlannerTest, CacheWithASourceAndNoFromIsAPartOfTheCache) {
  const auto plan = Plan(MakeCase(
      "FROM a\nRUN --mount=type=cache,id=x,source=sub/../d,target=/c,uid=7,mode=0700 y\n"
      "RUN --mount=type=cache,id=x,target=/c y\nRUN --mount=type=cache,id=x,source=/,uid=7,target=/c y\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::RunMount& part = plan->stages(0).steps(0).run().mounts(0);
  EXPECT_EQ(part.cache_path(), "/d");
  EXPECT_FALSE(part.has_source());
  // It is the same cache as the one without source: owner and mode are what they are there.
  const v1::RunMount& whole = plan->stages(0).steps(1).run().mounts(0);
  EXPECT_EQ(part.uid(), whole.uid());
  EXPECT_EQ(part.mode(), whole.mode());
  EXPECT_EQ(part.id(), whole.id());
  EXPECT_EQ(whole.cache_path(), "");
  EXPECT_EQ(plan->stages(0).steps(2).run().mounts(0).cache_path(), "");
  EXPECT_EQ(plan->stages(0).steps(2).run().mounts(0).uid(), 7u);
}

TEST(PlannerTest, StageWithoutNameIsCalledByItsNumber) {
  const char* dockerfile = "FROM a\nRUN x\nFROM b AS two\nRUN y\nFROM c\nCOPY --from=0 /x /x\n";
  const auto plan = Plan(MakeCase(dockerfile));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->stages_size(), 2);
  EXPECT_EQ(plan->stages(0).name(), "stage-0");
  EXPECT_EQ(plan->stages(1).name(), "stage-2");
  // What displays call it is a target too; a stage of that name comes first.
  for (const char* target : {"stage-0", "STAGE-0", "0"}) {
    const auto first = Plan(MakeCase(dockerfile, {{"target", target}}));
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(first->stages(0).name(), "stage-0") << target;
  }
  const auto named = Plan(MakeCase("FROM a\nFROM b AS stage-0\nFROM c\n", {{"target", "stage-0"}}));
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->bases(0).reference(), "b");
}

TEST(PlannerTest, BasesThatDoNotFitAreRefused) {
  const Case wanted = MakeCase("FROM a\n");
  EXPECT_EQ(MakePlan(wanted.recipe, wanted.options, {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(PlannerTest, TriggersOfImagesFindImagesAndStagesOfTheirOwn) {
  // a's trigger copies from tools (an image whose own triggers do not fire) and from stage x, which nothing
  // else reaches and whose base has a trigger that mounts from another image.
  Json settings = {{"bases",
                    {{"a", {{"config", {{"OnBuild", {"COPY --from=tools /t /t", "COPY --from=x /x /x"}}}}}},
                     {"b", {{"config", {{"OnBuild", {"RUN --mount=from=more,target=/m use /m"}}}}}},
                     {"tools", {{"config", {{"OnBuild", {"COPY --from=never /n /n"}}}}}}}}};
  const auto plan = Plan(MakeCase("FROM b AS x\nRUN one\nFROM a\nRUN two\n", settings));
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::vector<std::string> bases;
  for (const v1::PinnedImage& base : plan->bases()) bases.push_back(base.reference());
  EXPECT_EQ(bases, (std::vector<std::string>{"a", "b", "tools", "more"}));
  const v1::StagePlan& target = plan->stages(static_cast<int>(plan->cells(0).target_stage()));
  ASSERT_EQ(target.steps_size(), 3);
  EXPECT_EQ(target.steps(0).text(), "COPY --from=tools /t /t");
  EXPECT_EQ(target.steps(0).range().first_line(), 3u);
  EXPECT_EQ(target.steps(1).copy().sources(0).export_().stage(), 1u);
  EXPECT_EQ(plan->stages(0).name(), "more");
  EXPECT_EQ(plan->stages(1).name(), "x");
  EXPECT_EQ(plan->stages(1).steps(0).run().mounts(0).source().export_().stage(), 0u);
}

TEST(PlannerTest, KnownBasesAreTheBeginningOfWhatIsFound) {
  const Case wanted = MakeCase("FROM a\nFROM b\nCOPY --from=c /x /y\n");
  const auto first = FindBases(wanted.recipe, wanted.options);
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->size(), 2u);
  std::vector<v1::PinnedImage> known(2);
  known[0].set_config(R"({"config":{"OnBuild":["COPY --from=d /d /d"]}})");
  known[1].set_config("{}");
  const auto second = FindBases(wanted.recipe, wanted.options, known);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->size(), 3u);
  EXPECT_EQ((*second)[0].reference, "b");
  EXPECT_EQ((*second)[1].reference, "c");
  EXPECT_EQ((*second)[2].reference, "d");
  EXPECT_EQ((*second)[2].range.first_line(), 2u);
  EXPECT_EQ(MakePlan(wanted.recipe, wanted.options, known).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(PlannerTest, TriggersAreOnlyInstructionsThatMayBe) {
  Json config = {{"config", {{"OnBuild", {"FROM x"}}}}};
  EXPECT_EQ(PlanErrorOf("FROM a\n", {{"bases", {{"a", config}}}}),
            "Dockerfile:1:1: ONBUILD trigger of the base: FROM cannot be a trigger");
  config["config"]["OnBuild"] = {"COPY --chmod=9 a b"};
  EXPECT_EQ(PlanErrorOf("FROM a\n", {{"bases", {{"a", config}}}}),
            "Dockerfile:1:1: --chmod has the value '9'; expected an octal mode up to 07777, or one such as "
            "u=rwX,go=rX");
}

TEST(PlannerTest, VariablesThatDoubleAreStopped) {
  std::string text = "FROM a\nENV X=" + std::string(60'000, 'x') + "\n";
  for (int i = 0; i < 30; ++i) text += fmt::format("ENV Y{}=$X$X$X$X$X$X$X$X\n", i);
  EXPECT_NE(PlanErrorOf(text).find("expected at most 8 MiB together"), std::string::npos);
}

}  // namespace
}  // namespace crossmill::plan
