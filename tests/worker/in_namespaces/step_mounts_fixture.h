// RUN --mount for real: a stage executor on overlayfs with each installed runtime.
#pragma once

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
#include "worker/mounts/step_mounts.h"
#include "worker/sandbox/oci_sandbox.h"
#include "worker/task/stage_executor.h"

namespace crossmill::worker {

namespace reapi = ::build::bazel::remote::execution::v2;

inline constexpr int64_t kClamp = 1'600'000'000;

class ConsoleObserver final : public ExecutionObserver {
 public:
  void OnStepStarted(const v1::StepStarted&) override {}
  void OnStepFinished(const v1::StepResult&) override {}
  void OnLog(const v1::LogChunk& chunk) override {
    MutexLock lock(mutex_);
    (chunk.stream() == v1::LogChunk::STREAM_STDOUT   ? out_
     : chunk.stream() == v1::LogChunk::STREAM_STDERR ? err_
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
    v1::RunMount& mount = Add(step, v1::RunMount::TYPE_BIND, target);
    mount.set_read_only(read_only);
    v1::ContextMatch& match = *mount.mutable_source()->mutable_context()->add_matches();
    match.set_name("folder");
    ToProto(Folder(files), match.mutable_directory());
    return mount;
  }
  v1::RunMount& AddFile(v1::Step& step, const std::string& target, const std::string& content) {
    v1::RunMount& mount = Add(step, v1::RunMount::TYPE_BIND, target);
    mount.set_read_only(true);
    v1::ContextMatch& match = *mount.mutable_source()->mutable_context()->add_matches();
    match.set_name("a");
    match.set_unix_mode(0604);
    ToProto(*blobs_->PutBytes(content), match.mutable_file());
    return mount;
  }
  v1::RunMount& AddSecret(v1::Step& step, const std::string& target) {
    v1::RunMount& mount = Add(step, v1::RunMount::TYPE_SECRET, target);
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

}  // namespace crossmill::worker
