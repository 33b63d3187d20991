// RUN --mount and secrets for real: overlayfs, each installed runtime, layers as they come out.
#include "worker/mounts/step_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/layer/tar_reader.h"
#include "tests/support/fake_ssh_forwarder.h"
#include "tests/support/host_root.h"
#include "tests/support/status_matchers.h"
#include "worker/layers/overlay_snapshotter.h"
#include "worker/sandbox/oci_sandbox.h"
#include "worker/task/stage_executor.h"

namespace crossmill::worker {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kClamp = 1'600'000'000;

class ConsoleObserver final : public ExecutionObserver {
 public:
  void OnStepStarted(const v1::StepStarted&) override {}
  void OnStepFinished(const v1::StepResult&) override {}
  void OnLog(const v1::LogChunk& chunk) override {
    MutexLock lock(mutex_);
    (chunk.stream() == v1::LogChunk::STDOUT   ? out_
     : chunk.stream() == v1::LogChunk::STDERR ? err_
                                              : worker_) += chunk.data();
  }
  std::string out() { return Locked(out_); }
  std::string err() { return Locked(err_); }
  std::string worker() { return Locked(worker_); }

 private:
  std::string Locked(const std::string& text) {
    MutexLock lock(mutex_);
    return text;
  }
  Mutex mutex_;
  std::string out_, err_, worker_;
};

struct Executed {
  v1::TaskResult result;
  std::string out, err, worker;
};

class StepMountsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const char* why = std::getenv("CROSSMILL_TEST_NO_NAMESPACES")) GTEST_SKIP() << why;
    // Not /tmp: it may be a tmpfs, which takes no user.* attributes.
    auto folder = TemporaryFolder::Create("/var/tmp");
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    chmod(folder_->path().c_str(), 0755);
    blobs_ = MakeMemoryBlobStore();
    auto sandbox =
        OciSandbox::Create({.runtime = GetParam(), .folder = folder_->Path("sandbox"), .host_settings = {}});
    if (absl::IsFailedPrecondition(sandbox.status())) GTEST_SKIP() << sandbox.status();
    ASSERT_OK(sandbox);
    sandbox_ = std::move(*sandbox);
    auto snapshotter = OverlaySnapshotter::Create(folder_->Path("snapshots"), *blobs_);
    ASSERT_OK(snapshotter);
    snapshotter_ = std::move(*snapshotter);
    OpenStore();
    MakeBase();
  }

  void OpenStore() {
    auto store = MountStore::Create(folder_->Path("mounts"));
    ASSERT_OK(store);
    store_ = std::move(*store);
    ExecutorOptions options;
    v1::PlatformSupport& support = options.platforms.emplace_back();
    support.mutable_platform()->set_os("linux");
    support.mutable_platform()->set_architecture("any");
    options.mounts = store_.get();
    options.ssh = &agents_;
    executor_ = std::make_unique<StageExecutor>(*snapshotter_, *sandbox_, *blobs_, clock_, options);
  }

  void MakeBase() {
    auto snapshot = snapshotter_->Prepare({});
    ASSERT_OK(snapshot);
    const std::string root = (*snapshot)->root();
    ASSERT_OK(MakeHostRoot(root, {"sh", "cat", "ls", "id", "env", "sleep", "stat", "touch", "mkdir", "mount",
                                  "df", "rm", "base64", "cp", "chmod", "chown", "ln"}));
    ASSERT_OK(MakeFolders(root + "/existing", 0750));
    chmod(std::string(root + "/existing").c_str(), 0750);
    ASSERT_OK(WriteFileAtomic(root + "/file", "image"));
    std::filesystem::create_symlink("/existing", root + "/link");
    auto committed = (*snapshot)->Commit({.clamp_time = kClamp});
    ASSERT_OK(committed);
    base_ = committed->layer;
  }

  // A context folder {name: content}, 0640 files in a 0711 folder.
  Digest Folder(const std::map<std::string, std::string>& files) {
    reapi::Directory directory;
    directory.mutable_node_properties()->mutable_unix_mode()->set_value(0711);
    for (const auto& [name, content] : files) {
      reapi::FileNode& file = *directory.add_files();
      file.set_name(name);
      ToProto(*blobs_->PutBytes(content), file.mutable_digest());
      file.mutable_node_properties()->mutable_unix_mode()->set_value(0640);
    }
    return *blobs_->PutBytes(directory.SerializeAsString());
  }

  static v1::Step Step(const std::string& script) {
    v1::Step step;
    step.set_number(2);
    step.set_instruction("RUN");
    step.set_clamp_time(kClamp);
    v1::Run& run = *step.mutable_run();
    for (const char* word : {"sh", "-c"}) run.add_argv(word);
    run.add_argv(script);
    run.add_env("PATH=/bin");
    run.set_network(v1::NETWORK_MODE_NONE);
    return step;
  }
  static v1::RunMount& Add(v1::Step& step, v1::RunMount::Type type, const std::string& target) {
    v1::RunMount& mount = *step.mutable_run()->add_mounts();
    mount.set_type(type);
    mount.set_target(target);
    return mount;
  }
  v1::RunMount& AddFolder(v1::Step& step, const std::string& target,
                          const std::map<std::string, std::string>& files, bool read_only = true) {
    v1::RunMount& mount = Add(step, v1::RunMount::BIND, target);
    mount.set_read_only(read_only);
    v1::ContextMatch& match = *mount.mutable_source()->mutable_context()->add_matches();
    match.set_name("folder");
    ToProto(Folder(files), match.mutable_directory());
    return mount;
  }
  v1::RunMount& AddFile(v1::Step& step, const std::string& target, const std::string& content) {
    v1::RunMount& mount = Add(step, v1::RunMount::BIND, target);
    mount.set_read_only(true);
    v1::ContextMatch& match = *mount.mutable_source()->mutable_context()->add_matches();
    match.set_name("a");
    match.set_unix_mode(0604);
    ToProto(*blobs_->PutBytes(content), match.mutable_file());
    return mount;
  }
  v1::RunMount& AddSecret(v1::Step& step, const std::string& target) {
    v1::RunMount& mount = Add(step, v1::RunMount::SECRET, target);
    mount.set_id("token");
    return mount;
  }
  void Give(const std::string& id, const std::string& value) {
    auto secrets = std::make_shared<TaskSecrets>();
    secrets->Add(id, value);
    context_.secrets = std::move(secrets);
  }

  Executed Execute(const v1::Step& step, const std::vector<std::string>& exports = {}) {
    v1::Task task;
    task.mutable_platform()->set_os("linux");
    task.mutable_platform()->set_architecture("any");
    *task.add_parents() = base_;
    for (const v1::Layer& layer : base_layers_) *task.add_parents() = layer;
    task.set_fresh_caches(fresh_caches_);
    *task.add_steps() = step;
    for (const std::string& pattern : exports) task.add_exports()->set_pattern(pattern);
    ConsoleObserver console;
    Executed executed;
    executed.result = executor_->Execute(task, context_, console, {});
    executed.out = console.out();
    executed.err = console.err();
    executed.worker = console.worker();
    return executed;
  }
  Executed Succeed(const v1::Step& step, const std::vector<std::string>& exports = {}) {
    Executed executed = Execute(step, exports);
    EXPECT_EQ(executed.result.outcome(), v1::TASK_OUTCOME_SUCCEEDED)
        << executed.result.message() << executed.out << executed.err << executed.worker;
    return executed;
  }
  // Paths in the layer of an executed step.
  std::vector<std::string> Layer(const Executed& executed) {
    if (executed.result.steps().empty()) return {"no step"};
    auto reader = blobs_->Open(FromProto(executed.result.steps(0).layer().tar()), 0);
    EXPECT_OK(reader);
    layer::TarReader tar([&](char* buffer, size_t size) { return (*reader)->Read(buffer, size); });
    std::vector<std::string> paths;
    while (true) {
      auto entry = tar.Next();
      EXPECT_OK(entry);
      if (!entry.ok() || !entry->has_value()) return paths;
      paths.push_back((*entry)->path);
    }
  }
  // Files below the worker's folder that hold `text`.
  std::vector<std::string> FilesWith(const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             folder_->path(), std::filesystem::directory_options::skip_permission_denied)) {
      if (!entry.is_regular_file()) continue;
      const auto content = ReadFile(entry.path());
      if (content.ok() && content->find(text) != std::string::npos) found.push_back(entry.path());
    }
    return found;
  }

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<OciSandbox> sandbox_;
  std::unique_ptr<OverlaySnapshotter> snapshotter_;
  std::unique_ptr<MountStore> store_;
  FakeSshForwarder agents_{{"default"}};
  SystemClock clock_;
  std::unique_ptr<StageExecutor> executor_;
  v1::Layer base_;
  // On top of it.
  std::vector<v1::Layer> base_layers_;
  std::string fresh_caches_;
  TaskContext context_;
};

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
  v1::RunMount& mount = Add(step, v1::RunMount::BIND, "/in");
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
  for (const v1::RunMount::Type type : {v1::RunMount::TMPFS, v1::RunMount::CACHE}) {
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
  Add(step, v1::RunMount::TMPFS, "/a/b");
  AddFolder(step, "/a", {{"x", ""}});
  Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "/a:\nb\nc\nx\n\n/a/b:\n\n/a/c:\nf\nfile\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
}

TEST_P(StepMountsTest, MountBelowACacheLeavesNothingInIt) {
  v1::Step step = Step("ls /c/sub");
  Add(step, v1::RunMount::CACHE, "/c").set_id("c");
  AddFolder(step, "/c/sub", {{"x", ""}});
  EXPECT_EQ(Succeed(step).out, "x\n");
  step = Step("ls /c");
  Add(step, v1::RunMount::CACHE, "/c").set_id("c");
  EXPECT_EQ(Succeed(step).out, "");
}

TEST_P(StepMountsTest, TmpfsHasTheModeOfItsPlaceAndItsSize) {
  v1::Step step = Step("stat -c '%a' /new /existing; df -k /new | cat");
  Add(step, v1::RunMount::TMPFS, "/new").set_size(8 << 20);
  Add(step, v1::RunMount::TMPFS, "/existing");
  const Executed executed = Succeed(step);
  EXPECT_THAT(executed.out, testing::StartsWith("1777\n750\n"));
  EXPECT_THAT(executed.out, HasSubstr(" 8192 "));
}

TEST_P(StepMountsTest, WrongPlacesAreTheRecipesMistake) {
  for (const char* target : {"/file", "/file/x", "/proc/x", "/dev", "/"}) {
    v1::Step step = Step(":");
    Add(step, v1::RunMount::TMPFS, target);
    const Executed executed = Execute(step);
    EXPECT_EQ(executed.result.outcome(), v1::TASK_OUTCOME_FAILED) << target << executed.result.message();
    EXPECT_THAT(executed.result.message(), HasSubstr(fmt::format("mount point {}: ", target)));
  }
}

TEST_P(StepMountsTest, CacheIsKeptBetweenStepsAndWorkers) {
  v1::Step step = Step("stat -c '%a %u:%g' /c; cat /c/x; echo kept >> /c/x");
  v1::RunMount& cache = Add(step, v1::RunMount::CACHE, "/c");
  cache.set_id("c");
  cache.set_mode(0700);
  cache.set_uid(12);
  cache.set_gid(34);
  EXPECT_EQ(Succeed(step).out, "700 12:34\n");
  EXPECT_EQ(Succeed(step).out, "700 12:34\nkept\n");
  OpenStore();
  const Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "700 12:34\nkept\nkept\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
}

TEST_P(StepMountsTest, NewCacheBeginsWithItsSource) {
  v1::Step step = Step("ls /c; touch /c/own");
  v1::RunMount& cache = Add(step, v1::RunMount::CACHE, "/c");
  cache.set_id("seeded");
  v1::ContextMatch& match = *cache.mutable_source()->mutable_context()->add_matches();
  match.set_name("x");
  ToProto(Folder({{"seed", ""}}), match.mutable_directory());
  EXPECT_EQ(Succeed(step).out, "seed\n");
  EXPECT_EQ(Succeed(step).out, "own\nseed\n");
}

TEST_P(StepMountsTest, NewCacheHasModeAndOwnerOfItsSource) {
  // A folder of another stage, which is not root's.
  const Executed producer = Succeed(Step("mkdir -m 1730 /seed; chown 12:34 /seed; touch /seed/a"), {"/seed"});
  ASSERT_EQ(producer.result.exports_size(), 1);
  v1::Step step = Step("stat -c '%a %u:%g' /c; ls /c");
  v1::RunMount& cache = Add(step, v1::RunMount::CACHE, "/c");
  cache.set_id("owned");
  cache.set_mode(0755);
  *cache.mutable_source()->mutable_export_()->mutable_blob() = producer.result.exports(0).blob();
  EXPECT_EQ(Succeed(step).out, "1730 12:34\na\n");
}

TEST_P(StepMountsTest, PartOfACacheIsMounted) {
  v1::Step whole = Step("mkdir -m 700 /c/sub; echo in > /c/sub/f; ln -s ../../../../etc /c/out");
  Add(whole, v1::RunMount::CACHE, "/c").set_id("parts");
  v1::Step part = Step("stat -c '%a' /p; cat /p/f; echo more >> /p/f");
  v1::RunMount& mount = Add(part, v1::RunMount::CACHE, "/p");
  mount.set_id("parts");
  mount.set_cache_path("/sub");
  const Executed missing = Execute(part);
  EXPECT_EQ(missing.result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_THAT(missing.result.message(), HasSubstr("/p: the cache 'parts' has no /sub"));
  Succeed(whole);
  EXPECT_EQ(Succeed(part).out, "700\nin\n");
  EXPECT_EQ(Succeed(part).out, "700\nin\nmore\n");
  mount.set_cache_path("/sub/f");
  part.mutable_run()->set_argv(2, "cat /p");
  EXPECT_EQ(Succeed(part).out, "in\nmore\nmore\n");
  // A link leads nowhere out of the cache.
  mount.set_cache_path("/out");
  EXPECT_THAT(Execute(part).result.message(), HasSubstr("the cache 'parts' has no /out"));
}

TEST_P(StepMountsTest, BuildWithoutCacheHasFreshCaches) {
  v1::Step step = Step("ls /c; touch /c/x");
  Add(step, v1::RunMount::CACHE, "/c").set_id("fresh");
  EXPECT_EQ(Succeed(step).out, "");
  EXPECT_EQ(Succeed(step).out, "x\n");
  fresh_caches_ = "build 7";
  EXPECT_EQ(Succeed(step).out, "");
  EXPECT_EQ(Succeed(step).out, "x\n");
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
  run.mutable_run()->set_user("4294967294:4294967294");
  EXPECT_THAT(message(run), HasSubstr("RUN: the step runs as 4294967294:4294967294"));
  run.mutable_run()->set_user("0:4294967294");
  EXPECT_THAT(message(run), HasSubstr("the step runs as 0:4294967294"));
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
  for (const auto type : {v1::RunMount::CACHE, v1::RunMount::SECRET}) {
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
  as_user.mutable_run()->set_user(fmt::format("{0}:{0}", last));
  base_layers_.push_back(executed.result.steps(0).layer());
  EXPECT_EQ(Succeed(as_user).out, fmt::format("{0}\n{0}\n{0}\n", last));
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

// Two steps at the same time, each waiting up to 5 s for the other's file in the cache.
std::pair<Executed, Executed> Meet(
    const std::function<Executed(const std::string&, const std::string&)>& run) {
  std::pair<Executed, Executed> both;
  {
    const std::jthread one([&] { both.first = run("one", "two"); });
    const std::jthread two([&] { both.second = run("two", "one"); });
  }
  return both;
}

TEST_P(StepMountsTest, SharingDecidesWhetherStepsMeetInTheCache) {
  const auto run = [&](v1::RunMount::Sharing sharing, int patience) {
    return Meet([&, sharing, patience](const std::string& own, const std::string& other) {
      v1::Step step = Step(fmt::format(
          "touch /c/{0}; i=0; while [ $i -lt {2} ] && ! [ -e /c/{1} ]; do sleep 0.1; i=$((i+1)); done; "
          "ls /c; rm /c/{0}",
          own, other, patience));
      v1::RunMount& cache = Add(step, v1::RunMount::CACHE, "/c");
      cache.set_id("meeting");
      cache.set_sharing(sharing);
      return Succeed(step);
    });
  };
  const auto shared = run(v1::RunMount::SHARED, 50);
  EXPECT_THAT(shared.first.out + shared.second.out, HasSubstr("one\ntwo\n"));
  const auto own = run(v1::RunMount::PRIVATE, 8);
  EXPECT_EQ(own.first.out, "one\n");
  EXPECT_EQ(own.second.out, "two\n");
  const auto locked = run(v1::RunMount::LOCKED, 8);
  EXPECT_EQ(locked.first.out, "one\n");
  EXPECT_EQ(locked.second.out, "two\n");
}

TEST_P(StepMountsTest, LockedCacheIsWaitedForAndTheConsoleSaysSo) {
  std::string worker;
  const auto step = [&](const std::string& script) {
    v1::Step made = Step(script);
    v1::RunMount& cache = Add(made, v1::RunMount::CACHE, "/c");
    cache.set_id("apt");
    cache.set_sharing(v1::RunMount::LOCKED);
    return made;
  };
  const auto both = Meet([&](const std::string&, const std::string&) {
    return Succeed(step("[ -e /c/busy ] && echo together; touch /c/busy; sleep 0.7; rm /c/busy"));
  });
  EXPECT_EQ(both.first.out + both.second.out, "");
  EXPECT_EQ(both.first.worker + both.second.worker,
            "waiting for the cache 'apt', which another step has locked\n");
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
  v1::RunMount& mount = Add(step, v1::RunMount::SSH, "/run/buildkit/ssh_agent.0");
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
