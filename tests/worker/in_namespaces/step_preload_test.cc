// The preloaded library in real steps, under each installed runtime.
#include "worker/task/step_preload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/host_root.h"
#include "tests/support/status_matchers.h"
#include "worker/sandbox/oci_sandbox.h"

namespace crossmill::worker {
namespace {

using ::testing::IsSupersetOf;

constexpr int64_t kPreloadShift = 90'061;
#if defined(__aarch64__)
constexpr const char* kArchitecture = "arm64";
constexpr const char* kLoader = "/lib/ld-linux-aarch64.so.1";
#else
constexpr const char* kArchitecture = "amd64";
constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
#endif

class StepPreloadTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const char* why = std::getenv("CROSSMILL_TEST_NO_NAMESPACES")) GTEST_SKIP() << why;
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    chmod(folder->path().c_str(), 0755);
    folder_.emplace(std::move(*folder));
    OciSandboxOptions options;
    options.runtime = GetParam();
    options.folder = folder_->Path("sandbox");
    auto sandbox = OciSandbox::Create(options);
    if (absl::IsFailedPrecondition(sandbox.status())) GTEST_SKIP() << sandbox.status();
    ASSERT_OK(sandbox);
    sandbox_ = std::move(*sandbox);
    ASSERT_OK(MakeHostRoot(root(), {"sh", "cat", "ls", "date", "env", "mkdir", "touch", "chmod"}));
  }

  std::string root() const { return folder_->Path("root"); }

  // What the script prints; `given`: whether the run had the library.
  std::string Shell(const std::string& script, bool* given, std::vector<StepMount> mounts = {},
                    uint32_t uid = 0) {
    v1::Run message;
    message.set_network(v1::NETWORK_MODE_NONE);
    message.set_cwd("/");
    for (const char* word : {"sh", "-c"}) message.add_argv(word);
    message.add_argv(script);
    std::string out;
    SandboxRun run{.run = message,
                   .platform = {},
                   .root = root(),
                   .identity = {.uid = uid, .gid = uid, .groups = {}},
                   .env = {"PATH=/bin", "LC_ALL=C"},
                   .mounts = std::move(mounts),
                   .timeout = absl::Minutes(1),
                   .on_output = {},
                   .stop = {}};
    run.platform.set_os("linux");
    run.platform.set_architecture(kArchitecture);
    run.on_output = [&](v1::LogChunk::Stream, std::string_view bytes) { out += bytes; };
    *given = AddPreload({.clock_shift = kPreloadShift, .reverse_folders = true}, &run);
    EXPECT_EQ(run.files.empty(), !*given);
    const auto result = sandbox_->Run(run);
    EXPECT_OK(result);
    if (!result.ok()) return out;
    EXPECT_EQ(result->exit_code, 0) << out;
    if (*given) stubs_ = result->stubs;
    return out;
  }

  static int64_t RealNow() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static void ExpectShifted(const std::string& told) {
    EXPECT_NEAR(static_cast<double>(std::atoll(told.c_str())), static_cast<double>(RealNow() + kPreloadShift),
                60)
        << told;
  }

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<OciSandbox> sandbox_;
  std::vector<std::string> stubs_;
};

TEST_P(StepPreloadTest, ProgramsSeeAnotherClockAndAnotherOrderAndNothingElse) {
  bool given = false;
  ExpectShifted(Shell("date +%s", &given));
  EXPECT_TRUE(given);
  EXPECT_THAT(stubs_, IsSupersetOf({"etc/ld.so.preload"}));
  EXPECT_FALSE(Exists(root() + "/etc/ld.so.preload"));
  // No variable and no name in a folder tells of it; times of files are real.
  EXPECT_EQ(Shell("env", &given).find("LD_"), std::string::npos);
  const std::string names = Shell("ls -a /etc /dev", &given);
  EXPECT_EQ(names.find("preload"), std::string::npos) << names;
  const int64_t made = std::atoll(Shell("touch /tmp/file; date -r /tmp/file +%s", &given).c_str());
  EXPECT_LE(made, RealNow() + 60);
  EXPECT_TRUE(given);
}

TEST_P(StepPreloadTest, FoldersAreReadBackwards) {
  bool given = false;
  const std::string reversed = Shell("mkdir /many; cd /many; touch a b c d e f g; ls -U", &given);
  std::string plain;
  for (const auto& entry : std::filesystem::directory_iterator(root() + "/many")) {
    plain.insert(0, entry.path().filename().string() + "\n");
  }
  EXPECT_EQ(reversed, plain);
}

TEST_P(StepPreloadTest, ProgramsWithTheSetuidBitHaveItToo) {
  bool given = false;
  ASSERT_EQ(Shell("chmod 4755 /bin/date", &given), "");
  ExpectShifted(Shell("date +%s", &given, {}, 1000));
}

TEST_P(StepPreloadTest, ARootsOwnListStaysInForceAndInSight) {
  bool given = false;
  // A library of the root's own that is always loaded anyway: any will do.
  const std::string own = std::string(kLoader) + "\n";
  ASSERT_OK(WriteFileAtomic(root() + "/etc/ld.so.preload", own, 0644));
  ExpectShifted(Shell("date +%s", &given));
  EXPECT_NE(Shell("ls -a /etc", &given).find("ld.so.preload\n"), std::string::npos);
  EXPECT_TRUE(Shell("cat /etc/ld.so.[p]reload", &given).ends_with(own));
  EXPECT_TRUE(given);
  EXPECT_EQ(ReadFile(root() + "/etc/ld.so.preload", 4096).value_or(""), own);
}

TEST_P(StepPreloadTest, WhereNotEveryProgramWouldHaveItNoneHasIt) {
  bool given = true;
  const auto expect_none = [&](const char* why, std::vector<StepMount> mounts = {}) {
    const int64_t told = std::atoll(Shell("date +%s", &given, std::move(mounts)).c_str());
    EXPECT_FALSE(given) << why;
    EXPECT_LE(told, RealNow() + 60) << why;
  };
  for (const char* other : {"/lib/ld-musl-x86_64.so.1", "/lib/ld-linux.so.2"}) {
    ASSERT_OK(MakeFolders(root() + "/lib", 0755));
    ASSERT_OK(WriteFileAtomic(root() + other, "", 0755));
    expect_none(other);
    ASSERT_EQ(unlink((root() + other).c_str()), 0);
  }
  ASSERT_OK(MakeFolders(root() + "/etc/ld.so.preload", 0755));
  expect_none("a folder in the list's place");
  ASSERT_EQ(rmdir((root() + "/etc/ld.so.preload").c_str()), 0);
  ASSERT_OK(MakeFolders(folder_->Path("other"), 0755));
  expect_none("a mount over /etc", {{.source = folder_->Path("other"), .target = "/etc/", .folder = true}});
  // A recipe that writes the list could not. The shell that is told to has the name in its arguments.
  EXPECT_EQ(Shell("touch /etc/ld.so.preload", &given), "");
  EXPECT_FALSE(given);
  EXPECT_TRUE(Exists(root() + "/etc/ld.so.preload"));
  // Who copies what a program loads would copy the library. What ldd does is to ask the loader.
  const std::string loaded = Shell("LD_TRACE_LOADED_OBJECTS=1 /bin/sh", &given);
  EXPECT_NE(loaded.find("libc.so"), std::string::npos) << loaded;
  EXPECT_EQ(loaded.find("/dev/"), std::string::npos) << loaded;
  EXPECT_FALSE(given);
  Shell("true ldd /bin/sh", &given);
  EXPECT_FALSE(given);
  Shell("echo oddldd ldds", &given);
  EXPECT_TRUE(given) << "only the word";
}

INSTANTIATE_TEST_SUITE_P(Runtimes, StepPreloadTest, testing::Values("crun", "runc"));

}  // namespace
}  // namespace crossmill::worker
