// What scripts for `docker build` pass, and what a slip of the fingers gets for an answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "cli/recipe/docker_flags.h"
#include "common/base/status.h"
#include "tests/cli/commands_fixture.h"

namespace crossmill::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class DockerHabitsTest : public CommandsTest {
 protected:
  // A `docker` whose daemon answers, and which loads with this exit code.
  void RunDocker(int load_exit_code) {
    env_.run_program = [this, load_exit_code](const ProcessOptions& options) {
      ProcessResult result;
      if (options.argv[1] == "load") {
        loaded_ = ReadFile(options.argv.back()).value_or("");
        result.exit_code = load_exit_code;
        result.stderr_text = "no space left";
      }
      return result;
    };
  }
  // The submission's options do not know of anything that was ignored.
  void ExpectPlainBuild() {
    v1::BuildOptions options = coordinator_.submitted.submission().options();
    options.clear_platforms();
    options.clear_network();
    EXPECT_EQ(options.SerializeAsString(), "");
  }
  std::string loaded_;
};

TEST_F(DockerHabitsTest, WhatOnlyDockersBuilderKnowsIsIgnoredWithOneNotice) {
  BuildSucceeds();
  EXPECT_EQ(Build({"--rm",
                   "--force-rm=false",
                   "--provenance=false",
                   "--sbom",
                   "true",
                   "--attest",
                   "type=provenance,mode=max",
                   "--cache-from",
                   "type=registry,ref=r.example/a",
                   "--cache-from=b",
                   "--cache-to=type=inline",
                   "--builder",
                   "default",
                   "--isolation=default",
                   "--memory-swap=-1",
                   "-c",
                   "512",
                   "--cpuset-cpus=0-1",
                   "--cpuset-mems",
                   "0",
                   "--cgroup-parent=/a",
                   "--compress",
                   "--disable-content-trust=true",
                   "--squash",
                   "--security-opt",
                   "label=disable",
                   "--allow",
                   "network.host",
                   "-D"}),
            0)
      << env_.err();
  EXPECT_THAT(
      env_.err(),
      HasSubstr("crossmill: ignored: --rm, --force-rm, --provenance, --sbom, --attest, --cache-from, "));
  EXPECT_EQ(env_.err().find("ignored: "), env_.err().rfind("ignored: ")) << "one notice";
  EXPECT_THAT(env_.err(), HasSubstr(", --memory-swap, "));
  EXPECT_THAT(env_.err(), Not(HasSubstr("r.example"))) << "values may hold tokens";
  ExpectPlainBuild();
}

TEST_F(DockerHabitsTest, EachIgnoredFlagIsTakenInBothForms) {
  for (const DockerFlag& flag : IgnoredDockerFlags()) {
    const std::string_view names(flag.names);
    const std::string name(names.substr(names.find("--")));
    const bool is_switch = *flag.value == '\0';
    std::vector<std::vector<std::string>> forms = {{name + (is_switch ? "=false" : "=1")}};
    forms.push_back(is_switch ? std::vector<std::string>{name} : std::vector<std::string>{name, "1"});
    for (const std::vector<std::string>& form : forms) {
      BuildSucceeds();
      // The context comes last, as in scripts: the flag does not take it for its value.
      std::vector<std::string> arguments = {"build"};
      arguments.insert(arguments.end(), form.begin(), form.end());
      arguments.push_back(folder_.Path("context"));
      EXPECT_EQ(Run(arguments), 0) << form.front() << env_.err();
      EXPECT_THAT(env_.err(), HasSubstr("ignored: " + name + " ("));
      ExpectPlainBuild();
    }
  }
}

TEST_F(DockerHabitsTest, NothingIgnoredIsNoNotice) {
  BuildSucceeds();
  EXPECT_EQ(Build({"--pull=false", "--no-cache=false", "--network=default"}), 0) << env_.err();
  EXPECT_THAT(env_.err(), Not(HasSubstr("ignored")));
  EXPECT_FALSE(coordinator_.submitted.submission().options().no_cache());
  EXPECT_EQ(coordinator_.submitted.submission().options().network(), v1::NETWORK_MODE_RECORDED);
}

TEST_F(DockerHabitsTest, JsonProgressHasTheNoticeAsALine) {
  BuildSucceeds();
  EXPECT_EQ(Build({"--rm", "--progress", "json"}), 0);
  const auto line = ParseJson(env_.err().substr(0, env_.err().find('\n')));
  ASSERT_OK(line);
  EXPECT_EQ((*line)["event"], "note");
  EXPECT_THAT((*line)["text"].get<std::string>(), HasSubstr("ignored: --rm"));
}

TEST_F(DockerHabitsTest, QuietPrintsOnlyTheDigest) {
  for (const char* flag : {"-q", "--quiet", "--quiet=true"}) {
    BuildSucceeds();
    EXPECT_EQ(Build({flag}), 0) << env_.err();
    EXPECT_EQ(env_.out, coordinator_.view.index_digest() + "\n");
  }
  EXPECT_EQ(env_.err(), "");
  EXPECT_EQ(Build({"-q", "--progress", "plain"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("-q cannot be used with --progress plain"));
}

TEST_F(DockerHabitsTest, LoadWithoutDockerIsIgnored) {
  BuildSucceeds();
  EXPECT_EQ(Build({"--load", "--rm", "--platform", "linux/amd64,linux/arm64"}), 0) << env_.err();
  EXPECT_THAT(env_.err(), HasSubstr("crossmill: ignored: --rm, --load ("));
  ASSERT_EQ(env_.programs_run.size(), 1U);
  EXPECT_THAT(env_.programs_run[0], ElementsAre("docker", "version", "--format", "{{.Server.Version}}"));
  EXPECT_EQ(Build(), 0);
  EXPECT_EQ(env_.programs_run.size(), 1U) << "nobody asked for it";
}

TEST_F(DockerHabitsTest, LoadWithDockerSaysWhatCannotBe) {
  RunDocker(0);
  EXPECT_EQ(Build({"--load", "--platform", "linux/amd64,linux/arm64"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("Docker takes one platform"));
  EXPECT_EQ(Build({"--load", "--detach"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("--load cannot be used with --detach"));
}

TEST_F(DockerHabitsTest, LoadHandsDockerAnArchive) {
  coordinator_.AddRoot(coordinator_.view.index_digest(), PutImage(coordinator_.blobs()));
  RunDocker(0);
  BuildSucceeds();
  EXPECT_EQ(Build({"--load", "-q"}), 0) << env_.err();
  EXPECT_EQ(env_.err(), "");
  ASSERT_EQ(env_.programs_run.size(), 2U);
  EXPECT_THAT(env_.programs_run[1], ElementsAre("docker", "load", "--quiet", "--input", EndsWith(".tar")));
  EXPECT_THAT(loaded_, HasSubstr("manifest.json"));
  EXPECT_FALSE(Exists(env_.programs_run[1].back())) << "a temporary file";
  RunDocker(1);
  EXPECT_EQ(Build({"--load"}), 5);
  EXPECT_THAT(env_.err(), HasSubstr("--load: docker load ended with 1: no space left"));
}

TEST_F(DockerHabitsTest, CallCheckChecks) {
  ASSERT_OK(WriteFileAtomic(Context("Dockerfile"), "FROM scratch\nRUNN true\n"));
  EXPECT_EQ(Build({"--call=check"}), 1);
  EXPECT_THAT(env_.out, HasSubstr("RUNN"));
  EXPECT_EQ(Build({"--call", "check,format=json", "--provenance=false"}), 1);
  EXPECT_EQ(OutJson()["failed"], true);
  EXPECT_THAT(env_.err(), HasSubstr("ignored: --provenance"));
  EXPECT_EQ(Build({"--call=outline"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("--call outline: expected build or check"));
  ASSERT_OK(WriteFileAtomic(Context("Dockerfile"), "FROM scratch\nCOPY app /\n"));
  BuildSucceeds();
  EXPECT_EQ(Build({"--call=build"}), 0) << env_.err();
}

TEST_F(DockerHabitsTest, UnknownFlagsAndCommandsNameTheNearest) {
  EXPECT_EQ(Build({"--platfrom=linux/amd64"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("crossmill: --platfrom is not known; did you mean --platform?\n"));
  EXPECT_EQ(Build({"--no-cahce"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("--no-cahce is not known; did you mean --no-cache?\n"));
  EXPECT_EQ(Build({"--cordinator", "x"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("did you mean --coordinator?")) << "a flag of the program";
  EXPECT_EQ(Build({"--something-else-entirely"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("--something-else-entirely is not known\n"));
  EXPECT_EQ(Run({"biuld", "."}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("there is no command \"biuld\"; did you mean build?\n"));
  EXPECT_EQ(Run({"image", "psuh"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("there is no command \"psuh\"; did you mean push?\n"));
  EXPECT_EQ(Run({"build", ".", "more"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("more"));
}

TEST_F(DockerHabitsTest, HelpAndCompletionOfferWhatDoesSomethingOnly) {
  EXPECT_EQ(Run({"build", "--help"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("--load"));
  EXPECT_THAT(env_.out, HasSubstr("-q,--quiet"));
  EXPECT_THAT(env_.out, Not(HasSubstr("--force-rm")));
  EXPECT_EQ(Run({"__complete", "build", "--"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("--load\t"));
  EXPECT_THAT(env_.out, Not(HasSubstr("--force-rm")));
  // But it knows that a value follows, and that no context is completed there.
  EXPECT_EQ(Run({"__complete", "build", "--cache-from", ""}), 0);
  EXPECT_EQ(env_.out, "none\n");
}

// The table of docs/cli.md is the one in the code.
TEST(DockerFlagsTest, DocumentedWithTheirReasons) {
  const auto text = ReadFile(CROSSMILL_SOURCE_FOLDER "/docs/cli.md");
  ASSERT_OK(text);
  for (const DockerFlag& flag : IgnoredDockerFlags()) {
    const std::string names = absl::StrReplaceAll(flag.names, {{",", "`, `"}});
    EXPECT_THAT(*text, HasSubstr(fmt::format("| `{}` | {} |\n", names, flag.reason)));
  }
}

}  // namespace
}  // namespace crossmill::cli
