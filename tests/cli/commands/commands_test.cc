#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/oci/image.h"
#include "common/oci/layout.h"
#include "tests/cli/commands_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(CommandsTest, SecretsTravelBesideTheSubmission) {
  BuildSucceeds();
  coordinator_.end_when_attached = true;
  env_.variables["TOKEN"] = "the value";
  EXPECT_EQ(Build({"--secret", "id=token,env=TOKEN", "--label", "a=b", "--pull"}), 0) << env_.err();
  ASSERT_EQ(coordinator_.submitted.secrets_size(), 1);
  EXPECT_EQ(coordinator_.submitted.secrets(0).value(), "the value");
  const v1::BuildOptions& options = coordinator_.submitted.submission().options();
  ASSERT_EQ(options.secret_ids_size(), 1);
  EXPECT_EQ(options.secret_ids(0), "token");
  EXPECT_EQ(options.labels(0).value(), "b");
  EXPECT_TRUE(options.pull());
  EXPECT_EQ(coordinator_.submitted.submission().SerializeAsString().find("the value"), std::string::npos);
  EXPECT_EQ((env_.out + env_.err()).find("the value"), std::string::npos);
  EXPECT_TRUE(coordinator_.WasAttached("the value")) << "given again to whoever may have forgotten it";
}

TEST_F(CommandsTest, SshNeedsTheProgramToStay) {
  EXPECT_EQ(Build({"--ssh", "default", "--detach"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("--detach"));
}

TEST_F(CommandsTest, RetrySubmitsTheSameRecipeAgain) {
  BuildSucceeds();
  coordinator_.submission.mutable_recipe()->set_dockerfile("FROM scratch\n");
  coordinator_.submission.mutable_options()->add_tags("kept:1");
  EXPECT_EQ(Run({"retry", "12", "--no-cache"}), 0) << env_.err();
  const v1::BuildSubmission& again = coordinator_.submitted.submission();
  EXPECT_EQ(again.recipe().dockerfile(), "FROM scratch\n");
  EXPECT_EQ(again.options().tags(0), "kept:1");
  EXPECT_TRUE(again.options().no_cache());
  EXPECT_THAT(env_.out, StartsWith("Build 12 ✓ succeeded"));
  EXPECT_EQ(Run({"retry", "12", "--detach"}), 0);
  EXPECT_EQ(env_.out, "12\n");
  EXPECT_EQ(Run({"retry", "13"}), 2) << "there is no such build";
}

TEST_F(CommandsTest, RetryAsksForTheSecretsOfTheBuild) {
  BuildSucceeds();
  coordinator_.submission.mutable_options()->add_secret_ids("token");
  EXPECT_EQ(Run({"retry", "12"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("--secret id=token,src=FILE"));
  env_.variables["TOKEN"] = "the value";
  EXPECT_EQ(Run({"retry", "12", "--secret", "id=token,env=TOKEN"}), 0) << env_.err();
  EXPECT_EQ(coordinator_.submitted.secrets(0).id(), "token");
}

TEST_F(CommandsTest, RetryOfALostContextSaysWhatToDo) {
  coordinator_.submit_error = {grpc::StatusCode::FAILED_PRECONDITION, "the context is not in the blob store"};
  EXPECT_EQ(Run({"retry", "12"}), 5);
  EXPECT_THAT(env_.err(), HasSubstr("crossmill build"));
}

TEST_F(CommandsTest, PlanningProgressIsOneLineForEachThing) {
  for (int64_t done : {1, 2, 3, 10}) {
    v1::PlanningProgress& progress = coordinator_.progress.emplace_back();
    progress.set_what("https://example.org/a.tar");
    progress.set_done_bytes(done << 20);
    progress.set_total_bytes(10 << 20);
  }
  BuildSucceeds();
  EXPECT_EQ(Build({"--progress", "plain"}), 0);
  EXPECT_THAT(env_.err(), HasSubstr("#planning https://example.org/a.tar 1.0 MB of 10.5 MB\n"));
  EXPECT_THAT(env_.err(), HasSubstr("#planning https://example.org/a.tar 10.5 MB of 10.5 MB\n")) << "its end";
  EXPECT_THAT(env_.err(), Not(HasSubstr(" 2.1 MB of"))) << "too soon after the first";
}

TEST_F(CommandsTest, BuildSendsTheContextAndPrintsTheReport) {
  BuildSucceeds();
  EXPECT_EQ(
      Build({"--platform", "linux/amd64,linux/arm64", "--verify", "2", "--allow-same-host", "--build-arg",
             "A=1", "--target", "runtime", "-t", "example/service:1.0", "--network", "none"}),
      0)
      << env_.err();
  EXPECT_THAT(env_.out, StartsWith("Build 12 ✓ succeeded in 3m 12s"));
  EXPECT_THAT(env_.out, HasSubstr("✗ unreproducible (same host)"));
  EXPECT_THAT(env_.err(), HasSubstr("#build 12 running"));
  const v1::BuildSubmission& submission = coordinator_.submitted.submission();
  EXPECT_EQ(submission.recipe().dockerfile(), "FROM scratch\nCOPY app /\n");
  EXPECT_EQ(submission.recipe().dockerfile_name(), "Dockerfile");
  EXPECT_EQ(submission.recipe().target(), "runtime");
  EXPECT_EQ(submission.recipe().build_arguments(0).name(), "A");
  EXPECT_EQ(submission.options().verify(), 2u);
  EXPECT_TRUE(submission.options().allow_same_host());
  EXPECT_EQ(submission.options().network(), v1::NETWORK_MODE_NONE);
  EXPECT_EQ(submission.options().platforms_size(), 2);
  EXPECT_EQ(submission.options().tags(0), "example/service:1.0");
  EXPECT_GE(coordinator_.submitted.idempotency_key().size(), 16u);
  EXPECT_TRUE(coordinator_.blobs().Has(FromProto(submission.recipe().context_root())));
  EXPECT_TRUE(coordinator_.blobs().Has(DigestOf("app")));
}

TEST_F(CommandsTest, FlagsMayBeRepeatedAndStandBeforeTheContext) {
  BuildSucceeds();
  EXPECT_EQ(
      Run({"build", "-t", "a:1", "-t", "b:2", "--platform", "linux/amd64", "--platform",
           "linux/arm64,linux/arm/v7", "--build-arg", "A=1", "--build-arg", "B=2", folder_.Path("context")}),
      0)
      << env_.err();
  const v1::BuildSubmission& submission = coordinator_.submitted.submission();
  EXPECT_EQ(submission.options().tags_size(), 2);
  EXPECT_EQ(submission.options().platforms_size(), 3);
  EXPECT_EQ(submission.recipe().build_arguments_size(), 2);
}

TEST_F(CommandsTest, QuietPrintsOnlyTheDigest) {
  BuildSucceeds();
  EXPECT_EQ(Build({"--progress", "quiet", "--iidfile", folder_.Path("iid"), "--metadata-file",
                   folder_.Path("meta")}),
            0);
  EXPECT_EQ(env_.out, "sha256:" + Hash('f') + "\n");
  EXPECT_EQ(env_.err(), "");
  EXPECT_EQ(*ReadFile(folder_.Path("iid")), "sha256:" + Hash('f'));
  const auto metadata = ParseJson(*ReadFile(folder_.Path("meta")));
  ASSERT_OK(metadata);
  EXPECT_EQ((*metadata)["build_id"], 12);
  EXPECT_EQ((*metadata)["platforms"]["linux/arm64"]["verdict"], "reproducible");
}

TEST_F(CommandsTest, RequireReproducibleFailsTheCommandNotTheBuild) {
  BuildSucceeds();
  EXPECT_EQ(Build({"--require", "reproducible"}), 3);
  EXPECT_THAT(env_.err(), HasSubstr("the verdict is unreproducible"));
  EXPECT_EQ(coordinator_.submitted.submission().options().verify(), 2u);
}

TEST_F(CommandsTest, RequireReproducibleWithoutAVerdictIsInconclusive) {
  BuildSucceeds();
  for (v1::CellView& cell : *coordinator_.view.mutable_cells())
    cell.mutable_comparison()->set_verdict(v1::VERDICT_INCONCLUSIVE);
  EXPECT_EQ(Build({"--require", "reproducible", "--json"}), 6);
  EXPECT_EQ(OutJson()["verdict"], "inconclusive");
}

TEST_F(CommandsTest, DetachPrintsOnlyTheId) {
  EXPECT_EQ(Build({"--detach"}), 0);
  EXPECT_EQ(env_.out, "12\n");
  EXPECT_TRUE(coordinator_.watched_from.empty());
}

TEST_F(CommandsTest, FailedRunShowsConsoleAndLines) {
  const BuildReport failed = FailedReport();
  coordinator_.view = failed.build;
  coordinator_.packages.clear();
  coordinator_.consoles[106] = "Traceback\nModuleNotFoundError: No module named 'build'\n";
  ASSERT_OK(WriteFileAtomic(Context("Dockerfile"), failed.dockerfile));
  AddStatus(v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(Build(), 1);
  EXPECT_THAT(env_.out, HasSubstr("✗ linux/arm64 builder 3/3 failed: exit code 1  (w1, emulated)"));
  EXPECT_THAT(env_.out, HasSubstr(">    6 | RUN python -m build"));
  EXPECT_THAT(env_.out, HasSubstr("    ModuleNotFoundError: No module named 'build'\n"));
}

TEST_F(CommandsTest, BadDockerfileIsABuildFailureAndNothingIsSubmitted) {
  ASSERT_OK(WriteFileAtomic(Context("Dockerfile"), "FROM scratch\nCOPPY a b\n"));
  EXPECT_EQ(Build(), 1);
  EXPECT_THAT(env_.err(), HasSubstr("Dockerfile:2"));
  EXPECT_EQ(coordinator_.submitted.idempotency_key(), "");
}

// The recipe is somebody else's: its words do nothing to the terminal, in any form of the output.
TEST_F(CommandsTest, WhatAnErrorRepeatsIsPrintable) {
  ASSERT_OK(
      WriteFileAtomic(Context("Dockerfile"), "FROM scratch\n\x1b[2J\x1b]0;t\x07\xe2\x80\xae\xc2\x9b a\n"));
  EXPECT_EQ(Build(), 1);
  EXPECT_THAT(env_.err(), HasSubstr("Dockerfile:2:1: unknown instruction '?[2J?]0;t?"));
  coordinator_.submit_error = {grpc::StatusCode::INVALID_ARGUMENT, "Dockerfile:1:6: \xc2\x9b"};
  ASSERT_OK(WriteFileAtomic(Context("Dockerfile"), "FROM scratch\nCOPY app /\n"));
  EXPECT_EQ(Build({"--json"}), 1);
  EXPECT_THAT(env_.out, HasSubstr("\\u009b"));
  EXPECT_THAT(env_.out + env_.err(), Not(HasSubstr("\xc2\x9b")));
  EXPECT_EQ(OutJson()["error"]["message"], "Dockerfile:1:6: \xc2\x9b");
}

TEST_F(CommandsTest, RecipeErrorOfTheCoordinatorIsABuildFailure) {
  coordinator_.submit_error = {grpc::StatusCode::INVALID_ARGUMENT, "Dockerfile:1:6: unknown stage"};
  EXPECT_EQ(Build({"--json"}), 1);
  EXPECT_EQ(OutJson()["error"]["code"], "invalid_argument");
  EXPECT_EQ(OutJson()["error"]["message"], "Dockerfile:1:6: unknown stage");
}

TEST_F(CommandsTest, MissingDockerfileAndContextAreUsage) {
  EXPECT_EQ(Run({"build", folder_.Path("nowhere")}), 2);
  ASSERT_OK(RemoveTree(Context("Dockerfile")));
  EXPECT_EQ(Build(), 2);
  EXPECT_THAT(env_.err(), HasSubstr("hint: -f names the Dockerfile"));
}

TEST_F(CommandsTest, DockerfileFromStandardInput) {
  BuildSucceeds();
  env_.input = "FROM scratch\nCOPY app /from-stdin\n";
  EXPECT_EQ(Build({"-f", "-"}), 0) << env_.err();
  EXPECT_EQ(coordinator_.submitted.submission().recipe().dockerfile(), env_.input);
}

TEST_F(CommandsTest, RefusedClientIsNotPermitted) {
  coordinator_.submit_error = {grpc::StatusCode::PERMISSION_DENIED, "a worker may not submit"};
  EXPECT_EQ(Build(), 4);
  EXPECT_THAT(env_.err(), HasSubstr("a worker may not submit"));
}

TEST_F(CommandsTest, UnreachableCoordinatorIsInfrastructure) {
  env_.connect_error = absl::UnavailableError("connection refused");
  EXPECT_EQ(Run({"ls", "--json"}), 5);
  EXPECT_EQ(OutJson()["error"]["code"], "unavailable");
}

TEST_F(CommandsTest, UnknownFlagsAreUsage) {
  EXPECT_EQ(Build({"--no-such-flag"}), 2);
  EXPECT_EQ(Run({"frobnicate"}), 2);
  EXPECT_EQ(Run({}), 2);
  EXPECT_EQ(Build({"--progress", "loud"}), 2);
  EXPECT_EQ(Build({"--network", "bridge"}), 2);
  EXPECT_EQ(Build({"--detach", "-o", "x.tar"}), 2);
  EXPECT_EQ(Run({"show", "twelve"}), 2);
  EXPECT_EQ(Run({"show", "99"}), 2);
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("Exit codes:\n  0    ok\n  1    the build failed"));
}

TEST_F(CommandsTest, WatchResumesWhereTheConnectionBroke) {
  for (int i = 0; i < 4; ++i) AddStatus(v1::BUILD_STATUS_RUNNING);
  AddStatus(v1::BUILD_STATUS_SUCCEEDED);
  coordinator_.cut_watch_after = 2;
  EXPECT_EQ(Run({"watch", "12", "--progress", "plain"}), 0) << env_.err();
  EXPECT_THAT(coordinator_.watched_from, ElementsAre(1, 3));
  EXPECT_THAT(env_.err(), HasSubstr("connection to the coordinator is lost"));
  // Every event once.
  size_t count = 0;
  const std::string err = env_.err();
  for (size_t at = err.find("#build 12 running"); at != std::string::npos;
       at = err.find("#build 12 running", at + 1))
    ++count;
  EXPECT_EQ(count, 4u);
}

// Interrupts until the command has ended.
class Interrupter {
 public:
  Interrupter(FakeEnvironment& env, int count, const std::string& after)
      : thread_([&env, count, after](std::stop_token stop) {
          while (!stop.stop_requested() && env.err().find(after) == std::string::npos) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
          }
          env.Interrupt(count);
        }) {}

 private:
  std::jthread thread_;
};

TEST_F(CommandsTest, InterruptCancelsTheBuild) {
  AddStatus(v1::BUILD_STATUS_RUNNING);
  Interrupter interrupter(env_, 1, "#build 12 running");
  EXPECT_EQ(Build({"--progress", "plain"}), 130);
  ASSERT_EQ(coordinator_.cancels.size(), 1u);
  EXPECT_FALSE(coordinator_.cancels[0].timed_out());
  EXPECT_EQ(env_.forced, -1);
}

TEST_F(CommandsTest, SecondInterruptForcesTheEnd) {
  AddStatus(v1::BUILD_STATUS_RUNNING);
  Interrupter interrupter(env_, 2, "#build 12 running");
  Build({"--progress", "plain"});
  EXPECT_EQ(env_.forced, 130);
}

TEST_F(CommandsTest, InterruptOfWatchDetaches) {
  AddStatus(v1::BUILD_STATUS_RUNNING);
  Interrupter interrupter(env_, 1, "#build 12 running");
  EXPECT_EQ(Run({"watch", "--progress", "plain"}), 0);
  EXPECT_TRUE(coordinator_.cancels.empty());
  EXPECT_THAT(env_.err(), HasSubstr("build 12 goes on"));
}

TEST_F(CommandsTest, TimeOutCancelsAsTimedOut) {
  AddStatus(v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(Build({"--timeout", "1s"}), 124);
  ASSERT_EQ(coordinator_.cancels.size(), 1u);
  EXPECT_TRUE(coordinator_.cancels[0].timed_out());
  EXPECT_EQ(coordinator_.submitted.submission().options().timeout(), 1u);
}

TEST_F(CommandsTest, AFilterGoesToTheFarmAsItWasWritten) {
  EXPECT_EQ(Run({"ls", "status:failed since:7d", "name:\"a b\"", "-n", "3"}), 0) << env_.err();
  ASSERT_EQ(coordinator_.lists.size(), 1u);
  EXPECT_EQ(coordinator_.lists[0].filter(), "status:failed since:7d name:\"a b\"");
  EXPECT_EQ(coordinator_.lists[0].page_size(), 3);
  EXPECT_EQ(Run({"ls", "--json", "--", "-status:failed"}), 0) << env_.err();
  EXPECT_EQ(coordinator_.lists[1].filter(), "-status:failed");
  EXPECT_EQ(OutJson()[0]["id"], 12);
}

TEST_F(CommandsTest, ALaterPageIsAskedForWhereAPageHoldsNothing) {
  EXPECT_EQ(Run({"ls", "rare", "--json"}), 0) << env_.err();
  ASSERT_EQ(coordinator_.lists.size(), 2u);
  EXPECT_EQ(coordinator_.lists[1].page_token(), "100001");
  EXPECT_EQ(coordinator_.lists[1].filter(), "rare");
  EXPECT_EQ(OutJson()[0]["id"], 12);
  EXPECT_EQ(Run({"ls", "none"}), 0);
  EXPECT_EQ(env_.out, "no build matches the filter\n");
}

TEST_F(CommandsTest, JsonDocumentsOfEveryList) {
  v1::WorkerView worker;
  worker.mutable_info()->set_name("w1");
  coordinator_.workers = {worker};
  v1::ImageView image;
  image.set_name("a:1");
  coordinator_.images = {image};
  EXPECT_EQ(Run({"ls", "--json"}), 0);
  EXPECT_EQ(OutJson()[0]["id"], 12);
  EXPECT_EQ(Run({"show", "--json"}), 0);
  EXPECT_EQ(OutJson()["stages"].size(), 4u);
  EXPECT_EQ(OutJson()["packages"].size(), 8u);
  EXPECT_EQ(Run({"packages", "12", "--platform", "aarch64", "--json"}), 0);
  EXPECT_EQ(OutJson().size(), 4u);
  EXPECT_EQ(Run({"fetches", "12", "--platform", "aarch64", "--json"}), 0);
  EXPECT_EQ(OutJson().size(), 3u);
  EXPECT_EQ(OutJson()[0]["url"], "http://index.example/simple/click/?a=\"b,c\"");
  EXPECT_EQ(Run({"fetches", "--csv"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("\"http://index.example/simple/click/?a=\"\"b,c\"\"\",200,"));
  EXPECT_EQ(Run({"fetches"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("refused: metadata"));
  EXPECT_THAT(env_.out, HasSubstr("and 2 more of files.example\n"));
  EXPECT_EQ(Run({"diff", "--json"}), 0);
  EXPECT_EQ(OutJson()["cells"][0]["steps"][0]["differences_total"], 15);
  EXPECT_EQ(Run({"worker", "ls", "--json"}), 0);
  EXPECT_EQ(OutJson()[0]["name"], "w1");
  EXPECT_EQ(Run({"image", "ls", "--json"}), 0);
  EXPECT_EQ(OutJson()[0]["name"], "a:1");
  EXPECT_EQ(Run({"version", "--json"}), 0);
  EXPECT_EQ(OutJson()["coordinator"]["version"], "9.9.9");
}

TEST_F(CommandsTest, LogsOfOneStepAreItsBytes) {
  coordinator_.consoles[103] = "apt says\n";
  coordinator_.consoles[105] = "pip says\r\n";
  EXPECT_EQ(Run({"logs", "12", "--platform", "linux/amd64", "--stage", "builder", "--step", "4"}), 0);
  EXPECT_EQ(env_.out, "pip says\r\n");
  // A terminal gets lines, which do nothing to it.
  coordinator_.consoles[105] = "50 %\r100 %\x1b]0;t\x07\n\x1b[2Jpip\xe2\x80\xae says\r\nno end";
  env_.out_terminal.is_terminal = true;
  EXPECT_EQ(Run({"logs", "12", "--platform", "linux/amd64", "--stage", "builder", "--step", "4"}), 0);
  EXPECT_EQ(env_.out, "100 %\npip? says\nno end\n");
  env_.out_terminal = {};
  EXPECT_EQ(Run({"logs", "12", "--stage", "no-such"}), 2);
}

TEST_F(CommandsTest, CancelOfAFinishedBuildSaysSo) {
  EXPECT_EQ(Run({"cancel", "12"}), 0);
  EXPECT_TRUE(coordinator_.cancels.empty());
  coordinator_.view.set_status(v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(Run({"cancel", "b12"}), 0);
  EXPECT_EQ(coordinator_.cancels.size(), 1u);
}

TEST_F(CommandsTest, DiffShowsMoreThanTheReport) {
  EXPECT_EQ(Run({"diff", "12", "--platform", "linux/amd64"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("history-11.log"));
  EXPECT_THAT(env_.out, HasSubstr("… 3 more"));
  EXPECT_THAT(env_.out, Not(HasSubstr("linux/arm64")));
}

TEST_F(CommandsTest, AddressAndTokenComeFromFlagsBeforeVariables) {
  env_.variables["XDG_DATA_HOME"] = "/data-home";
  Run({"ls"});
  EXPECT_EQ(env_.connected.address, "unix:/data-home/crossmill/coordinator.sock");
  env_.variables["CROSSMILL_COORDINATOR"] = "farm:8980";
  env_.variables["CROSSMILL_TOKEN"] = "from-variable";
  Run({"ls"});
  EXPECT_EQ(env_.connected.address, "farm:8980");
  EXPECT_EQ(env_.connected.token, "from-variable");
  ASSERT_OK(WriteFileAtomic(folder_.Path("token"), "from-file\n"));
  Run({"ls", "--coordinator", "unix:/x", "--token-file", folder_.Path("token")});
  EXPECT_EQ(env_.connected.address, "unix:/x");
  EXPECT_EQ(env_.connected.token, "from-file");
}

TEST_F(CommandsTest, UpWithoutTheProgramsSaysWhatIsMissing) {
  EXPECT_EQ(Run({"up", "--data", folder_.Path("data")}), 5);
  EXPECT_THAT(env_.err(), HasSubstr("/nonexistent/crossmill-coordinator is missing"));
  EXPECT_EQ(Run({"down", "--data", folder_.Path("data")}), 0);
  EXPECT_EQ(env_.out, "nothing of this farm is running\n");
}

TEST_F(CommandsTest, OutputIsALayoutThatCanBeImported) {
  BuildSucceeds();
  const Digest root = PutImage(coordinator_.blobs());
  coordinator_.AddRoot("sha256:" + Hash('f'), root);
  const std::string file = folder_.Path("image.tar");
  EXPECT_EQ(Build({"-o", "type=oci,dest=" + file, "--progress", "quiet"}), 0) << env_.err();
  const auto store = MakeMemoryBlobStore();
  const auto imported = oci::ImportImage(file, *store);
  ASSERT_OK(imported);
  EXPECT_EQ(imported->root, root);

  EXPECT_EQ(Build({"-o", "-", "--progress", "quiet"}), 0);
  EXPECT_EQ(env_.out, *ReadFile(file));
  EXPECT_EQ(env_.err(), "sha256:" + Hash('f') + "\n");

  EXPECT_EQ(Run({"image", "import", file, "python:3.11", "--stand-in"}), 0) << env_.err();
  ASSERT_EQ(coordinator_.images.size(), 1u);
  EXPECT_EQ(coordinator_.images[0].digest(), root.Oci());
  EXPECT_TRUE(coordinator_.images[0].stand_in());
}

TEST_F(CommandsTest, OutputThatCannotBeWrittenLeavesNoFile) {
  BuildSucceeds();
  const std::string file = folder_.Path("image.tar");
  EXPECT_EQ(Build({"-o", file}), 5);
  EXPECT_FALSE(Exists(file));
}

}  // namespace
}  // namespace crossmill::cli
