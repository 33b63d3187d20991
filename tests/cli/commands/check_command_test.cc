// crossmill check and completion, whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/commands/app.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/subprocess.h"
#include "common/check/rules.h"
#include "tests/cli/fake_environment.h"
#include "tests/cli/sample_build.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class CheckCommandTest : public testing::Test {
 protected:
  CheckCommandTest() : folder_(*TemporaryFolder::Create()) {
    Write("Dockerfile", "FROM alpine:3.20\nCOPY . /app\nRUN pip install -r requirements.txt\nUSER app\n");
    Write("requirements.txt", "flask\n");
  }
  void Write(const std::string& name, const std::string& text) {
    EXPECT_OK(WriteFileAtomic(folder_.Path(name), text));
  }
  int Run(std::vector<std::string> arguments) {
    env_.out.clear();
    return RunCrossmill(arguments, env_);
  }
  int Check(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"check", folder_.Path("")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  Json OutJson() {
    const auto json = ParseJson(env_.out);
    EXPECT_OK(json);
    return json.ok() ? *json : Json();
  }
  std::string Complete(std::vector<std::string> words) {
    words.insert(words.begin(), "__complete");
    EXPECT_EQ(Run(words), 0);
    return env_.out;
  }

  TemporaryFolder folder_;
  FakeCoordinator coordinator_;
  FakeEnvironment env_{coordinator_};
};

TEST_F(CheckCommandTest, FindingsPointIntoTheSource) {
  EXPECT_EQ(Check(), 0) << env_.err();
  EXPECT_THAT(env_.out,
              HasSubstr("Dockerfile:2:1: warning: Sources are copied before pip installs dependencies in "
                        "line 3 [SourcesBeforeDependencies]\n   2 | COPY . /app\n     | ^~~~~~~~~~~\n"));
  EXPECT_THAT(env_.out, HasSubstr("        + COPY requirements.txt /app/\n"));
}

TEST_F(CheckCommandTest, ExitCodeFollowsFailOnAndTheDirective) {
  EXPECT_EQ(Check({"--fail-on", "warning"}), 1);
  EXPECT_EQ(Check({"--fail-on", "info", "--rules", "CdInRun"}), 0);
  Write("Dockerfile", "# check=error=true\nFROM alpine:3.20\nRUN apt-get update\n");
  EXPECT_EQ(Check(), 1);
  Write("Dockerfile", "FROM alpine:3.20\nCOPPY a b\n");
  EXPECT_EQ(Check(), 1);
  EXPECT_THAT(env_.out, HasSubstr("fix: did you mean COPY?"));
  EXPECT_EQ(Check({"--fail-on", "never"}), 2);
  EXPECT_EQ(Check({"--format", "xml"}), 2);
  EXPECT_EQ(Check({"--rules", "CdInRunn"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("did you mean CdInRun?"));
}

TEST_F(CheckCommandTest, FarmThatIsAwayIsNoError) {
  env_.connect_error = absl::UnavailableError("nobody there");
  EXPECT_EQ(Check(), 0);
  EXPECT_THAT(env_.err() + env_.out, Not(HasSubstr("nobody")));
}

TEST_F(CheckCommandTest, PastBuildsTellTheSeconds) {
  v1::BuildView& view = coordinator_.view;
  view.set_id(7);
  view.set_dockerfile_name("Dockerfile");
  v1::StageView* stage = view.add_stages();
  stage->set_name("0");
  *stage->add_steps() =
      SampleStep(3, "RUN", "RUN pip install -r requirements.txt", 3, v1::STEP_STATUS_EXECUTED, 62, 'a', 9);
  EXPECT_EQ(Check(), 0);
  EXPECT_THAT(env_.out, HasSubstr("in the last 1 build of it that step ran 1 time and took 1 min 02 s"));
  // Of another Dockerfile.
  view.set_dockerfile_name("other/Dockerfile");
  EXPECT_EQ(Check(), 0);
  EXPECT_THAT(env_.out, Not(HasSubstr("that step ran")));
}

TEST_F(CheckCommandTest, JsonHasEveryMember) {
  EXPECT_EQ(Check({"--json", "--fail-on", "warning"}), 1);
  const Json json = OutJson();
  EXPECT_EQ(json["failed"], true);
  EXPECT_EQ(json["warnings"].get<int>() + json["infos"].get<int>(),
            static_cast<int>(json["findings"].size()));
  ASSERT_FALSE(json["findings"].empty());
  for (const Json& finding : json["findings"]) {
    for (const char* member : {"rule", "severity", "file", "line", "column", "end_line", "end_column",
                               "message", "why", "fix", "replacement"}) {
      EXPECT_TRUE(finding.contains(member)) << member;
    }
    EXPECT_NE(check::FindRule(finding["rule"].get<std::string>()), nullptr);
  }
}

TEST_F(CheckCommandTest, SarifHasWhatItsSchemaRequires) {
  Write("Dockerfile", "FROM alpine:3.20\nENV ä=1 API_KEY=x\n");
  EXPECT_EQ(Check({"--format", "sarif"}), 0);
  const Json json = OutJson();
  EXPECT_EQ(json["version"], "2.1.0");
  ASSERT_EQ(json["runs"].size(), 1u);
  const Json& run = json["runs"][0];
  EXPECT_EQ(run["tool"]["driver"]["name"], "crossmill");
  EXPECT_EQ(run["columnKind"], "unicodeCodePoints");
  const Json& rules = run["tool"]["driver"]["rules"];
  ASSERT_EQ(rules.size(), check::Rules().size());
  std::set<std::string> levels = {"none", "note", "warning", "error"};
  for (const Json& rule : rules) {
    EXPECT_FALSE(rule["id"].get<std::string>().empty());
    EXPECT_FALSE(rule["shortDescription"]["text"].get<std::string>().empty());
    EXPECT_TRUE(levels.contains(rule["defaultConfiguration"]["level"].get<std::string>()));
  }
  bool key = false;
  for (const Json& result : run["results"]) {
    EXPECT_EQ(rules[result["ruleIndex"].get<size_t>()]["id"], result["ruleId"]);
    EXPECT_TRUE(levels.contains(result["level"].get<std::string>()));
    EXPECT_FALSE(result["message"]["text"].get<std::string>().empty());
    ASSERT_EQ(result["locations"].size(), 1u);
    const Json& place = result["locations"][0]["physicalLocation"];
    EXPECT_THAT(place["artifactLocation"]["uri"].get<std::string>(), Not(HasSubstr(" ")));
    if (result["ruleId"] != "SecretsUsedInArgOrEnv") continue;
    key = true;
    // Not bytes: the ä is one.
    EXPECT_EQ(place["region"]["startLine"], 2);
    EXPECT_EQ(place["region"]["startColumn"], 9);
    EXPECT_EQ(place["region"]["endColumn"], 16);
  }
  EXPECT_TRUE(key);
}

TEST_F(CheckCommandTest, SecretsAreInNoOutput) {
  const std::string token = "ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R";
  Write("Dockerfile",
        "FROM alpine:3.20\nRUN pip install --index-url https://x:" + token + "@example.org/ flask\n");
  for (const char* format : {"text", "json", "sarif"}) {
    EXPECT_EQ(Check({"--format", format, "--rules", "HardcodedSecret"}), 0);
    EXPECT_THAT(env_.out, HasSubstr("HardcodedSecret"));
    EXPECT_THAT(env_.out, Not(HasSubstr(token))) << format;
  }
}

TEST_F(CheckCommandTest, BuildWithCheckIsCheck) {
  EXPECT_EQ(Check({"--rules", "RunsAsRoot"}), 0);
  EXPECT_EQ(Run({"build", folder_.Path(""), "--check"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("[SourcesBeforeDependencies]"));
  EXPECT_TRUE(coordinator_.watched_from.empty());
}

TEST_F(CheckCommandTest, CompletionKnowsCommandsFlagsAndChoices) {
  EXPECT_THAT(Complete({"che"}), testing::StartsWith("none\ncheck\t"));
  EXPECT_THAT(Complete({""}), Not(HasSubstr("__complete")));
  EXPECT_THAT(Complete({"build", "--prog"}), HasSubstr("\n--progress\t"));
  EXPECT_EQ(Complete({"watch", "--progress", ""}), "none\nauto\t\ntty\t\nplain\t\njson\t\nquiet\t\n");
  EXPECT_EQ(Complete({"watch", "--progress=pl"}), "none\n--progress=plain\t\n");
  EXPECT_THAT(Complete({"check", "--rules", "Cd"}), HasSubstr("\nCdInRun\t"));
  EXPECT_THAT(Complete({"build", "--metadata-file", ""}), testing::StartsWith("files\n"));
  EXPECT_EQ(Complete({"nonsense", "--what", ""}), "none\n");
}

TEST_F(CheckCommandTest, CompletionAsksTheFarmForBuildsAndImages) {
  coordinator_.view.set_id(12);
  coordinator_.view.set_status(v1::BUILD_STATUS_SUCCEEDED);
  coordinator_.images.emplace_back().set_name("docker.io/library/alpine:3.20");
  EXPECT_THAT(Complete({"show", "1"}), testing::StartsWith("none\n12\tsucceeded"));
  EXPECT_THAT(Complete({"image", "save", "docker"}), HasSubstr("docker.io/library/alpine:3.20\t"));
  EXPECT_THAT(Complete({"--coordinator", "unix:/elsewhere", "show", ""}), HasSubstr("12"));
  EXPECT_EQ(env_.connected.address, "unix:/elsewhere");
  env_.connect_error = absl::UnavailableError("nobody there");
  FakeEnvironment away(coordinator_);
  away.connect_error = absl::UnavailableError("nobody there");
  EXPECT_EQ(RunCrossmill({"__complete", "show", ""}, away), 0);
  EXPECT_EQ(away.out, "none\n");
  EXPECT_EQ(away.err(), "");
}

// Every choice that --help shows is one that the flag takes, and every flag completes.
TEST_F(CheckCommandTest, ChoicesInTypeNamesAreAccepted) {
  for (const char* format : {"text", "json", "sarif"}) EXPECT_EQ(Check({"--format", format}), 0) << format;
  for (const char* severity : {"error", "warning", "info"})
    EXPECT_NE(Check({"--fail-on", severity}), 2) << severity;
  EXPECT_THAT(Complete({"check", "--format", ""}), "none\ntext\t\njson\t\nsarif\t\n");
  EXPECT_THAT(Complete({"check", "--fail-on", ""}), "none\nerror\t\nwarning\t\ninfo\t\n");
}

// In a real bash with the real program.
TEST_F(CheckCommandTest, BashCompletesWithTheScript) {
  const std::string program = CROSSMILL_BINARY_FOLDER "/crossmill";
  if (!Exists(program)) GTEST_SKIP() << program << " is not built";
  const auto complete = [&](const std::string& line) {
    ProcessOptions options;
    options.argv = {"bash",
                    "--norc",
                    "-c",
                    "PATH=" CROSSMILL_BINARY_FOLDER
                    ":$PATH; source <(crossmill completion bash); complete -p crossmill "
                    "> /dev/null || exit 9; COMP_LINE=\"$1\"; COMP_POINT=${#1}; _crossmill; printf '%s ' "
                    "\"${COMPREPLY[@]}\"",
                    "bash",
                    line};
    const auto result = RunProcess(options);
    EXPECT_OK(result);
    if (!result.ok()) return std::string();
    EXPECT_EQ(result->exit_code, 0) << result->stderr_text;
    return result->stdout_text;
  };
  EXPECT_EQ(complete("crossmill che"), "check ");
  EXPECT_EQ(complete("crossmill check --format s"), "sarif ");
  // Bash has split the word at the `=`.
  EXPECT_EQ(complete("crossmill watch --progress=pl"), "plain ");
  EXPECT_EQ(complete("crossmill completion "), "bash zsh fish ");
}

TEST_F(CheckCommandTest, ScriptsExistForThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Run({"completion", shell}), 0);
    EXPECT_THAT(env_.out, HasSubstr("__complete"));
  }
  EXPECT_EQ(Run({"completion", "tcsh"}), 2);
}

}  // namespace
}  // namespace crossmill::cli
