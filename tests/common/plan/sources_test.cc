// ADD from elsewhere and named contexts: what a plan makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/plan/planner.h"
#include "common/plan/remote_source.h"
#include "common/plan/step_sources.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

struct Wanted {
  v1::Recipe recipe;
  PlanOptions options;
  std::string config = "{}";
};

Wanted Recipe(const std::string& dockerfile, const std::vector<std::string>& platforms = {"linux/amd64"}) {
  Wanted wanted;
  wanted.recipe.set_dockerfile(dockerfile);
  for (const std::string& platform : platforms) wanted.options.platforms.push_back(*ParsePlatform(platform));
  wanted.options.build_platform = *ParsePlatform("linux/amd64");
  return wanted;
}

v1::NamedContext& AddContext(Wanted& wanted, const std::string& name) {
  v1::NamedContext& context = *wanted.recipe.add_contexts();
  context.set_name(name);
  return context;
}

void AddTree(Wanted& wanted, const std::string& name) {
  ToProto(DigestOf(name), AddContext(wanted, name).mutable_tree());
}

void AddImage(Wanted& wanted, const std::string& name, const std::string& image) {
  AddContext(wanted, name).set_image(image);
}

absl::StatusOr<v1::BuildPlan> Plan(const Wanted& wanted) {
  std::vector<v1::PinnedImage> bases;
  while (true) {
    auto needs = FindBases(wanted.recipe, wanted.options, bases);
    if (!needs.ok()) return needs.status();
    if (needs->size() == bases.size()) return MakePlan(wanted.recipe, wanted.options, bases);
    for (size_t i = bases.size(); i < needs->size(); ++i) {
      bases.emplace_back().set_reference((*needs)[i].reference + ((*needs)[i].root.empty() ? "" : "@root"));
      bases.back().set_config(wanted.config);
      *bases.back().mutable_platform() = (*needs)[i].platform;
    }
  }
}

std::string ErrorOf(const Wanted& wanted) {
  const auto plan = Plan(wanted);
  return plan.ok() ? "no error" : std::string(plan.status().message());
}

std::string ErrorOf(const std::string& dockerfile) { return ErrorOf(Recipe(dockerfile)); }

TEST(RemoteSourceTest, ToldApartAsTheBuilderDoes) {
  using R = RemoteReference;
  const std::tuple<const char*, bool, R::Kind> cases[] = {
      {"a/b", false, R::kPath},
      {"./git@host:x", false, R::kPath},
      {"github.com/a/b.git", false, R::kPath},
      {"a@b", false, R::kPath},
      {"http://x.invalid/f.tar.gz", false, R::kFile},
      {"https://x.invalid/f", false, R::kFile},
      {"https://x.invalid", false, R::kFile},
      {"https://x.invalid/a.git/f", false, R::kFile},
      {"https://x.invalid/a.git", false, R::kGit},
      {"http://x.invalid/a.git#v1:sub", false, R::kGit},
      {"https://x.invalid/a.git?tag=v1&subdir=s", false, R::kGit},
      {"https://x.invalid/a", true, R::kGit},
      {"git@x.invalid:a/b", false, R::kGit},
      {"build-1@x.invalid:a/b.git#main", false, R::kGit},
      {"ssh://git@x.invalid/a/b", false, R::kGit},
      {"git://x.invalid/a", false, R::kGit},
      {"file:///etc/passwd", false, R::kPath},
  };
  for (const auto& [source, known, kind] : cases) {
    const auto reference = ReadRemoteReference(source, known);
    ASSERT_TRUE(reference.ok()) << source << ": " << reference.status();
    EXPECT_EQ(reference->kind, kind) << source;
  }
}

TEST(RemoteSourceTest, QueriesOfGitReferences) {
  const auto reference = ReadRemoteReference("https://x.invalid/a.git?keep-git-dir&commit=ab12", false);
  ASSERT_TRUE(reference.ok());
  EXPECT_EQ(reference->keep_git_dir, true);
  EXPECT_EQ(reference->checksum, "ab12");
  const std::pair<const char*, const char*> cases[] = {
      {"https://x.invalid/a.git?brnch=b",
       "unknown 'brnch' in the query of a git reference; did you mean branch?"},
      {"https://x.invalid/a.git?tag=",
       "'tag' in the query of a git reference has no value; expected tag=VALUE"},
      {"https://x.invalid/a.git?tag=a&tag=b",
       "'tag' is twice in the query of a git reference; expected it once"},
      {"https://x.invalid/a.git?ref=a#b", "git reference names two references: 'b' and 'a'; expected one"},
      {"https://x.invalid/a.git?tag=a&branch=a",
       "git reference names two references: 'refs/tags/a' and 'refs/heads/a'; expected one"},
      {"https://x.invalid/a.git?subdir=a#:b", "git reference names two folders: 'b' and 'a'; expected one"},
      {"https://x.invalid/a.git?keep-git-dir=maybe",
       "'keep-git-dir' in the query of a git reference has the value 'maybe'; expected true or false"},
  };
  for (const auto& [source, expected] : cases) {
    EXPECT_EQ(ReadRemoteReference(source, false).status().message(), expected) << source;
  }
}

TEST(RemoteSourceTest, FileNamesOfUrls) {
  EXPECT_EQ(FileNameOfUrl("https://x.invalid/a/b%20c.tar?x=/y#z"), "b c.tar");
  EXPECT_EQ(FileNameOfUrl("https://x.invalid/a/"), "a");
  EXPECT_EQ(FileNameOfUrl("https://x.invalid/"), "");
  EXPECT_EQ(FileNameOfUrl("https://x.invalid"), "");
  EXPECT_EQ(FileNameOfUrl("https://x.invalid/a/%2e%2e"), "");
}

TEST(AddTest, SourcesOfAllKindsMix) {
  const auto plan =
      Plan(Recipe("FROM scratch\nARG V=2\nADD --chown=1:2 local.tar https://x.invalid/f-$V.tar.gz "
                  "https://x.invalid/r.git#v$V:s "
                  "<<note /d/\nline\nnote\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::Copy& copy = plan->stages(0).steps(1).copy();
  ASSERT_EQ(copy.sources_size(), 4);
  EXPECT_TRUE(copy.sources(0).extract());
  EXPECT_EQ(copy.sources(1).remote_file().url(), "https://x.invalid/f-2.tar.gz");
  EXPECT_FALSE(copy.sources(1).extract());
  EXPECT_EQ(copy.sources(2).remote_git().url(), "https://x.invalid/r.git#v2:s");
  EXPECT_FALSE(copy.sources(2).remote_git().keep_git_dir());
  EXPECT_EQ(copy.sources(3).inline_file().content(), "line\n");
  EXPECT_NE(plan->stages(0).config().find("ADD --chown=1:2 local.tar https://x.invalid/f-2.tar.gz "
                                          "https://x.invalid/r.git#v2:s <<note /d/ # buildkit"),
            std::string::npos);
}

TEST(AddTest, FlagsSayWhatToFetchAndUnpack) {
  const std::string sum(64, 'a');
  auto plan = Plan(Recipe("FROM scratch\nARG S=" + sum +
                          "\nADD --checksum=sha256:$S --unpack https://x.invalid/f.tar /\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(0).steps(1).copy().sources(0).remote_file().checksum(), "sha256:" + sum);
  EXPECT_TRUE(plan->stages(0).steps(1).copy().sources(0).extract());
  plan =
      Plan(Recipe("FROM scratch\nADD --keep-git-dir --checksum=abc123 https://x.invalid/r /r\nADD "
                  "--unpack=false a.tar /\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->stages(0).steps(0).copy().sources(0).remote_git().keep_git_dir());
  EXPECT_EQ(plan->stages(0).steps(0).copy().sources(0).remote_git().checksum(), "abc123");
  EXPECT_FALSE(plan->stages(0).steps(1).copy().sources(0).extract());
}

TEST(AddTest, ExcludesReachAGitRepository) {
  const auto plan =
      Plan(Recipe("FROM scratch\nADD --exclude=*.md --exclude=!a.md https://x.invalid/r.git a /r/\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::Copy& copy = plan->stages(0).steps(0).copy();
  ASSERT_EQ(copy.sources(0).remote_git().excludes_size(), 2);
  EXPECT_EQ(copy.sources(0).remote_git().excludes(1), "!a.md");
  EXPECT_EQ(copy.sources(1).context_pattern().excludes_size(), 2);
}

TEST(CopyTest, AModeThatIsToldMakesALinkedCopyAPlainOne) {
  const auto plan = Plan(
      Recipe("FROM scratch\nCOPY --link a /a\nCOPY --link --chmod=700 a /a\nCOPY --chmod=u+x --link a /a\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->stages(0).steps(0).copy().link());
  EXPECT_FALSE(plan->stages(0).steps(1).copy().link());
  EXPECT_FALSE(plan->stages(0).steps(2).copy().link());
}

TEST(AddTest, MistakesAreNamedWithPlaceAndExpectation) {
  EXPECT_EQ(ErrorOf("FROM a\nADD --checksum=sha256:x a b\n"),
            "Dockerfile:2:5: ADD --checksum of the path 'a'; expected a URL or git repository");
  EXPECT_EQ(
      ErrorOf("FROM a\nADD --checksum=sha256:x https://x.invalid/f /f\n"),
      "Dockerfile:2:5: --checksum has the value 'sha256:x'; expected sha256: and 64 hexadecimal digits");
  EXPECT_EQ(ErrorOf("FROM a\nADD --checksum=sha256:x https://x.invalid/f https://x.invalid/g /f/\n"),
            "Dockerfile:2:5: ADD --checksum has 2 sources; expected one URL or git repository");
  EXPECT_EQ(
      ErrorOf("FROM a\nADD --checksum=nope git@x.invalid:r /f\n"),
      "Dockerfile:2:21: 'nope' is not a git commit; expected its hexadecimal id, or the beginning of it");
  EXPECT_EQ(ErrorOf("FROM a\nADD --keep-git-dir=false https://x.invalid/r.git?keep-git-dir=1 /f\n"),
            "Dockerfile:2:5: --keep-git-dir says something else than keep-git-dir in the reference; expected "
            "one of "
            "them");
  EXPECT_EQ(ErrorOf("FROM a\nADD --checksum=ab https://x.invalid/r.git?commit=cd /f\n"),
            "Dockerfile:2:19: --checksum is 'ab' and the reference's 'cd'; expected one of them");
  EXPECT_EQ(
      ErrorOf("FROM a\nADD ftp://x.invalid/f /f\n"),
      "Dockerfile:2:5: ADD of 'ftp://x.invalid/f'; expected a path, an http(s) URL or a git repository");
  EXPECT_EQ(ErrorOf("FROM a\nCOPY https://x.invalid/f /f\n"),
            "Dockerfile:2:6: COPY of the URL 'https://x.invalid/f'; expected a path (ADD takes URLs and git "
            "repositories)");
  EXPECT_EQ(
      ErrorOf("FROM a\nCOPY git@x.invalid:r /f\n"),
      "Dockerfile:2:6: COPY of the git repository 'git@x.invalid:r'; expected a path (ADD takes URLs and git "
      "repositories)");
  EXPECT_EQ(ErrorOf("FROM a\nADD --chksum=x https://x.invalid/f /f\n"),
            "Dockerfile:2:5: unknown flag '--chksum' of ADD; did you mean --checksum?");
}

TEST(NamedContextTest, TreeAsBaseIsEverythingOfItInAnEmptyRoot) {
  Wanted wanted = Recipe("FROM rootfs\nRUN x\n");
  AddTree(wanted, "rootfs");
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->bases_size(), 0);
  ASSERT_EQ(plan->stages_size(), 1);
  const v1::StagePlan& stage = plan->stages(0);
  EXPECT_TRUE(stage.scratch());
  ASSERT_EQ(stage.steps_size(), 2);
  EXPECT_EQ(stage.steps(0).number(), 2u);
  EXPECT_EQ(stage.steps(0).copy().destination(), "/");
  EXPECT_EQ(stage.steps(0).copy().sources(0).context_pattern().context(), "rootfs");
  EXPECT_EQ(stage.steps(0).copy().sources(0).context_pattern().pattern(), "/");
  EXPECT_EQ(stage.steps(1).number(), 3u);
  EXPECT_EQ(stage.steps(1).clamp_time(), stage.steps(0).clamp_time() + 1);
}

TEST(NamedContextTest, NamesComeBeforeStagesAndImages) {
  Wanted wanted = Recipe(
      "FROM docker.io/library/base:latest AS one\nRUN never\nFROM docker.io/library/base\nCOPY --from=ONE /a "
      "/a\n"
      "COPY --from=base /b /b\nRUN --mount=from=tree,source=s,target=/t x\n");
  AddImage(wanted, "base", "other:2");
  AddTree(wanted, "one");
  AddTree(wanted, "tree");
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->bases_size(), 1);
  EXPECT_EQ(plan->bases(0).reference(), "other:2");
  // The stage of that name is not built at all.
  ASSERT_EQ(plan->stages_size(), 2);
  const v1::StagePlan& target = plan->stages(static_cast<int>(plan->cells(0).target_stage()));
  EXPECT_EQ(target.steps(0).copy().sources(0).context_pattern().context(), "one");
  EXPECT_TRUE(target.steps(1).copy().sources(0).has_export_());
  EXPECT_EQ(target.steps(2).run().mounts(0).source().context_pattern().context(), "tree");
}

TEST(NamedContextTest, ReplacedStageIsStillABaseOfOthers) {
  Wanted wanted = Recipe("FROM a AS dev\nRUN never\nFROM dev\nRUN x\n");
  AddImage(wanted, "dev", "prebuilt:1");
  wanted.config = R"({"config":{"Env":["A=1"],"OnBuild":["RUN not-me"]}})";
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->bases_size(), 1);
  EXPECT_EQ(plan->bases(0).reference(), "prebuilt:1");
  ASSERT_EQ(plan->stages_size(), 2);
  EXPECT_EQ(plan->stages(0).steps_size(), 0);
  EXPECT_EQ(plan->stages(1).base_stage(), 0u);
  ASSERT_EQ(plan->stages(1).steps_size(), 1);
  EXPECT_EQ(plan->stages(1).steps(0).run().env(0), "A=1");
}

TEST(NamedContextTest, PlatformsOwnContextComesFirst) {
  Wanted wanted = Recipe("FROM base\n", {"linux/amd64", "linux/arm64"});
  AddImage(wanted, "base", "all:1");
  AddImage(wanted, "base::linux/arm64", "arm:1");
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->bases_size(), 2);
  EXPECT_EQ(plan->bases(0).reference(), "all:1");
  EXPECT_EQ(plan->bases(1).reference(), "arm:1");
}

TEST(NamedContextTest, LayoutIsPinnedByItsDigest) {
  Wanted wanted = Recipe("FROM base\nCOPY --from=base /x /y\n");
  ToProto(DigestOf("index"), AddContext(wanted, "base").mutable_image_root());
  const auto needs = FindBases(wanted.recipe, wanted.options);
  ASSERT_TRUE(needs.ok()) << needs.status();
  ASSERT_EQ(needs->size(), 1u);
  EXPECT_EQ((*needs)[0].root, DigestOf("index"));
  EXPECT_EQ((*needs)[0].reference, "base");
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->bases(0).reference(), "base@root");
}

TEST(NamedContextTest, ReservedNamesStayAndMistakesAreNamed) {
  Wanted wanted = Recipe("FROM scratch\nCOPY a /a\n");
  AddTree(wanted, "scratch");
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(0).steps_size(), 1);
  ASSERT_EQ(plan->warnings_size(), 1);
  EXPECT_EQ(plan->warnings(0), "build context 'scratch' is not used: the name is reserved");

  wanted = Recipe("FROM a\n");
  AddImage(wanted, "a", "Not An Image");
  EXPECT_EQ(ErrorOf(wanted),
            "Dockerfile:1:6: build context 'a' is 'Not An Image', which is not an image reference; expected "
            "[REGISTRY/]NAME[:TAG][@DIGEST] in lower case");
  wanted = Recipe("FROM a\n");
  AddImage(wanted, "a", "b");
  AddImage(wanted, "a:latest", "c");
  EXPECT_EQ(ErrorOf(wanted), "build context 'a:latest' is given twice; expected it once");
  wanted = Recipe("FROM a\nCOPY --from=Asets /x /y\n");
  AddTree(wanted, "assets");
  EXPECT_EQ(
      ErrorOf(wanted),
      "Dockerfile:2:6: 'Asets' is neither an earlier stage nor an image reference; did you mean assets?");
}

TEST(NamedContextTest, SyntaxCheckKnowsTheirNames) {
  const std::string text = "FROM a\nCOPY --from=later /x /y\nFROM b AS later\n";
  EXPECT_EQ(
      CheckSyntax("Dockerfile", text).message(),
      "Dockerfile:2:6: stage 'later' is defined in line 3, behind this stage; expected an earlier stage");
  const std::vector<std::string> names = {"later"};
  EXPECT_TRUE(CheckSyntax("Dockerfile", text, names).ok());
}

TEST(StepSourcesTest, EdgesAreThoseOfBaseCopiesAndMounts) {
  const auto plan = Plan(Recipe(
      "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch AS c\nRUN c\nFROM a\n"
      "COPY --from=b /x /x\nRUN --mount=from=c,target=/c --mount=type=cache,from=b,source=/s,target=/k x\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(NeededStages(plan->stages(3)), (std::set<uint32_t>{0, 1, 2}));
  v1::Step step = plan->stages(3).steps(1);
  EXPECT_EQ(SourcesOf(step).size(), 2u);
  EXPECT_EQ(MutableSourcesOf(step)[1], step.mutable_run()->mutable_mounts(1)->mutable_source());
  EXPECT_EQ(plan->stages(1).exports_size(), 2);
}

TEST(PlanOptionsTest, OptionsOfRunStepsReachEveryRun) {
  Wanted wanted = Recipe("FROM scratch AS one\nRUN x\nFROM scratch\nRUN y\nCOPY --from=one /a /a\n");
  wanted.options.extra_hosts = {"10.0.0.1 db"};
  wanted.options.shm_size = 1 << 20;
  wanted.options.ulimits.emplace_back().set_name("nofile");
  wanted.options.normalize = {"apt-logs", "machine-id"};
  wanted.options.no_cache_stages = {"ONE"};
  auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::Run& run = plan->stages(1).steps(0).run();
  EXPECT_EQ(run.extra_hosts(0), "10.0.0.1 db");
  EXPECT_EQ(run.shm_size(), 1 << 20);
  EXPECT_EQ(run.ulimits(0).name(), "nofile");
  EXPECT_EQ(run.normalize_size(), 2);
  EXPECT_EQ(plan->stages(0).steps(0).run().normalize(1), "machine-id");
  // The rules are no part of any image, which says only what is in it.
  EXPECT_EQ(plan->stages(1).config().find("machine-id"), std::string::npos);
  EXPECT_TRUE(plan->stages(0).no_cache());
  EXPECT_FALSE(plan->stages(1).no_cache());
  wanted.options.no_cache_stages = {"1"};
  plan = Plan(wanted);
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->stages(1).no_cache());
  wanted.options.no_cache_stages = {"on"};
  EXPECT_EQ(ErrorOf(wanted),
            "Dockerfile: stage 'on' (--no-cache-filter) not found; did you mean one?; expected one of: one, "
            "stage-1");
  wanted.options.no_cache_stages.clear();
  wanted.options.normalize = {"moon"};
  EXPECT_THAT(ErrorOf(wanted), ::testing::HasSubstr("no rule 'moon'; there are all, apt-logs"));
}

TEST(ArgumentTest, EpochIsANumberWhereverItComesFrom) {
  Wanted wanted = Recipe("ARG SOURCE_DATE_EPOCH=7\nFROM scratch\nARG SOURCE_DATE_EPOCH\nRUN x\n");
  auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->strict_epoch());
  EXPECT_EQ(plan->epoch(), 7);
  wanted.options.source_date_epoch = 9;
  plan = Plan(wanted);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->epoch(), 9);
  EXPECT_EQ(plan->stages(0).steps(1).run().env(1), "SOURCE_DATE_EPOCH=9");
  // It wins over the name of a source, too.
  wanted.recipe.set_dockerfile("ARG SOURCE_DATE_EPOCH=context\nFROM scratch\nRUN x\n");
  wanted.recipe.set_context_time(3);
  EXPECT_EQ(Plan(wanted)->epoch(), 9);
  wanted.options.source_date_epoch.reset();
  EXPECT_EQ(Plan(wanted)->epoch(), 3);
  EXPECT_EQ(ErrorOf("ARG SOURCE_DATE_EPOCH=-1\nFROM scratch\n"),
            "Dockerfile:1:5: SOURCE_DATE_EPOCH has the value '-1'; expected seconds since 1970, context, a "
            "build context or a stage");
}

TEST(ArgumentTest, TargetStageIsTheTargetsName) {
  const char text[] = "FROM scratch AS one\nARG TARGETSTAGE\nENV T=$TARGETSTAGE\nFROM one AS two\n";
  Wanted wanted = Recipe(text);
  auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_NE(plan->stages(1).config().find("\"T=two\""), std::string::npos);
  wanted.recipe.set_target("one");
  plan = Plan(wanted);
  EXPECT_NE(plan->stages(0).config().find("\"T=one\""), std::string::npos);
}

TEST(ArgumentTest, CommandsSeeVariablesInTheOrderOfTheirLastAssignment) {
  const auto plan = Plan(Recipe("FROM scratch\nENV A=1 B=2\nARG C=3\nENV A=4\nRUN x\n"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::Run& run = plan->stages(0).steps(3).run();
  EXPECT_EQ(std::vector<std::string>(run.env().begin() + 1, run.env().end()),
            (std::vector<std::string>{"B=2", "C=3", "A=4"}));
  // The image keeps the place.
  EXPECT_NE(plan->stages(0).config().find(R"("A=4","B=2")"), std::string::npos);
}

TEST(ArgumentTest, BuilderArgumentsAreNamedWhenTheyMeanNothing) {
  Wanted wanted = Recipe("FROM scratch\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nRUN x\n");
  for (const char* name : {"BUILDKIT_SYNTAX", "BUILDKIT_CONTEXT_KEEP_GIT_DIR"}) {
    v1::BuildArgument& argument = *wanted.recipe.add_build_arguments();
    argument.set_name(name);
    argument.set_value("1");
  }
  const auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->warnings_size(), 1);
  EXPECT_EQ(plan->warnings(0), "build argument 'BUILDKIT_SYNTAX' is ignored: it has no meaning here");
  EXPECT_EQ(plan->stages(0).steps(1).run().env_size(), 1);
}

TEST(ImageConfigTest, InheritedCommandGoesWithANewEntryPoint) {
  Wanted wanted = Recipe("FROM a AS one\nCMD [\"c\"]\nFROM one\nENTRYPOINT [\"e\"]\n");
  auto plan = Plan(wanted);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->stages(1).config().find("\"Cmd\""), std::string::npos);
  // As the builder marks every CMD; it stays with the image.
  EXPECT_NE(plan->stages(1).config().find("\"ArgsEscaped\":true"), std::string::npos);
  plan = Plan(Recipe("FROM a\nCMD [\"c\"]\nENTRYPOINT [\"e\"]\n"));
  ASSERT_TRUE(plan.ok());
  EXPECT_NE(plan->stages(0).config().find("\"Cmd\":[\"c\"]"), std::string::npos);
}

}  // namespace
}  // namespace crossmill::plan
