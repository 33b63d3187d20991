// The networks of steps for real: in a worker's namespaces, under each installed runtime.
#include "worker/network/step_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/host_root.h"
#include "tests/support/status_matchers.h"
#include "worker/network/network_services.h"
#include "worker/sandbox/oci_sandbox.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;

size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

size_t MountedNamespaces() {
  const std::string mounts = ReadFile("/proc/self/mountinfo").value_or("");
  size_t count = 0;
  for (size_t at = mounts.find(" nsfs "); at != std::string::npos; at = mounts.find(" nsfs ", at + 1))
    ++count;
  return count;
}

std::string OwnNamespace() { return std::filesystem::read_symlink("/proc/thread-self/ns/net").string(); }

class StepNetworksTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const char* why = std::getenv("CROSSMILL_TEST_NO_NAMESPACES")) GTEST_SKIP() << why;
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    chmod(folder->path().c_str(), 0755);
    folder_.emplace(std::move(*folder));
    ASSERT_OK(MakeHostRoot(root(), {"sh", "cat", "ls"}));
    auto sandbox =
        OciSandbox::Create({.runtime = GetParam(), .folder = folder_->Path("sandbox"), .host_settings = {}});
    if (absl::IsFailedPrecondition(sandbox.status())) GTEST_SKIP() << sandbox.status();
    ASSERT_OK(sandbox);
    sandbox_ = std::move(*sandbox);
    auto services = NetworkServices::Create(folder_->Path("network"), {}, clock_);
    ASSERT_OK(services);
    services_ = *std::move(services);
  }

  std::string root() const { return folder_->Path("root"); }

  // The output of a script on a network of its own.
  std::string Run(const std::string& script, StepNetwork& network) {
    v1::Run message;
    message.set_cwd("/");
    for (const char* word : {"sh", "-c"}) message.add_argv(word);
    message.add_argv(script);
    SandboxRun run{.run = message,
                   .platform = {},
                   .root = root(),
                   .identity = {},
                   .env = {"PATH=/bin"},
                   .timeout = absl::Minutes(1),
                   .on_output = {},
                   .stop = {}};
    run.network_namespace = network.path();
    std::string output;
    run.on_output = [&](v1::LogChunk::Stream, std::string_view bytes) { output += bytes; };
    const auto result = sandbox_->Run(run);
    EXPECT_OK(result);
    if (!result.ok()) return output;
    EXPECT_EQ(result->exit_code, 0) << output << result->refusal;
    return output;
  }

  SystemClock clock_;
  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<OciSandbox> sandbox_;
  std::unique_ptr<NetworkServices> services_;
};

TEST_P(StepNetworksTest, AStepHasLoopbackWhereTheProxyListens) {
  const std::string before = OwnNamespace();
  auto network = services_->networks().Take({}, {});
  ASSERT_OK(network);
  EXPECT_EQ(OwnNamespace(), before);
  const std::string output = Run("ls /sys/class/net; cat /proc/net/tcp; cat /proc/net/if_inet6", **network);
  EXPECT_THAT(output, HasSubstr("lo\n"));
  // 127.0.0.1:61180, listening.
  EXPECT_THAT(output, HasSubstr("0100007F:EEFC 00000000:0000 0A"));
  EXPECT_THAT(output, HasSubstr("00000000000000000000000000000001"));
  EXPECT_EQ((*network)->Finish().fetches_size(), 0);
}

TEST_P(StepNetworksTest, NothingIsLeftOfAHundredNetworks) {
  // Until every thread that serves has what it keeps, and what is made ahead is there.
  for (int i = 0; i < 8; ++i) ASSERT_OK(services_->networks().Take({}, {}));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const size_t descriptors = OpenDescriptors();
  const size_t mounts = MountedNamespaces();
  {
    std::vector<std::unique_ptr<StepNetwork>> held;
    for (int i = 0; i < 100; ++i) {
      auto network = services_->networks().Take({"192.0.2.1 index.example"}, {});
      ASSERT_OK(network);
      held.push_back(*std::move(network));
      if (held.size() == 10) held.clear();
    }
  }
  for (int i = 0; i < 50 && (OpenDescriptors() > descriptors || MountedNamespaces() > mounts); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_LE(OpenDescriptors(), descriptors);
  EXPECT_LE(MountedNamespaces(), mounts);
  services_.reset();
  EXPECT_EQ(MountedNamespaces(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Runtimes, StepNetworksTest, testing::Values("crun", "runc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace crossmill::worker
