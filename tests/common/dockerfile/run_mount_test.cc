// RUN --mount: keys, defaults, what is refused, and what a plan makes of it.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/dockerfile/go_format.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"

namespace crossmill::dockerfile {
namespace {

absl::StatusOr<v1::BuildPlan> Plan(const std::string& dockerfile,
                                   const std::map<std::string, std::string>& arguments = {}) {
  v1::Recipe recipe;
  recipe.set_dockerfile(dockerfile);
  for (const auto& [name, value] : arguments) {
    v1::BuildArgument& argument = *recipe.add_build_arguments();
    argument.set_name(name);
    argument.set_value(value);
  }
  plan::PlanOptions options;
  options.platforms = {*ParsePlatform("linux/amd64")};
  options.build_platform = options.platforms[0];
  auto needs = plan::FindBases(recipe, options);
  if (!needs.ok()) return needs.status();
  std::vector<v1::PinnedImage> bases(needs->size());
  for (size_t i = 0; i < bases.size(); ++i) {
    bases[i].set_reference((*needs)[i].reference);
    bases[i].set_config("{}");
  }
  return plan::MakePlan(recipe, options, bases);
}

// The mount of the last stage's last step, on one line.
std::string MountOf(const std::string& flag, const std::string& before = "") {
  const auto plan = Plan("FROM scratch AS tools\nRUN t\nFROM scratch\nWORKDIR /w\n" + before +
                         "RUN --mount=" + flag + " x\n");
  if (!plan.ok()) return std::string(plan.status().message());
  const v1::StagePlan& stage = plan->stages(plan->stages_size() - 1);
  const v1::Run& run = stage.steps(stage.steps_size() - 1).run();
  if (run.mounts_size() != 1) return "not one mount";
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(run.mounts(0), &text);
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

TEST(RunMountTest, KeysAndDefaultsAreTheBuilders) {
  const std::pair<const char*, const char*> cases[] = {
      {"target=/t",
       R"(type: TYPE_BIND target: "/t" read_only: true source { text: "." context_pattern { pattern: "/" } })"},
      // Relative to WORKDIR; without a target that itself.
      {"target=t",
       R"(type: TYPE_BIND target: "/w/t" read_only: true source { text: "." context_pattern { pattern: "/" } })"},
      {"type=bind",
       R"(type: TYPE_BIND target: "/w" read_only: true source { text: "." context_pattern { pattern: "/" } })"},
      {"TYPE=Bind,dst=/t,src=a*b,rw",
       R"(type: TYPE_BIND target: "/t" source { text: "a*b" context_pattern { pattern: "/a\\*b" } })"},
      {"destination=/t,source=../a/./b/,readonly=false",
       R"(type: TYPE_BIND target: "/t" source { text: "../a/./b/" context_pattern { pattern: "/a/b" } })"},
      {"target=/t,readwrite=0",
       R"(type: TYPE_BIND target: "/t" read_only: true source { text: "." context_pattern { pattern: "/" } })"},
      {"target=/t,from=tools,source=/bin",
       R"(type: TYPE_BIND target: "/t" read_only: true source { text: "/bin" export { export { pattern: "/bin" } } })"},
      {"target=/t,from=0",
       R"(type: TYPE_BIND target: "/t" read_only: true source { text: "." export { export { pattern: "/" } } })"},
      {"target=/t,from=scratch,rw", R"(type: TYPE_BIND target: "/t")"},
      {"type=cache,target=/root/.cache/",
       R"(type: TYPE_CACHE target: "/root/.cache" id: "/root/.cache" mode: 493)"},
      {"type=cache,target=c", R"(type: TYPE_CACHE target: "/w/c" id: "c" mode: 493)"},
      {"type=cache,target=/c,id=pip,sharing=LOCKED,mode=0700,uid=1000,gid=100",
       R"(type: TYPE_CACHE target: "/c" id: "pip" sharing: SHARING_LOCKED mode: 448 uid: 1000 gid: 100)"},
      {"type=cache,target=/c,sharing=private,ro",
       R"(type: TYPE_CACHE target: "/c" read_only: true id: "/c" sharing: SHARING_PRIVATE mode: 493)"},
      {"type=cache,target=/c,from=tools,source=/seed",
       R"(type: TYPE_CACHE target: "/c" source { text: "/seed" export { export { pattern: "/seed" } } } id: "/c" mode: 493)"},
      // With an owner a cache begins empty.
      {"type=cache,target=/c,from=tools,uid=5", R"(type: TYPE_CACHE target: "/c" id: "/c" mode: 493 uid: 5)"},
      {"type=tmpfs,target=/t", R"(type: TYPE_TMPFS target: "/t")"},
      {"type=tmpfs,target=/t,size=64m", R"(type: TYPE_TMPFS target: "/t" size: 67108864)"},
      {"type=secret,id=key",
       R"(type: TYPE_SECRET target: "/run/secrets/key" read_only: true id: "key" mode: 256)"},
      {"type=secret,source=a/key",
       R"(type: TYPE_SECRET target: "/run/secrets/key" read_only: true id: "a/key" mode: 256)"},
      {"type=secret,target=/root/.netrc,required",
       R"(type: TYPE_SECRET target: "/root/.netrc" read_only: true id: ".netrc" required: true mode: 256)"},
      {"type=secret,id=k,env=TOKEN", R"(type: TYPE_SECRET read_only: true id: "k" env: "TOKEN" mode: 256)"},
      {"type=secret,id=k,env=TOKEN,target=t,mode=0444,uid=1,gid=2,required=true",
       R"(type: TYPE_SECRET target: "/w/t" read_only: true id: "k" required: true env: "TOKEN" mode: 292 uid: 1 gid: 2)"},
      {"type=ssh",
       R"(type: TYPE_SSH target: "/run/buildkit/ssh_agent.0" read_only: true id: "default" mode: 384)"},
      {"type=ssh,id=git,target=/agent,required=1,mode=0666",
       R"(type: TYPE_SSH target: "/agent" read_only: true id: "git" required: true mode: 438)"},
      // Quotes hold blanks and commas together.
      {R"("type=tmpfs,target=/a b")", R"(type: TYPE_TMPFS target: "/a b")"},
      {R"(type=tmpfs,\"target=/a,b\")", R"(type: TYPE_TMPFS target: "/a,b")"},
  };
  for (const auto& [flag, expected] : cases) EXPECT_EQ(MountOf(flag), expected) << flag;
}

TEST(RunMountTest, VariablesAreExpandedButInFrom) {
  EXPECT_EQ(MountOf("type=$T,target=${D}/x,id=$T", "ARG T=cache\nENV D=/d\n"),
            R"(type: TYPE_CACHE target: "/d/x" id: "cache" mode: 493)");
  EXPECT_EQ(
      MountOf("target=/t,from=$X", "ARG X=tools\n"),
      "Dockerfile:6:23: variables are not expanded in from=; expected a stage, a build context or an image "
      "(define a stage with FROM and an ARG before the first FROM instead)");
}

TEST(RunMountTest, MistakesAreNamedWithPlaceAndExpectation) {
  const std::pair<const char*, const char*> cases[] = {
      {"type=cach,target=/t", "Dockerfile:5:13: --mount: unknown type 'cach'; did you mean cache?"},
      {"type=volume,target=/t",
       "Dockerfile:5:13: --mount: unknown type 'volume'; expected one of bind, cache, tmpfs, secret, ssh"},
      {"type=cache,tagret=/t", "Dockerfile:5:24: --mount: unknown key 'tagret'; did you mean target?"},
      {"type=cache,target", "Dockerfile:5:24: --mount: target has no value; expected target=VALUE"},
      {"type=cache,target=/t,sharing=locket",
       "Dockerfile:5:34: --mount: unknown sharing 'locket'; did you mean locked?"},
      {"target=/t,sharing=locked",
       "Dockerfile:5:5: --mount: sharing does not belong to type=bind; expected it with type=cache"},
      {"target=/t,rw=maybe", "Dockerfile:5:23: --mount: rw has the value 'maybe'; expected true or false"},
      {"target=/t,mode=0700",
       "Dockerfile:5:5: --mount: mode does not belong to type=bind; expected it with type=cache, type=secret "
       "or "
       "type=ssh"},
      {"type=cache,target=/t,mode=9",
       "Dockerfile:5:34: --mount: mode has the value '9'; expected an octal mode, such as 0400"},
      {"type=cache,target=/t,uid=root",
       "Dockerfile:5:34: --mount: uid has the value 'root'; expected a number"},
      {"type=cache,target=/t,uid=4294967296",
       "Dockerfile:5:34: --mount: uid has the value '4294967296'; expected a number"},
      {"type=tmpfs,target=/t,size=big",
       "Dockerfile:5:34: --mount: size has the value 'big'; expected a number of bytes, such as 64m or 1g"},
      {"target=/t,size=1",
       "Dockerfile:5:23: --mount: size does not belong to type=bind; expected it with type=tmpfs (type= "
       "comes "
       "before it)"},
      {"required,type=secret,id=x",
       "Dockerfile:5:13: --mount: required does not belong to type=bind; expected it with type=secret or "
       "type=ssh "
       "(type= comes before it)"},
      {"type=cache,target=/t,env=A",
       "Dockerfile:5:34: --mount: env does not belong to type=cache; expected it with type=secret (type= "
       "comes "
       "before it)"},
      {"type=secret", "Dockerfile:5:5: --mount: the secret has no name; expected id=NAME or target=PATH"},
      {"type=secret,id=a,source=b",
       "Dockerfile:5:5: --mount: the secret has both source and id; expected one of them"},
      {"type=secret,id=a,from=tools",
       "Dockerfile:5:5: --mount: a secret has no from; expected only id, target or env"},
      {"type=ssh,source=x",
       "Dockerfile:5:5: --mount: an ssh agent has no source; expected id=NAME or nothing"},
      {"target=/", "Dockerfile:5:5: --mount: the target is '/'; expected a path below it (target=PATH)"},
      {"target=/t,from=scratch,source=/x",
       "Dockerfile:5:5: --mount: there is no '/x' in scratch; expected a from= that has it"},
      {"target=/t,from=Tolls",
       "Dockerfile:5:23: 'Tolls' is neither an earlier stage nor an image reference; did you mean tools?"},
      {"target=/t,from=7",
       "Dockerfile:5:23: stage 7 is not before this stage; expected a number from 0 to 0"},
      {"", "Dockerfile:5:5: --mount has the value ''; expected KEY=VALUE,KEY=VALUE..."},
  };
  for (const auto& [flag, expected] : cases) EXPECT_EQ(MountOf(flag), expected) << flag;
}

TEST(RunMountTest, StagesAndImagesThatOnlyMountsNeedArePlanned) {
  const auto plan = Plan(
      "FROM scratch AS tools\nRUN t\nFROM scratch AS unused\nRUN u\nFROM scratch\n"
      "RUN --mount=from=tools,source=/bin,target=/b --mount=type=cache,from=seed:1,target=/c,id=i x\n");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->stages_size(), 3);
  EXPECT_EQ(plan->stages(0).exports(0).pattern(), "/bin");
  EXPECT_EQ(plan->stages(1).name(), "seed:1");
  EXPECT_EQ(plan->stages(1).exports(0).pattern(), "/");
  ASSERT_EQ(plan->bases_size(), 1);
  // Mounts are no part of an image's history, but of what is shown.
  const v1::StagePlan& target = plan->stages(2);
  EXPECT_NE(target.config().find(R"("created_by":"RUN /bin/sh -c x # buildkit")"), std::string::npos);
  EXPECT_EQ(target.steps(0).text(),
            "RUN --mount=from=tools,source=/bin,target=/b --mount=type=cache,from=seed:1,target=/c,id=i x");
}

TEST(RunMountTest, CacheNamespaceKeepsCachesApart) {
  const auto plan =
      Plan("FROM scratch\nRUN --mount=type=cache,target=/c x\n", {{"BUILDKIT_CACHE_MOUNT_NS", "ci"}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(0).steps(0).run().mounts(0).id(), "ci//c");
  EXPECT_EQ(plan->warnings_size(), 0);
}

TEST(RunMountTest, AgentsWithoutTargetAreNumbered) {
  const auto plan = Plan("FROM scratch\nRUN --mount=type=ssh,target=/s --mount=type=ssh,id=b x\n");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(0).steps(0).run().mounts(1).target(), "/run/buildkit/ssh_agent.1");
}

TEST(GoFormatTest, ByteCountsAreReadAsDockerDoes) {
  const std::pair<const char*, std::optional<int64_t>> cases[] = {
      {"0", 0},       {"32", 32},          {"32b", 32},       {"1k", 1024},      {"1KB", 1024},
      {"1KiB", 1024}, {"1.5 kb", 1536},    {"64m", 64 << 20}, {"2g", 2LL << 30}, {"1t", 1LL << 40},
      {"", {}},       {"m", {}},           {"-1", {}},        {"1x", {}},        {"1kbb", {}},
      {"1bb", {}},    {"9999999999p", {}}, {"1e3", {}},       {" ", {}}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(ParseByteCount(text), bytes) << text;
}

TEST(GoFormatTest, CsvRecordsHaveQuotedFields) {
  using Fields = std::vector<std::string>;
  EXPECT_EQ(ReadCsvRecord("a=b,c"), (Fields{"a=b", "c"}));
  EXPECT_EQ(ReadCsvRecord("\"a,b\",c,"), (Fields{"a,b", "c", ""}));
  EXPECT_EQ(ReadCsvRecord("\"a\"\"b\""), (Fields{"a\"b"}));
  EXPECT_FALSE(ReadCsvRecord(""));
  EXPECT_FALSE(ReadCsvRecord("a\"b"));
  EXPECT_FALSE(ReadCsvRecord("\"a"));
  EXPECT_FALSE(ReadCsvRecord("\"a\"b"));
}

}  // namespace
}  // namespace crossmill::dockerfile
