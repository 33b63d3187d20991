// The program itself: one task from a file, in its namespaces, under each runtime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/host_root.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "worker/task/folder_blob_store.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;

std::string Binary() { return CROSSMILL_BINARY_FOLDER "/crossmill-worker"; }

bool Comes(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

class WorkerCommandTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to become the worker's system user";
    if (getpwnam("crossmill") == nullptr)
      GTEST_SKIP() << "there is no system user crossmill (scripts/setup-host)";
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    ASSERT_EQ(chmod(folder_->path().c_str(), 0755), 0);
    ASSERT_OK(MakeHostRoot(folder_->Path("root"), {"sh", "cat", "sleep", "chmod", "mknod", "ln", "id"}));
    ASSERT_EQ(RunProgram({"tar", "-C", folder_->Path("root"), "--sort=name", "--owner=0", "--group=0",
                          "--mtime=@1000", "-cf", folder_->Path("base.tar"), "."})
                  .exit_code,
              0);
    auto blobs = OpenFolderBlobStore(folder_->Path("blobs"));
    ASSERT_OK(blobs);
    const auto base = (*blobs)->PutBytes(*ReadFile(folder_->Path("base.tar")));
    ASSERT_OK(base);
    base_ = *base;
  }

  static ProcessResult RunProgram(std::vector<std::string> argv,
                                  std::function<void(pid_t)> on_start = nullptr) {
    ProcessOptions options;
    options.argv = std::move(argv);
    options.time_limit = absl::Minutes(1);
    options.on_start = std::move(on_start);
    const auto result = RunProcess(options);
    EXPECT_OK(result);
    return result.ok() ? *result : ProcessResult();
  }

  void WriteTask(const std::vector<std::string>& scripts, const std::string& platform = "amd64") {
    Json task;
    task["name"] = "test";
    task["platform"] = {{"os", "linux"}, {"architecture", platform}};
    task["parents"] = Json::array({{{"tar", {{"hash", base_.hash}, {"sizeBytes", base_.size}}}}});
    task["steps"] = Json::array();
    for (const std::string& script : scripts) {
      Json step;
      step["number"] = task["steps"].size() + 2;
      step["instruction"] = "RUN";
      step["text"] = "RUN " + script;
      step["clampTime"] = 1001 + task["steps"].size();
      step["run"] = {{"argv", {"sh", "-c", script}}, {"cwd", "/"}, {"network", "NETWORK_MODE_NONE"}};
      task["steps"].push_back(std::move(step));
    }
    ASSERT_OK(WriteFileAtomic(folder_->Path("task.json"), WriteJson(task)));
  }

  std::vector<std::string> Command(const std::string& runtime) {
    return {Binary(),
            "run",
            folder_->Path("task.json"),
            "--blobs",
            folder_->Path("blobs"),
            "--runtime",
            runtime,
            "--data",
            folder_->Path("data-" + runtime),
            "--log-level",
            "warn"};
  }

  std::optional<TemporaryFolder> folder_;
  Digest base_;
};

TEST_P(WorkerCommandTest, TaskFileIsExecutedAndItsLayersAreBlobs) {
  WriteTask({"echo one > /etc/one; echo said", "cat /etc/one; chmod 600 /etc/one"});
  const ProcessResult result = RunProgram(Command(GetParam()));
  EXPECT_EQ(result.exit_code, 0) << result.stderr_text;
  const auto json = ParseJson(result.stdout_text);
  ASSERT_OK(json);
  EXPECT_EQ((*json)["outcome"], "TASK_OUTCOME_SUCCEEDED");
  ASSERT_EQ((*json)["steps"].size(), 2u);
  for (const Json& step : (*json)["steps"]) {
    EXPECT_TRUE(Exists(folder_->Path("blobs/sha256-" + step["layer"]["tar"]["hash"].get<std::string>())));
    EXPECT_TRUE(
        Exists(folder_->Path("blobs/sha256-" + step["layer"]["manifest"]["hash"].get<std::string>())));
  }
  EXPECT_THAT(result.stderr_text, HasSubstr("said\n"));
  EXPECT_THAT(result.stderr_text, HasSubstr("one\n"));
}

TEST_P(WorkerCommandTest, FailingStepIsExitCodeOneAndNamed) {
  WriteTask({"echo last words >&2; exit 3"});
  const ProcessResult result = RunProgram(Command(GetParam()));
  EXPECT_EQ(result.exit_code, 1) << result.stderr_text;
  EXPECT_THAT(result.stderr_text, HasSubstr("last words"));
  EXPECT_EQ((*ParseJson(result.stdout_text))["steps"][0]["exitCode"], 3);
}

TEST_P(WorkerCommandTest, KilledWorkerLeavesNoProcess) {
  // Another one for each runtime: the two tests may run side by side.
  const std::string sleep = GetParam() == std::string("crun") ? "sleep 8641.5" : "sleep 8642.5";
  WriteTask({sleep + " & " + sleep});
  std::jthread killer;
  RunProgram(Command(GetParam()), [&](pid_t worker) {
    killer = std::jthread([worker, sleep] {
      EXPECT_TRUE(Comes([&] { return ProcessesOf(sleep).size() == 2; }));
      kill(worker, SIGKILL);
    });
  });
  killer.join();
  EXPECT_TRUE(Comes([&] { return ProcessesOf(sleep).empty(); }));
  // And nothing is left that keeps the next worker from the same data folder.
  WriteTask({":"});
  EXPECT_EQ(RunProgram(Command(GetParam())).exit_code, 0);
}

TEST_P(WorkerCommandTest, TerminatedTaskIsCancelledWithItsProcesses) {
  // Another one for each runtime: the two tests may run side by side.
  const std::string sleep = GetParam() == std::string("crun") ? "sleep 7531.5" : "sleep 7532.5";
  WriteTask({sleep});
  std::jthread killer;
  const ProcessResult result = RunProgram(Command(GetParam()), [&](pid_t worker) {
    killer = std::jthread([worker, sleep] {
      EXPECT_TRUE(Comes([&] { return !ProcessesOf(sleep).empty(); }));
      kill(worker, SIGTERM);
    });
  });
  killer.join();
  EXPECT_EQ(result.exit_code, 130) << result.stderr_text;
  EXPECT_THAT(result.stdout_text, HasSubstr("TASK_OUTCOME_CANCELLED"));
  EXPECT_TRUE(ProcessesOf(sleep).empty());
}

INSTANTIATE_TEST_SUITE_P(Runtime, WorkerCommandTest, testing::Values("crun", "runc"),
                         [](const auto& info) { return std::string(info.param); });

using WorkerCommandOnceTest = WorkerCommandTest;

TEST_P(WorkerCommandOnceTest, BothRuntimesMakeTheSameBytes) {
  WriteTask({"mkdir -p /a/b 2>/dev/null; echo x > /etc/x; ln -s x /etc/y; echo z > /tmp/z; chmod 4711 /tmp/z",
             "echo more >> /etc/x; id > /tmp/who"});
  const ProcessResult crun = RunProgram(Command("crun"));
  const ProcessResult runc = RunProgram(Command("runc"));
  const auto first = ParseJson(crun.stdout_text);
  const auto second = ParseJson(runc.stdout_text);
  ASSERT_OK(first);
  ASSERT_OK(second);
  ASSERT_EQ((*first)["steps"].size(), 2u) << crun.stderr_text;
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ((*first)["steps"][i]["layer"], (*second)["steps"][i]["layer"]);
}

TEST_P(WorkerCommandOnceTest, BlobWhoseDigestLiesIsInfrastructure) {
  WriteTask({":"});
  const std::string path = folder_->Path("blobs/sha256-" + base_.hash);
  std::string bytes = *ReadFile(path);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_OK(WriteFileAtomic(path, bytes));
  const ProcessResult result = RunProgram(Command("crun"));
  EXPECT_EQ(result.exit_code, 5) << result.stdout_text << result.stderr_text;
  EXPECT_THAT(result.stdout_text, HasSubstr(base_.hash));
}

TEST_P(WorkerCommandOnceTest, MissingBlobAndMissingEmulationAreInfrastructure) {
  // Whose emulator no machine of ours has.
  WriteTask({":"}, "mips64le");
  const ProcessResult foreign = RunProgram(Command("crun"));
  EXPECT_EQ(foreign.exit_code, 5);
  EXPECT_THAT(foreign.stdout_text, HasSubstr("no emulation for linux/mips64le on this worker"));
  WriteTask({":"});
  std::filesystem::remove(folder_->Path("blobs/sha256-" + base_.hash));
  std::filesystem::remove_all(folder_->Path("data-crun"));
  const ProcessResult missing = RunProgram(Command("crun"));
  EXPECT_EQ(missing.exit_code, 5) << missing.stdout_text;
  EXPECT_THAT(missing.stdout_text, HasSubstr(base_.hash));
}

TEST_P(WorkerCommandOnceTest, SecretsOfTheCommandLineReachTheStepAndNoOutput) {
  WriteTask({"cat /run/secrets/key; [ \"$TOKEN\" = from-variable ] && echo as given"});
  Json task = *ParseJson(*ReadFile(folder_->Path("task.json")));
  task["steps"][0]["run"]["mounts"] = {
      {{"type", "SECRET"}, {"id", "key"}, {"target", "L3J1bi9zZWNyZXRzL2tleQ=="}, {"required", true}},
      {{"type", "SECRET"}, {"id", "token"}, {"env", "TOKEN"}}};
  ASSERT_OK(WriteFileAtomic(folder_->Path("task.json"), WriteJson(task)));
  // Only root may read it; the worker has become somebody else when the step wants it.
  ASSERT_OK(WriteFileAtomic(folder_->Path("key"), "from-the-file\n", 0600));
  setenv("CROSSMILL_TEST_TOKEN", "from-variable", 1);
  std::vector<std::string> command = Command("crun");
  for (const std::string& secret :
       {"id=key,src=" + folder_->Path("key"), std::string("id=token,env=CROSSMILL_TEST_TOKEN")}) {
    command.insert(command.end(), {"--secret", secret});
  }
  const ProcessResult result = RunProgram(command);
  unsetenv("CROSSMILL_TEST_TOKEN");
  EXPECT_EQ(result.exit_code, 0) << result.stderr_text;
  EXPECT_THAT(result.stderr_text, HasSubstr("***\nas given\n"));
  EXPECT_EQ((result.stderr_text + result.stdout_text).find("from-the-file"), std::string::npos);
  const ProcessResult without = RunProgram(Command("crun"));
  EXPECT_EQ(without.exit_code, 1) << without.stderr_text;
  EXPECT_THAT(without.stderr_text, HasSubstr("secret 'key' is required and was not given"));
}

INSTANTIATE_TEST_SUITE_P(Once, WorkerCommandOnceTest, testing::Values("crun"),
                         [](const auto& info) { return std::string(info.param); });

TEST(WorkerCommandUsageTest, MistakesAreExitCodeTwo) {
  ProcessOptions options;
  options.argv = {Binary(), "--no-such-flag"};
  EXPECT_EQ(RunProcess(options)->exit_code, 2);
  options.argv = {Binary()};
  const auto result = RunProcess(options);
  EXPECT_EQ(result->exit_code, 2);
  EXPECT_THAT(result->stderr_text, HasSubstr("--coordinator is missing"));
  options.argv = {Binary(), "run", "/no/such/file", "--blobs", "/tmp"};
  EXPECT_THAT(RunProcess(options)->stderr_text, HasSubstr("/no/such/file"));
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(WriteFileAtomic(folder->Path("task"), R"({"platform": {"os": "linux"}, "steps": [{}]})"));
  for (const char* secret :
       {"src=/x", "id=a,src=/no/such/file", "id=a,env=CROSSMILL_TEST_UNSET", "id=a,x=y"}) {
    options.argv = {Binary(),   "run", folder->Path("task"), "--blobs", folder->Path("blobs"),
                    "--secret", secret};
    const auto refused = RunProcess(options);
    EXPECT_EQ(refused->exit_code, 2) << secret;
    EXPECT_THAT(refused->stderr_text, HasSubstr(secret));
  }
}

}  // namespace
}  // namespace crossmill::worker
