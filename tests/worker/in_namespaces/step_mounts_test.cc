// Mounts of RUN and secrets for real: overlayfs, each installed runtime, layers as they come out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/in_namespaces/step_mounts_fixture.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_P(StepMountsTest, BoundFolderHasTheContextsModesAndTheStepsTime) {
  v1::Step step = Step("stat -c '%a %u:%g %Y %n' /src /src/a; cat /src/a; touch /src/b || echo read-only");
  AddFolder(step, "/src", {{"a", "content\n"}});
  const Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "711 0:0 1600000000 /src\n640 0:0 1600000000 /src/a\ncontent\nread-only\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
}

TEST_P(StepMountsTest, WritesToAWritableBindAreGoneAfterTheStep) {
  v1::Step step = Step("echo more >> /src/a && rm /src/b && touch /src/c && ls /src && cat /src/a");
  AddFolder(step, "/src", {{"a", "content\n"}, {"b", ""}}, false);
  EXPECT_EQ(Succeed(step).out, "a\nc\ncontent\nmore\n");
  const Executed again = Succeed(step);
  EXPECT_EQ(again.out, "a\nc\ncontent\nmore\n");
  EXPECT_THAT(Layer(again), IsEmpty());
}

TEST_P(StepMountsTest, OneFileCanBeBoundOverAFileAndWhereNothingWas) {
  v1::Step step =
      Step("cat /file /new/place/x; stat -c '%a %F' /new/place/x; echo x > /file || echo read-only");
  AddFile(step, "/file", "mounted\n");
  AddFile(step, "/new/place/x", "new\n");
  const Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "mounted\nnew\n604 regular file\nread-only\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
}

TEST_P(StepMountsTest, ExportOfAnotherStageKeepsItsMetadata) {
  v1::Step producer = Step("mkdir -p /out/sub && echo built > /out/sub/x && chmod 4751 /out/sub/x");
  const Executed made = Succeed(producer, {"/out"});
  v1::Step step = Step("stat -c '%a %n' /in/sub/x; cat /in/sub/x");
  v1::RunMount& mount = Add(step, v1::RunMount::TYPE_BIND, "/in");
  mount.set_read_only(true);
  *mount.mutable_source()->mutable_export_()->mutable_blob() = made.result.exports(0).blob();
  EXPECT_EQ(Succeed(step).out, "4751 /in/sub/x\nbuilt\n");
}

struct TraceCase {
  const char* name;
  std::string target;
  std::string script;
  std::vector<std::string> layer;
};

TEST_P(StepMountsTest, MountPointsLeaveNoTraceButWhatTheStepPutBeside) {
  const TraceCase cases[] = {
      {"new", "/new/a/b", ":", {}},
      {"existing", "/existing", "touch /existing/x", {}},
      {"beside", "/new/a", "touch /new/x", {"new", "new/x"}},
      {"through a link", "/link/sub", "touch /link/sub/x; ls /existing/sub", {}},
      {"run", "/run/lock/x", "mkdir /run/mine", {"run", "run/mine"}},
      {"home", "/root/.cache/pip", "touch /root/.cache/pip/x", {}},
      {"shm", "/dev/shm", "touch /dev/shm/x", {}},
      {"below shm", "/dev/shm/a/b", "touch /dev/shm/a/b/x", {}},
      {"etc", "/etc", "ls /etc; touch /etc/x", {}},
      {"tmp", "/tmp", "touch /tmp/x", {}},
  };
  for (const v1::RunMount::Type type : {v1::RunMount::TYPE_TMPFS, v1::RunMount::TYPE_CACHE}) {
    for (const TraceCase& trace : cases) {
      SCOPED_TRACE(fmt::format("{} {}", trace.name, static_cast<int>(type)));
      v1::Step step = Step(trace.script);
      Add(step, type, trace.target).set_id(trace.target);
      EXPECT_EQ(Layer(Succeed(step)), trace.layer);
    }
  }
}

TEST_P(StepMountsTest, ParentsAreMountedBeforeWhatIsBelow) {
  v1::Step step = Step("ls /a /a/b /a/c; cat /a/c/f; touch /a/b/x");
  AddFile(step, "/a/c/f", "file\n");
  Add(step, v1::RunMount::TYPE_TMPFS, "/a/b");
  AddFolder(step, "/a", {{"x", ""}});
  Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "/a:\nb\nc\nx\n\n/a/b:\n\n/a/c:\nf\nfile\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
}

TEST_P(StepMountsTest, TmpfsHasTheModeOfItsPlaceAndItsSize) {
  v1::Step step = Step("stat -c '%a' /new /existing; df -k /new | cat");
  Add(step, v1::RunMount::TYPE_TMPFS, "/new").set_size(8 << 20);
  Add(step, v1::RunMount::TYPE_TMPFS, "/existing");
  const Executed executed = Succeed(step);
  EXPECT_THAT(executed.out, testing::StartsWith("1777\n750\n"));
  EXPECT_THAT(executed.out, HasSubstr(" 8192 "));
}

TEST_P(StepMountsTest, WrongPlacesAreTheRecipesMistake) {
  for (const char* target : {"/file", "/file/x", "/proc/x", "/dev", "/"}) {
    v1::Step step = Step(":");
    Add(step, v1::RunMount::TYPE_TMPFS, target);
    const Executed executed = Execute(step);
    EXPECT_EQ(executed.result.outcome(), v1::TASK_OUTCOME_FAILED) << target << executed.result.message();
    EXPECT_THAT(executed.result.message(), HasSubstr(fmt::format("mount point {}: ", target)));
  }
}

TEST_P(StepMountsTest, IdsBeyondThoseOfTheWorkerAreTheRecipesMistake) {
  const std::string limits = "the worker's user namespace has only the ids 0..";
  const auto message = [&](const v1::Step& step) {
    const Executed executed = Execute(step);
    EXPECT_EQ(executed.result.outcome(), v1::TASK_OUTCOME_FAILED) << executed.result.message();
    EXPECT_THAT(executed.result.message(), HasSubstr(limits));
    return executed.result.message();
  };
  v1::Step run = Step("id");
  for (const char* user : {"4294967294:4294967294", "0:4294967294"}) {
    run.mutable_run()->set_user(user);
    const Executed executed = Execute(run);
    EXPECT_EQ(executed.result.outcome(), v1::TASK_OUTCOME_FAILED) << executed.result.message();
    EXPECT_THAT(executed.result.message(),
                HasSubstr(fmt::format("RUN: the step runs as {}, and programs can have "
                                      "only the ids 0..2147483647",
                                      user)));
  }
  v1::Step workdir;
  workdir.set_instruction("WORKDIR");
  workdir.mutable_workdir()->set_path("/w");
  workdir.mutable_workdir()->set_user("4294967294");
  EXPECT_THAT(message(workdir), HasSubstr("/w belongs to 4294967294:4294967294"));
  v1::Step copy;
  copy.set_instruction("COPY");
  copy.mutable_copy()->set_destination("/new/folder/");
  copy.mutable_copy()->set_chown("4294967294:1");
  v1::CopySource& source = *copy.mutable_copy()->add_sources();
  source.mutable_inline_file()->set_name("f");
  EXPECT_THAT(message(copy), HasSubstr("/new/folder/ belongs to 4294967294:1"));
  for (const auto type : {v1::RunMount::TYPE_CACHE, v1::RunMount::TYPE_SECRET}) {
    v1::Step mounted = Step("true");
    v1::RunMount& mount = Add(mounted, type, "/m");
    mount.set_id("token");
    mount.set_uid(4294967294U);
    Give("token", "value");
    message(mounted);
  }
}

TEST_P(StepMountsTest, OwnersAndUsersMayHaveAnyIdThatTheWorkerHas) {
  const auto map = ReadFile("/proc/self/uid_map");
  ASSERT_OK(map);
  if (map->find('\n') == map->rfind('\n')) GTEST_SKIP() << "only one id";
  std::istringstream ranges(*map);
  uint64_t inside = 0, outside = 0, count = 0, last = 0;
  while (ranges >> inside >> outside >> count) last = inside + count - 1;
  v1::Step step = Step(fmt::format(
      "touch /f; chown {0}:{0} /f; stat -c '%u:%g' /f; cd /; cp -p /f /g; stat -c '%u:%g' /g", last));
  const Executed executed = Succeed(step, {"/f"});
  EXPECT_EQ(executed.out, fmt::format("{0}:{0}\n{0}:{0}\n", last));
  EXPECT_THAT(Layer(executed), ElementsAre("f", "g"));
  // And again as a layer that was unpacked.
  v1::Step as_user = Step("id -u; id -g; stat -c %u /f");
  const uint64_t highest = std::min<uint64_t>(last, 2147483647);
  as_user.mutable_run()->set_user(fmt::format("{0}:{0}", highest));
  base_layers_.push_back(executed.result.steps(0).layer());
  EXPECT_EQ(Succeed(as_user).out, fmt::format("{0}\n{0}\n{1}\n", highest, last));
}

TEST_P(StepMountsTest, PrimaryGroupIsASupplementaryOneToo) {
  v1::Step step = Step("grep Groups /proc/self/status");
  step.mutable_run()->set_argv(2,
                               "while read -r key rest; do [ $key = Groups: ] && echo $rest; done < "
                               "/proc/self/status; true");
  EXPECT_EQ(Succeed(step).out, "0\n");
  step.mutable_run()->set_user("12:34");
  EXPECT_EQ(Succeed(step).out, "34\n");
}

TEST_P(StepMountsTest, SecretIsAFileAndAVariableAndNowhereElse) {
  Give("token", "very-secret-value\n");
  v1::Step step = Step(
      "stat -c '%a %u:%g %s' /run/secrets/token /other; cat /run/secrets/token; echo \"$TOKEN\" >&2; "
      "base64 /other; echo x > /other || echo read-only; touch /ready; "
      "while [ -e /ready ] && ! [ -e /go ]; do sleep 0.05; done");
  AddSecret(step, "/run/secrets/token");
  v1::RunMount& other = AddSecret(step, "/other");
  other.set_mode(0440);
  other.set_uid(5);
  other.set_gid(6);
  AddSecret(step, "").set_env("TOKEN");
  // While it runs: what lies in the worker's folder is on the disk but for the sandbox's tmpfs and the step's
  // own.
  std::vector<std::string> found;
  bool dumpable = true;
  Executed executed;
  {
    const std::jthread watcher([&] {
      const auto roots = folder_->Path("snapshots/work");
      std::string root;
      while (root.empty()) {
        for (const auto& entry : std::filesystem::directory_iterator(roots)) {
          if (Exists(entry.path().string() + "/upper/ready")) root = entry.path().string() + "/root";
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      found = FilesWith("very-secret");
      dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
      EXPECT_OK(WriteFileAtomic(root + "/go", ""));
    });
    executed = Succeed(step);
  }
  EXPECT_FALSE(dumpable);
  for (const std::string& path : found) {
    EXPECT_TRUE(path.starts_with(folder_->Path("sandbox/")) ||
                path.starts_with(folder_->Path("mounts/work/")))
        << path;
  }
  EXPECT_THAT(found, Not(IsEmpty()));
  EXPECT_EQ(executed.out, "400 0:0 18\n440 5:6 18\n***\n***UK\nread-only\n");
  EXPECT_EQ(executed.err.substr(0, 4), "***\n");
  EXPECT_THAT(Layer(executed), ElementsAre("go", "ready"));
  EXPECT_THAT(FilesWith("very-secret"), IsEmpty());
  context_.secrets.reset();
  EXPECT_NE(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

TEST_P(StepMountsTest, SecretsLieOnATmpfs) {
  Give("token", "very-secret-value");
  v1::Step step = Step("stat -f -c %T /run/secrets/token");
  AddSecret(step, "/run/secrets/token");
  EXPECT_EQ(Succeed(step).out, "tmpfs\n");
}

TEST_P(StepMountsTest, LayerThatContainsTheSecretIsWarnedOf) {
  Give("token", "very-secret-value");
  v1::Step step = Step("mkdir /d; echo \"x$TOKEN\" > /d/leak; echo other > /d/fine");
  AddSecret(step, "").set_env("TOKEN");
  const Executed executed = Succeed(step);
  EXPECT_EQ(executed.worker, "warning: the layer contains the secret 'token' in /d/leak\n");
  EXPECT_THAT(executed.result.steps(0).warnings(),
              ElementsAre("the layer contains the secret 'token' in /d/leak"));
}

TEST_P(StepMountsTest, MissingSecretFailsOnlyIfItIsRequired) {
  v1::Step step = Step("ls /run/secrets 2>/dev/null; env");
  AddSecret(step, "/run/secrets/token").set_env("TOKEN");
  const Executed executed = Succeed(step);
  EXPECT_THAT(executed.out, Not(HasSubstr("token")));
  EXPECT_THAT(executed.out, HasSubstr("TOKEN=\n")) << "set, but empty";
  step.mutable_run()->mutable_mounts(0)->set_required(true);
  const Executed failed = Execute(step);
  EXPECT_EQ(failed.result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_THAT(failed.result.message(), HasSubstr("secret 'token' is required and was not given"));
}

TEST_P(StepMountsTest, AgentSocketIsThereWithItsOwnerAndVariable) {
  v1::Step step = Step("stat -c '%F %a %u:%g' $SSH_AUTH_SOCK; echo $SSH_AUTH_SOCK");
  v1::RunMount& mount = Add(step, v1::RunMount::TYPE_SSH, "/run/buildkit/ssh_agent.0");
  mount.set_id("default");
  mount.set_required(true);
  mount.set_uid(7);
  const Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "socket 600 7:0\n/run/buildkit/ssh_agent.0\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
  step.mutable_run()->mutable_mounts(0)->set_id("other");
  EXPECT_THAT(Execute(step).result.message(), HasSubstr("ssh agent 'other' is required and was not given"));
}

TEST_P(StepMountsTest, HostsShmAndLimitsAreTheRecipes) {
  v1::Step step = Step("cat /etc/hosts; df -k /dev/shm | cat; ulimit -Sn; ulimit -Hn; ulimit -l");
  step.mutable_run()->add_extra_hosts("192.0.2.9 build.example");
  step.mutable_run()->set_shm_size(16 << 20);
  v1::Ulimit& files = *step.mutable_run()->add_ulimits();
  files.set_name("nofile");
  files.set_soft(100);
  files.set_hard(200);
  const Executed executed = Succeed(step);
  EXPECT_THAT(executed.out, HasSubstr("192.0.2.9 build.example\n"));
  EXPECT_THAT(executed.out, HasSubstr(" 16384 "));
  EXPECT_THAT(executed.out, HasSubstr("\n100\n200\n"));
  EXPECT_EQ(executed.worker, "");
}

INSTANTIATE_TEST_SUITE_P(Runtime, StepMountsTest, testing::Values("crun", "runc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace crossmill::worker
