// The sandbox for real, under each installed runtime.
#include "worker/sandbox/oci_sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/host_root.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "worker/sandbox/processors.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

struct Ended {
  absl::StatusOr<SandboxResult> result;
  std::string out;
  std::string err;
};

// Every path of the tree with type, mode, size and mtime.
std::vector<std::string> Listing(const std::string& root) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& path) {
    struct stat state {};
    lstat(path.c_str(), &state);
    lines.push_back(fmt::format("{} {:o} {} {}.{}", path.substr(root.size()), state.st_mode,
                                S_ISDIR(state.st_mode) ? 0 : state.st_size, state.st_mtim.tv_sec,
                                state.st_mtim.tv_nsec));
  };
  add(root);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) add(entry.path());
  std::sort(lines.begin(), lines.end());
  return lines;
}

class OciSandboxTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const char* why = std::getenv("CROSSMILL_TEST_NO_NAMESPACES")) GTEST_SKIP() << why;
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    chmod(folder->path().c_str(), 0755);
    folder_.emplace(std::move(*folder));
    settings_.ca_bundle = "-----BEGIN CERTIFICATE-----\n";
    settings_.hosts = {"192.0.2.7 index.example"};
    Start(GetParam());
    ASSERT_OK(MakeHostRoot(root(), {"sh", "cat", "ls", "id", "env", "sleep", "chmod", "chown", "unshare",
                                    "mknod", "touch", "readlink", "uname", "nproc"}));
    run_.set_network(v1::NETWORK_MODE_NONE);
    run_.set_cwd("/");
  }

  void Start(const char* runtime) {
    OciSandboxOptions options;
    options.runtime = runtime;
    options.folder = folder_->Path("sandbox");
    options.host_settings = settings_;
    auto sandbox = OciSandbox::Create(options);
    if (absl::IsFailedPrecondition(sandbox.status())) GTEST_SKIP() << sandbox.status();
    ASSERT_OK(sandbox);
    sandbox_ = std::move(*sandbox);
  }

  std::string root() const { return folder_->Path("root"); }

  Ended Run(std::vector<std::string> argv, const std::function<void(SandboxRun&)>& change = nullptr) {
    v1::Run message = run_;
    for (std::string& argument : argv) message.add_argv(std::move(argument));
    Ended ended{absl::UnknownError("not run"), "", ""};
    SandboxRun run{.run = message,
                   .platform = {},
                   .root = root(),
                   .identity = {},
                   .env = {"PATH=/bin"},
                   .timeout = absl::Minutes(1),
                   .on_output = {},
                   .stop = {}};
    run.platform.set_os("linux");
    run.platform.set_architecture("mips64");
    run.on_output = [&](v1::LogChunk::Stream stream, std::string_view bytes) {
      (stream == v1::LogChunk::STREAM_STDOUT ? ended.out : ended.err) += bytes;
    };
    if (change) change(run);
    ended.result = sandbox_->Run(run);
    return ended;
  }
  Ended Shell(const std::string& script, const std::function<void(SandboxRun&)>& change = nullptr) {
    return Run({"sh", "-c", script}, change);
  }

  std::optional<TemporaryFolder> folder_;
  HostSettings settings_;
  std::unique_ptr<OciSandbox> sandbox_;
  v1::Run run_;
};

TEST_P(OciSandboxTest, OutputIsTakenPerStreamAndExitCodeIsAResult) {
  const Ended ended = Shell("echo out; echo err >&2; exit 7");
  ASSERT_OK(ended.result);
  EXPECT_EQ(ended.result->exit_code, 7);
  EXPECT_EQ(ended.result->refusal, "");
  EXPECT_EQ(ended.out, "out\n");
  EXPECT_EQ(ended.err, "err\n");
}

TEST_P(OciSandboxTest, ProgramKilledByASignalExitsAsShellsSayIt) {
  // Not pid 1 itself: the kernel keeps fatal signals from it.
  EXPECT_EQ(Shell("sh -c 'kill -SEGV $$'; exit $?").result->exit_code, 139);
}

TEST_P(OciSandboxTest, StepSeesFixedSurroundingsAndNothingOfTheHost) {
  setenv("CROSSMILL_TEST_SECRET", "leak", 1);
  const Ended ended = Shell("umask; uname -n; env; cat /etc/hostname", [](SandboxRun& run) {
    run.env = {"PATH=/bin", "LANG=C"};
  });
  unsetenv("CROSSMILL_TEST_SECRET");
  ASSERT_OK(ended.result);
  EXPECT_THAT(ended.out, HasSubstr("0022\ncrossmill\n"));
  EXPECT_THAT(ended.out, HasSubstr("LANG=C\n"));
  EXPECT_THAT(ended.out, Not(HasSubstr("leak")));
  EXPECT_THAT(ended.out, testing::EndsWith("crossmill\n"));
}

TEST_P(OciSandboxTest, HostNameIsTheRecipesWhereItHasOne) {
  run_.set_hostname("build.example");
  const Ended ended = Shell("uname -n; cat /etc/hostname /etc/hosts");
  ASSERT_OK(ended.result);
  EXPECT_THAT(ended.out,
              testing::StartsWith("build.example\nbuild.example\n127.0.0.1 localhost build.example\n"));
  EXPECT_THAT(ended.out, Not(HasSubstr("crossmill")));
}

TEST_P(OciSandboxTest, CapabilitiesAreDockersAndTheFilterIsOn) {
  const Ended ended =
      Shell("cat /proc/self/status; unshare -U true || echo refused; unshare -m true || echo refused");
  ASSERT_OK(ended.result);
  EXPECT_THAT(ended.out, HasSubstr("CapEff:\t00000000a80425fb\n"));
  EXPECT_THAT(ended.out, HasSubstr("CapBnd:\t00000000a80425fb\n"));
  EXPECT_THAT(ended.out, HasSubstr("CapAmb:\t0000000000000000\n"));
  EXPECT_THAT(ended.out, HasSubstr("Seccomp:\t2\n"));
  EXPECT_THAT(ended.out, HasSubstr("NoNewPrivs:\t0\n"));
  EXPECT_THAT(ended.out, HasSubstr("refused\nrefused\n"));
}

TEST_P(OciSandboxTest, NetworkNoneHasOnlyLoopback) {
  const Ended ended = Shell("cat /proc/net/dev; cat /etc/resolv.conf /etc/hosts; ls /run");
  ASSERT_OK(ended.result);
  EXPECT_THAT(ended.out, HasSubstr(" lo:"));
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '|'), 4) << ended.out;
  EXPECT_EQ(ended.out.find(":", ended.out.find("lo:") + 3), ended.out.find("::1")) << ended.out;
  EXPECT_THAT(ended.out, Not(HasSubstr("index.example")));
}

TEST_P(OciSandboxTest, HostNetworkBringsTheOperatorsSettings) {
  run_.set_network(v1::NETWORK_MODE_HOST);
  const Ended ended =
      Shell("cat /etc/hosts /run/crossmill/ca.pem; readlink /proc/self/ns/net; ls /sys/fs/cgroup");
  ASSERT_OK(ended.result);
  EXPECT_EQ(ended.result->exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("192.0.2.7 index.example\n"));
  EXPECT_THAT(ended.out, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(ended.out,
              testing::EndsWith(std::filesystem::read_symlink("/proc/self/ns/net").string() + "\n"));
}

TEST_P(OciSandboxTest, AnExecutionCanSeeAnotherHostNameAndFewerProcessors) {
  const unsigned all = AllowedProcessors();
  const auto other = [](SandboxRun& run) {
    run.host_name = "builder-1.crossmill";
    run.processors = 1;
  };
  const Ended ended = Shell("uname -n; cat /etc/hostname; nproc", other);
  ASSERT_OK(ended.result);
  EXPECT_EQ(ended.out, "builder-1.crossmill\nbuilder-1.crossmill\n1\n") << ended.err;
  EXPECT_EQ(ended.result->processors, 1u);
  EXPECT_THAT(Shell("cat /etc/hosts", other).out, HasSubstr("localhost builder-1.crossmill\n"));
  // This thread has all again.
  EXPECT_EQ(AllowedProcessors(), all);
  EXPECT_EQ(Shell("uname -n; nproc").out, fmt::format("crossmill\n{}\n", all));
}

// The shell is the step's process 1 in any case; its children are what has other ids.
TEST_P(OciSandboxTest, AnExecutionCanBeGivenOtherProcessIds) {
  constexpr const char* kTellChild = "sh -c 'echo $$'; :";
  const Ended usual = Shell(kTellChild);
  ASSERT_OK(usual.result);
  EXPECT_LT(std::atoi(usual.out.c_str()), 64) << usual.err;
  EXPECT_EQ(usual.result->process_ids, 0u);
  std::set<unsigned> passed = {0};
  for (const unsigned wish : {1000u, 3000u}) {
    const Ended other = Shell(kTellChild, [&](SandboxRun& run) { run.process_ids = wish; });
    ASSERT_OK(other.result);
    EXPECT_EQ(other.result->exit_code, 0) << other.err;
    EXPECT_GE(other.result->process_ids, wish / 10);
    EXPECT_TRUE(passed.insert(other.result->process_ids).second);
    const unsigned seen = static_cast<unsigned>(std::atoi(other.out.c_str()));
    EXPECT_GT(seen, other.result->process_ids) << other.out << other.err;
    EXPECT_LT(seen, other.result->process_ids + 64);
    EXPECT_EQ(other.err, "");
  }
}

TEST_P(OciSandboxTest, MountedFilesCannotBeChanged) {
  const Ended ended =
      Shell("echo x > /etc/hosts || echo refused; echo x > /proc/sys/kernel/hostname || echo refused");
  EXPECT_EQ(ended.out, "refused\nrefused\n");
}

TEST_P(OciSandboxTest, NothingOfTheMountsIsLeftInTheRoot) {
  const std::vector<std::string> before = Listing(root());
  run_.set_network(v1::NETWORK_MODE_HOST);
  const Ended ended = Shell(":");
  ASSERT_OK(ended.result);
  EXPECT_THAT(ended.result->stubs,
              UnorderedElementsAre("proc", "dev", "sys", "etc/hosts", "etc/resolv.conf", "etc/hostname",
                                   "run", "run/crossmill", "run/crossmill/ca.pem"));
  EXPECT_EQ(Listing(root()), before);
}

TEST_P(OciSandboxTest, WhatTheStepPutsBesideAMountStays) {
  run_.set_network(v1::NETWORK_MODE_HOST);
  ASSERT_OK(Shell("echo kept > /run/file").result);
  EXPECT_TRUE(Exists(root() + "/run/file"));
  EXPECT_FALSE(Exists(root() + "/run/crossmill"));
}

TEST_P(OciSandboxTest, DanglingResolverLinkIsFollowedInsideTheRoot) {
  std::filesystem::create_symlink("../run/systemd/resolve/stub-resolv.conf", root() + "/etc/resolv.conf");
  const std::vector<std::string> before = Listing(root());
  const Ended ended = Shell("cat /etc/resolv.conf && readlink /etc/resolv.conf");
  ASSERT_OK(ended.result);
  EXPECT_EQ(ended.result->exit_code, 0) << ended.err;
  EXPECT_EQ(ended.out, "../run/systemd/resolve/stub-resolv.conf\n");
  EXPECT_EQ(Listing(root()), before);
}

TEST_P(OciSandboxTest, MissingProgramIsTheRecipesMistake) {
  const Ended ended = Run({"no-such-program", "x"});
  ASSERT_OK(ended.result);
  EXPECT_EQ(ended.result->exit_code, 127);
  EXPECT_EQ(ended.result->refusal, "no-such-program: not found in the image");
}

TEST_P(OciSandboxTest, FileThatIsNoProgramIsTheRecipesMistake) {
  ASSERT_OK(WriteFileAtomic(root() + "/bin/data", "data", 0644));
  ASSERT_OK(WriteFileAtomic(root() + "/bin/script", "#!/bin/bash -e\n", 0755));
  const Ended plain = Run({"/bin/data"});
  ASSERT_OK(plain.result);
  EXPECT_EQ(plain.result->exit_code, 126);
  EXPECT_EQ(plain.result->refusal, "/bin/data: permission denied");
  const Ended script = Run({"script"});
  ASSERT_OK(script.result);
  EXPECT_EQ(script.result->exit_code, 127);
  EXPECT_EQ(script.result->refusal, "script: its interpreter /bin/bash is not in the image");
}

TEST_P(OciSandboxTest, ForeignProgramWithoutEmulatorIsTheWorkersLack) {
  std::string program = *ReadFile(root() + "/bin/sleep");
  program[18] = '\x08';  // e_machine: MIPS, which binfmt_misc registrations would also match by endianness
  program[19] = '\x7f';
  ASSERT_OK(WriteFileAtomic(root() + "/bin/foreign", program, 0755));
  const Ended ended = Run({"foreign"});
  EXPECT_TRUE(absl::IsUnavailable(ended.result.status())) << ended.result.status();
  EXPECT_THAT(std::string(Sv(ended.result.status().message())), HasSubstr("no emulation for linux/mips64"));
}

TEST_P(OciSandboxTest, TimeoutKillsTheWholeTree) {
  const Ended ended = Shell("sleep 31.41 & (sleep 27.18 & sleep 27.18) & sleep 31.41",
                            [](SandboxRun& run) { run.timeout = absl::Milliseconds(500); });
  ASSERT_OK(ended.result);
  EXPECT_TRUE(ended.result->timed_out);
  EXPECT_TRUE(ProcessesOf("sleep 31.41 ").empty());
  EXPECT_TRUE(ProcessesOf("sleep 27.18 ").empty());
  EXPECT_TRUE(std::filesystem::is_empty(folder_->Path("sandbox/state")));
}

TEST_P(OciSandboxTest, StopKillsTheWholeTree) {
  std::stop_source stop;
  const std::jthread stopper([&] {
    while (ProcessesOf("sleep 16.18 ").empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop.request_stop();
  });
  const Ended ended = Shell("sleep 16.18", [&](SandboxRun& run) { run.stop = stop.get_token(); });
  ASSERT_OK(ended.result);
  EXPECT_TRUE(ended.result->stopped);
  EXPECT_TRUE(ProcessesOf("sleep 16.18 ").empty());
}

TEST_P(OciSandboxTest, BackgroundProcessesEndWithTheStep) {
  ASSERT_OK(Shell("sleep 14.14 & echo started").result);
  EXPECT_TRUE(ProcessesOf("sleep 14.14 ").empty());
}

TEST_P(OciSandboxTest, UserHasNoCapabilitiesButSetuidProgramsWork) {
  ASSERT_OK(Shell("chmod 4755 /bin/id").result);
  const Ended ended = Shell("cat /proc/self/status; id", [](SandboxRun& run) {
    run.identity = {.uid = 1000, .gid = 1000, .groups = {1000, 27}, .home = "/home/app"};
  });
  ASSERT_OK(ended.result);
  EXPECT_THAT(ended.out, HasSubstr("CapEff:\t0000000000000000\n"));
  EXPECT_THAT(ended.out, HasSubstr("uid=1000(app)"));
  EXPECT_THAT(ended.out, HasSubstr("euid=0(root)"));
  EXPECT_THAT(ended.out, HasSubstr("groups=1000(app),27"));
}

TEST_P(OciSandboxTest, HeredocFilesAreAtTheirPlace) {
  v1::InlineFile& file = *run_.add_files();
  file.set_name("EOF");
  file.set_content("#!/bin/sh\necho from heredoc $0\n");
  file.set_mode(0755);
  const Ended ended = Run({"/dev/pipes/EOF"});
  ASSERT_OK(ended.result);
  EXPECT_EQ(ended.out, "from heredoc /dev/pipes/EOF\n") << ended.err;
}

TEST_P(OciSandboxTest, ManyStepsAtOnce) {
  std::vector<std::string> outputs(6);
  {
    // Roots of their own: one root belongs to one step at a time. All are written before anything is forked,
    // else a child could still hold a program open for writing that another step executes ("text file busy").
    const auto own_root = [&](size_t i) { return folder_->Path(fmt::format("root{}", i)); };
    for (size_t i = 0; i < outputs.size(); ++i) {
      std::filesystem::copy(root(), own_root(i), std::filesystem::copy_options::recursive);
    }
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < outputs.size(); ++i) {
      threads.emplace_back([&, i, own = own_root(i)] {
        const Ended ended = Shell(fmt::format("echo {}", i), [&](SandboxRun& run) { run.root = own; });
        outputs[i] =
            ended.result.ok() ? ended.out + ended.err : std::string(Sv(ended.result.status().message()));
      });
    }
  }
  EXPECT_THAT(outputs, ElementsAre("0\n", "1\n", "2\n", "3\n", "4\n", "5\n"));
}

INSTANTIATE_TEST_SUITE_P(Runtime, OciSandboxTest, testing::Values("crun", "runc"),
                         [](const auto& info) { return std::string(info.param); });

TEST(OciSandboxCreateTest, MissingRuntimeIsNamed) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  OciSandboxOptions options;
  options.runtime = "no-such-runtime";
  options.folder = folder->Path("sandbox");
  const auto sandbox = OciSandbox::Create(options);
  EXPECT_TRUE(absl::IsFailedPrecondition(sandbox.status()));
  EXPECT_THAT(std::string(Sv(sandbox.status().message())), HasSubstr("install crun or runc"));
}

}  // namespace
}  // namespace crossmill::worker
