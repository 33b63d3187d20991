#include "worker/sandbox/runtime_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"
#include "worker/sandbox/seccomp_profile.h"

namespace crossmill::worker {
namespace {

class RuntimeSpecTest : public testing::Test {
 protected:
  RuntimeSpecTest() {
    run_.add_argv("/bin/sh");
    run_.add_argv("-c");
    run_.add_argv("make");
    run_.set_cwd("/src");
    options_.machine = "x86_64";
    options_.limits = {{"RLIMIT_NOFILE", 1024, 524288}};
    options_.binds = {{"/data/hosts", "/etc/hosts"}, {"/data/inline0", "/dev/pipes/EOF"}};
  }
  Json Make(unsigned process_ids = 0) {
    SandboxRun run{.run = run_,
                   .platform = {},
                   .root = "/data/root",
                   .identity = {.uid = 1000, .gid = 1001, .groups = {27}, .home = "/home/app"},
                   .env = {"PATH=/bin"},
                   .timeout = absl::InfiniteDuration(),
                   .on_output = {},
                   .stop = {}};
    run.process_ids = process_ids;
    return MakeRuntimeSpec(run, options_);
  }
  static bool HasNamespace(const Json& spec, const std::string& type) {
    for (const Json& entry : spec["linux"]["namespaces"]) {
      if (entry["type"] == type) return true;
    }
    return false;
  }

  v1::Run run_;
  SpecOptions options_;
};

TEST_F(RuntimeSpecTest, SpecIsAsTheGoldenOne) {
  run_.set_network(v1::NETWORK_MODE_NONE);
  options_.seccomp_bpf = "AAAA";
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER "/runtime_spec", "network-none.json", WriteJsonPretty(Make()));
}

TEST_F(RuntimeSpecTest, NothingRunsBeforeTheStepUnlessItsProcessIdsAreToDiffer) {
  options_.process_ids_file = "/data/process-ids";
  EXPECT_FALSE(Make().contains("hooks"));
  const Json spec = Make(2000);
  ASSERT_EQ(spec["hooks"]["createContainer"].size(), 1u);
  const Json& arguments = spec["hooks"]["createContainer"][0]["args"];
  ASSERT_EQ(arguments.size(), 7u);
  EXPECT_EQ(arguments[4], "2000");
  EXPECT_EQ(arguments[5], "200");
  EXPECT_EQ(arguments[6], "/data/process-ids");
}

TEST_F(RuntimeSpecTest, NetworkNamespaceOnlyWithoutNetwork) {
  run_.set_network(v1::NETWORK_MODE_NONE);
  EXPECT_TRUE(HasNamespace(Make(), "network"));
  run_.set_network(v1::NETWORK_MODE_HOST);
  EXPECT_FALSE(HasNamespace(Make(), "network"));
  EXPECT_FALSE(HasNamespace(Make(), "user"));
}

TEST_F(RuntimeSpecTest, FilterIsEitherCompiledOrAProfile) {
  EXPECT_EQ(Make()["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
  EXPECT_FALSE(Make().contains("annotations"));
  options_.seccomp_bpf = "AAAA";
  EXPECT_FALSE(Make()["linux"].contains("seccomp"));
}

TEST_F(RuntimeSpecTest, MountAtThePlaceOfTheRuntimesReplacesIt) {
  run_.set_shm_size(1 << 20);
  const auto at = [&](const std::string& destination) {
    std::vector<std::string> found;
    const Json spec = Make();
    for (const Json& mount : spec["mounts"]) {
      if (mount["destination"] == destination) found.push_back(WriteJson(mount));
    }
    return found;
  };
  EXPECT_THAT(at("/dev/shm"), testing::ElementsAre(testing::HasSubstr("size=1048576")));
  options_.binds.push_back({"/data/own", "/dev/shm", true, {"nodev"}});
  EXPECT_THAT(at("/dev/shm"), testing::ElementsAre(testing::HasSubstr("/data/own")));
}

TEST(SeccompProfileTest, ArchitecturesAreTheMachines) {
  EXPECT_EQ(WriteJson(SeccompJson("x86_64")["architectures"]),
            R"(["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"])");
  EXPECT_EQ(WriteJson(SeccompJson("aarch64")["architectures"]), R"(["SCMP_ARCH_AARCH64","SCMP_ARCH_ARM"])");
}

TEST(SeccompProfileTest, CompiledFilterFitsTheKernel) {
  const auto filter = CompileSeccompFilter();
  ASSERT_OK(filter);
  EXPECT_EQ(filter->size() % 8, 0u);
  EXPECT_LE(filter->size() / 8, 4096u);
}

}  // namespace
}  // namespace crossmill::worker
