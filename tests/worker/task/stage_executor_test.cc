// The executor over fakes: what is put on what, and whose fault a failure is.
#include "worker/task/stage_executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sandbox.h"
#include "tests/support/fake_snapshotter.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RecordingObserver final : public ExecutionObserver {
 public:
  void OnStepStarted(const v1::StepStarted& started) override {
    MutexLock lock(mutex_);
    lines_.push_back(fmt::format("start {}", started.number()));
  }
  void OnLog(const v1::LogChunk& chunk) override {
    MutexLock lock(mutex_);
    lines_.push_back(
        fmt::format("log {} {} {}", chunk.step_number(), static_cast<int>(chunk.stream()), chunk.data()));
  }
  void OnStepFinished(const v1::StepResult& result) override {
    MutexLock lock(mutex_);
    lines_.push_back(fmt::format("finish {}", result.number()));
  }
  std::vector<std::string> lines() {
    MutexLock lock(mutex_);
    return lines_;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

v1::PlatformSupport Support(const std::string& architecture, bool emulated) {
  v1::PlatformSupport support;
  support.mutable_platform()->set_os("linux");
  support.mutable_platform()->set_architecture(architecture);
  support.set_emulated(emulated);
  return support;
}

class StageExecutorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    blobs_ = MakeMemoryBlobStore();
    snapshotter_ = std::make_unique<FakeSnapshotter>(folder_->path(), *blobs_);
    task_.mutable_platform()->set_os("linux");
    task_.mutable_platform()->set_architecture("amd64");
    ToProto(snapshotter_->AddLayer({{"etc/os-release", "fake"}}), task_.add_parents()->mutable_tar());
  }

  v1::Step& AddRun(const std::string& word) {
    v1::Step& step = *task_.add_steps();
    step.set_number(static_cast<uint32_t>(task_.steps_size()) + 1);
    step.set_instruction("RUN");
    step.set_text("RUN " + word);
    step.mutable_range()->set_file("Dockerfile");
    step.mutable_range()->set_first_line(10 + static_cast<uint32_t>(task_.steps_size()));
    step.mutable_run()->add_argv(word);
    step.mutable_run()->set_network(v1::NETWORK_MODE_HOST);
    return step;
  }

  v1::TaskResult Execute(FakeSandbox::Behaviour behaviour) {
    FakeSandbox sandbox(std::move(behaviour));
    ExecutorOptions options;
    options.platforms = {Support("amd64", false), Support("arm64", true)};
    options.disk_space = [this] {
      ++looks_;
      return DiskSpace{free_, 100'000'000'000};
    };
    StageExecutor executor(*snapshotter_, sandbox, *blobs_, clock_, options);
    return executor.Execute(task_, context_, observer_, stop_.get_token());
  }

  // A sandbox whose programs write their own name into a file of that name.
  static absl::StatusOr<SandboxResult> WriteOwnName(const SandboxRun& run) {
    EXPECT_OK(WriteFileAtomic(run.root + "/" + run.run.argv(0), run.run.argv(0)));
    return SandboxResult();
  }

  static absl::StatusOr<SandboxResult> ExitWith(int code) {
    SandboxResult result;
    result.exit_code = code;
    return result;
  }

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<FakeSnapshotter> snapshotter_;
  FakeClock clock_;
  RecordingObserver observer_;
  std::stop_source stop_;
  // Of the disk, and how often it was asked for.
  std::atomic<uint64_t> free_ = 50'000'000'000;
  std::atomic<int> looks_ = 0;
  v1::Task task_;
  TaskContext context_;
};

TEST_F(StageExecutorTest, EachStepRunsOnTheLayersOfThoseBefore) {
  AddRun("one");
  AddRun("two");
  const v1::TaskResult result = Execute([](const SandboxRun& run) -> absl::StatusOr<SandboxResult> {
    if (run.run.argv(0) == "two") {
      EXPECT_TRUE(Exists(run.root + "/one"));
    }
    return WriteOwnName(run);
  });
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_SUCCEEDED) << result.message();
  ASSERT_EQ(result.steps_size(), 2);
  EXPECT_EQ(FromProto(result.steps(0).layer().tar()), DigestOf(std::string("one\0one\0", 8)));
  EXPECT_EQ(result.steps(1).content_bytes(), 3);
  EXPECT_THAT(observer_.lines(), ElementsAre("start 2", "finish 2", "start 3", "finish 3"));
}

TEST_F(StageExecutorTest, NonZeroExitIsTheRecipesFailureAndEndsTheTask) {
  AddRun("bad");
  AddRun("never");
  const v1::TaskResult result = Execute([](const SandboxRun& run) {
    run.on_output(v1::LogChunk::STREAM_STDERR, "no such option\n");
    return ExitWith(2);
  });
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_EQ(result.message(), "Dockerfile:11: RUN: exit code 2");
  ASSERT_EQ(result.steps_size(), 1);
  EXPECT_EQ(result.steps(0).exit_code(), 2);
  EXPECT_EQ(result.steps(0).failure(), "exit code 2");
  EXPECT_FALSE(result.steps(0).has_layer());
  EXPECT_THAT(observer_.lines(),
              ElementsAre("start 2", "log 2 1 no such option\n", "log 2 2 exit code 2\n", "finish 2"));
}

TEST_F(StageExecutorTest, ACommandThatFailsOnAFullDiskIsNotTheRecipesFailure) {
  AddRun("writes");
  free_ = 900'000'000;
  const v1::TaskResult failed = Execute([](const SandboxRun&) { return ExitWith(1); });
  EXPECT_EQ(failed.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_EQ(failed.message(), "step 2: the worker's disk had 900.0 MB left, and exit code 1");
  EXPECT_EQ(failed.steps_size(), 0) << "nothing is known of the step";
  EXPECT_EQ(Execute(WriteOwnName).outcome(), v1::TASK_OUTCOME_SUCCEEDED);
  // busybox writes half a file there, and exits with 0.
  free_ = 10'000;
  const v1::TaskResult cut = Execute(WriteOwnName);
  EXPECT_EQ(cut.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_THAT(cut.message(), HasSubstr("what the command wrote may not be whole"));
}

TEST_F(StageExecutorTest, AReplicaIsExecutedInAllThatIsAskedToVary) {
  AddRun("sees");
  task_.set_replica(2);
  task_.mutable_variation()->set_number(2);
  for (const v1::Aspect aspect : {v1::ASPECT_HOST_NAME, v1::ASPECT_TIME_ZONE, v1::ASPECT_LOCALE})
    task_.mutable_variation()->add_aspects(aspect);
  const v1::TaskResult result = Execute([](const SandboxRun& run) {
    EXPECT_EQ(run.host_name, "builder-2.crossmill");
    return WriteOwnName(run);
  });
  std::vector<v1::Aspect> asked;
  for (const v1::Circumstance& each : result.steps(0).circumstances()) {
    if (each.asked()) asked.push_back(each.aspect());
  }
  EXPECT_THAT(asked,
              testing::UnorderedElementsAre(v1::ASPECT_HOST_NAME, v1::ASPECT_TIME_ZONE, v1::ASPECT_LOCALE));
}

// Other steps fill it, and others' layers are removed.
TEST_F(StageExecutorTest, ADiskThatWasFullInTheMiddleOfACommandIsToBlameToo) {
  AddRun("writes");
  for (const int code : {0, 1}) {
    const v1::TaskResult result = Execute([&](const SandboxRun&) {
      free_ = 10'000;
      // One may have begun before that.
      const int seen = looks_ + 2;
      EXPECT_TRUE(Eventually([&] { return looks_ >= seen; }));
      free_ = 50'000'000'000;
      return ExitWith(code);
    });
    EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
    EXPECT_THAT(result.message(), HasSubstr("the worker's disk had 0.0 MB left"));
  }
  EXPECT_EQ(Execute(WriteOwnName).outcome(), v1::TASK_OUTCOME_SUCCEEDED);
}

TEST_F(StageExecutorTest, KilledProgramIsNamedBySignal) {
  AddRun("big");
  const v1::TaskResult killed = Execute([](const SandboxRun&) { return ExitWith(137); });
  EXPECT_EQ(killed.steps(0).failure(), "exit code 137 (killed by SIGKILL; perhaps out of memory)");
  const v1::TaskResult crashed = Execute([](const SandboxRun&) { return ExitWith(139); });
  EXPECT_EQ(crashed.steps(0).failure(), "exit code 139 (killed by SIGSEGV)");
}

TEST_F(StageExecutorTest, StepTimeoutIsTheRecipesFailure) {
  task_.set_step_timeout(90);
  AddRun("slow");
  const v1::TaskResult result = Execute([](const SandboxRun& run) -> absl::StatusOr<SandboxResult> {
    EXPECT_EQ(run.timeout, absl::Seconds(90));
    SandboxResult ended;
    ended.exit_code = 137;
    ended.timed_out = true;
    return ended;
  });
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_TRUE(result.steps(0).timed_out());
  EXPECT_EQ(result.steps(0).failure(), "step timeout of 1m30s reached");
}

TEST_F(StageExecutorTest, BrokenSandboxIsInfrastructure) {
  AddRun("any");
  const v1::TaskResult result = Execute([](const SandboxRun&) -> absl::StatusOr<SandboxResult> {
    return absl::UnavailableError("crun broke");
  });
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_EQ(result.message(), "step 2: crun broke");
  EXPECT_EQ(result.steps_size(), 0);
}

TEST_F(StageExecutorTest, FullDiskIsInfrastructure) {
  AddRun("any");
  snapshotter_->FailCommits(absl::ResourceExhaustedError("layer: No space left on device"));
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_THAT(result.message(), HasSubstr("No space left"));
}

TEST_F(StageExecutorTest, AFileThatNoLayerCanHoldIsTheRecipesFailure) {
  AddRun("any");
  snapshotter_->FailCommits(
      absl::InvalidArgumentError("path 'x/.wh.x': names that begin with .wh. mean removals"));
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_EQ(result.message(), "Dockerfile:11: RUN: path 'x/.wh.x': names that begin with .wh. mean removals");
  ASSERT_EQ(result.steps_size(), 1);
  EXPECT_THAT(result.steps(0).failure(), HasSubstr(".wh."));
}

TEST_F(StageExecutorTest, MissingParentLayerIsInfrastructure) {
  ToProto(DigestOf("nowhere"), task_.add_parents()->mutable_tar());
  AddRun("any");
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_THAT(result.message(), HasSubstr("is missing"));
}

TEST_F(StageExecutorTest, MissingContextBlobIsInfrastructureNotAMissingFile) {
  v1::Step& step = AddRun("x");
  step.clear_run();
  step.set_instruction("COPY");
  step.mutable_copy()->set_destination("/");
  v1::CopySource& source = *step.mutable_copy()->add_sources();
  source.set_text("app.py");
  v1::ContextMatch& match = *source.mutable_context()->add_matches();
  match.set_name("app.py");
  match.set_path("app.py");
  match.set_unix_mode(0644);
  ToProto(DigestOf("lost"), match.mutable_file());
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE) << result.message();
}

TEST_F(StageExecutorTest, CopyPutsContextFilesIntoALayerWithExactTimes) {
  v1::Step& step = AddRun("x");
  step.clear_run();
  step.set_instruction("COPY");
  step.set_clamp_time(1234);
  step.mutable_copy()->set_destination("/");
  v1::CopySource& source = *step.mutable_copy()->add_sources();
  source.set_text("app.py");
  v1::ContextMatch& match = *source.mutable_context()->add_matches();
  match.set_name("app.py");
  match.set_path("app.py");
  match.set_unix_mode(0644);
  ToProto(*blobs_->PutBytes("print()"), match.mutable_file());
  const v1::TaskResult result = Execute(WriteOwnName);
  ASSERT_EQ(result.outcome(), v1::TASK_OUTCOME_SUCCEEDED) << result.message();
  EXPECT_EQ(FromProto(result.steps(0).layer().tar()), DigestOf(std::string("app.py\0print()\0", 15)));
  ASSERT_EQ(snapshotter_->commits().size(), 1u);
  EXPECT_TRUE(snapshotter_->commits()[0].exact_times);
  EXPECT_EQ(snapshotter_->commits()[0].clamp_time, 1234);
}

TEST_F(StageExecutorTest, PlatformWithoutEmulationIsInfrastructureAndSaysSo) {
  task_.mutable_platform()->set_architecture("riscv64");
  AddRun("any");
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_EQ(result.message(), "step 2: no emulation for linux/riscv64 on this worker");
}

TEST_F(StageExecutorTest, EmulatedExecutionIsMarked) {
  task_.mutable_platform()->set_architecture("arm64");
  AddRun("any");
  EXPECT_TRUE(Execute(WriteOwnName).steps(0).emulated());
}

TEST_F(StageExecutorTest, ReplicaReportsItsOwnLayerAndGoesOnFromTheExpectedOne) {
  const Digest expected = snapshotter_->AddLayer({{"first", "from the first execution"}});
  ToProto(expected, AddRun("mine").mutable_expected()->mutable_tar());
  AddRun("next");
  const v1::TaskResult result = Execute([](const SandboxRun& run) -> absl::StatusOr<SandboxResult> {
    if (run.run.argv(0) == "next") {
      EXPECT_TRUE(Exists(run.root + "/first"));
      EXPECT_FALSE(Exists(run.root + "/mine"));
    }
    return WriteOwnName(run);
  });
  ASSERT_EQ(result.outcome(), v1::TASK_OUTCOME_SUCCEEDED) << result.message();
  EXPECT_EQ(FromProto(result.steps(0).layer().tar()), DigestOf(std::string("mine\0mine\0", 10)));
  EXPECT_EQ(snapshotter_->prepared()[1].back(), expected);
}

TEST_F(StageExecutorTest, StopEndsTheTaskAsCancelled) {
  AddRun("long");
  AddRun("never");
  const v1::TaskResult result = Execute([this](const SandboxRun& run) -> absl::StatusOr<SandboxResult> {
    stop_.request_stop();
    SandboxResult ended;
    ended.stopped = run.stop.stop_requested();
    return ended;
  });
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_CANCELLED);
  EXPECT_THAT(observer_.lines(), ElementsAre("start 2"));
}

TEST_F(StageExecutorTest, UnknownUserIsTheRecipesFailure) {
  AddRun("any").mutable_run()->set_user("no-such-user");
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_FALSE(result.steps(0).failure().empty());
}

TEST_F(StageExecutorTest, ExportThatMatchesNothingFailsTheTask) {
  AddRun("file");
  task_.add_exports()->set_pattern("/file");
  task_.add_exports()->set_pattern("/none");
  const v1::TaskResult result = Execute(WriteOwnName);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_FAILED);
  ASSERT_EQ(result.exports_size(), 2);
  EXPECT_TRUE(result.exports(0).failure().empty()) << result.exports(0).failure();
  EXPECT_TRUE(blobs_->Has(FromProto(result.exports(0).blob())));
  EXPECT_FALSE(result.exports(1).failure().empty());
}

TEST_F(StageExecutorTest, StepSeesTheEpochAndTheRecipesEnvironment) {
  task_.set_source_date_epoch(315619200);
  AddRun("any").mutable_run()->add_env("LANG=C.UTF-8");
  Execute([](const SandboxRun& run) -> absl::StatusOr<SandboxResult> {
    EXPECT_THAT(run.env, testing::Contains("LANG=C.UTF-8"));
    EXPECT_THAT(run.env, testing::Contains("SOURCE_DATE_EPOCH=315619200"));
    EXPECT_THAT(run.env, testing::Contains(testing::StartsWith("PATH=")));
    EXPECT_THAT(run.env, testing::Contains(testing::StartsWith("HOME=")));
    return SandboxResult();
  });
}

}  // namespace
}  // namespace crossmill::worker
