// What rules set for a command, and the programs that GCC calls then.
#include "worker/normalize/step_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/words/normalize_rules.h"
#include "tests/support/status_matchers.h"
#include "worker/normalize/compiler_wrapper.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class StepSettingsTest : public testing::Test {
 protected:
  SandboxRun Run(std::vector<std::string> env) {
    return {.run = run_,
            .platform = {},
            .root = "",
            .identity = {},
            .env = std::move(env),
            .on_output = {},
            .stop = {}};
  }
  v1::Run run_;
  TemporaryFolder folder_ = *TemporaryFolder::Create();
};

TEST_F(StepSettingsTest, EachRuleSetsItsOwnAndTellsIt) {
  auto settings = StepSettings::Prepare(ParseNormalize("all").value(), folder_.path());
  ASSERT_OK(settings);
  SandboxRun run = Run({"A=1"});
  settings->Apply(&run);
  EXPECT_THAT(run.env, ElementsAre("A=1", "TMPDIR=/run/crossmill/tmp",
                                   "COMPILER_PATH=/run/crossmill/compilers", "PYTHONHASHSEED=0"));
  ASSERT_EQ(run.mounts.size(), 2u);
  EXPECT_EQ(run.mounts[0].target, "/run/crossmill/tmp");
  EXPECT_FALSE(run.mounts[0].read_only);
  struct stat info {};
  ASSERT_EQ(stat(run.mounts[0].source.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 01777u);
  EXPECT_TRUE(run.mounts[1].read_only);
  for (const std::string_view name : kWrappedCompilers) {
    ASSERT_EQ(stat(fmt::format("{}/{}", run.mounts[1].source, name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 07777, 0755u);
  }
  std::vector<std::string> told;
  for (const v1::Normalization& one : settings->normalizations()) {
    ASSERT_EQ(one.variables_size(), 1);
    told.push_back(one.rule());
  }
  EXPECT_THAT(told, ElementsAre("temporary-folder", "build-paths", "python-hash-seed"));
}

TEST_F(StepSettingsTest, WhatTheRecipeSetsStays) {
  auto settings = StepSettings::Prepare(ParseNormalize("all").value(), folder_.path());
  ASSERT_OK(settings);
  SandboxRun run = Run({"TMPDIR=/big", "COMPILER_PATH=", "PYTHONHASHSEED=7"});
  settings->Apply(&run);
  EXPECT_EQ(run.env.size(), 3u);
  EXPECT_THAT(run.mounts, IsEmpty());
  EXPECT_THAT(settings->normalizations(), IsEmpty());
}

TEST_F(StepSettingsTest, OtherRulesSetNothingAndFoldersGoWithTheStep) {
  {
    auto settings = StepSettings::Prepare({"apt-logs"}, folder_.path());
    ASSERT_OK(settings);
    SandboxRun run = Run({});
    settings->Apply(&run);
    EXPECT_THAT(run.env, IsEmpty());
    auto two = StepSettings::Prepare({"temporary-folder", "build-paths"}, folder_.path());
    ASSERT_OK(two);
    two->Apply(&run);
    EXPECT_TRUE(Exists(run.mounts[0].source));
  }
  // Not empty: it could not be removed.
  EXPECT_EQ(rmdir(folder_.path().c_str()), 0);
  ASSERT_OK(MakeFolders(folder_.path()));
}

class CompilerWrapperTest : public StepSettingsTest {
 protected:
  void SetUp() override {
    if (Sh("gcc --version && command -v strings") != 0) GTEST_SKIP() << "needs GCC and binutils";
    for (const std::string_view name : kWrappedCompilers)
      ASSERT_OK(WriteFileAtomic(folder_.Path(name), kCompilerWrapper, 0755));
  }
  int Sh(const std::string& script, const std::string& path = "") {
    ProcessOptions options;
    options.argv = {"/bin/sh", "-ec", script};
    options.env = {"PATH=/usr/local/bin:/usr/bin:/bin", "W=" + folder_.path()};
    if (!path.empty()) options.env->push_back("COMPILER_PATH=" + path);
    const auto result = RunProcess(options);
    if (!result.ok()) return -1;
    output_ = result->stdout_text + result->stderr_text;
    return result->exit_code;
  }
  // Compiles in folders whose names differ as pip's do; true if the results are the same bytes.
  bool SameFrom(const std::string& path) {
    const char kScript[] = R"(
      for name in pip-install-5fk2_x1a/foo_0123456789abcdef0123456789abcdef \
                  pip-install-zz9_plq7/foo_fedcba9876543210fedcba9876543210; do
        random=${name#pip-install-}; headers=$W/pip-build-env-${random%%/*}/include
        mkdir -p "$W/$name" "$headers"
        echo 'static inline const char *where(void) { return __FILE__; }' >"$headers/where.h"
        printf '#include "where.h"\n#include <assert.h>\nconst char *f(int x) { assert(x); return where(); }\n' >"$W/$name/m.c"
        cd "$W/$name"
        gcc -g -O2 -shared -fPIC -I"$headers" "$W/$name/m.c" -o m.so
        g++ -g -O2 -c -I "$headers" -x c++ m.c -o m.o
        cat m.so m.o >>"$W/${random%%/*}"
      done
      cmp "$W/5fk2_x1a" "$W/zz9_plq7")";
    return Sh(kScript, path) == 0;
  }
  std::string output_;
};

TEST_F(CompilerWrapperTest, RandomFoldersLeaveNoTrace) {
  EXPECT_TRUE(SameFrom(folder_.path())) << output_;
  ASSERT_EQ(Sh("strings $W/5fk2_x1a"), 0);
  EXPECT_THAT(output_, testing::HasSubstr("/pip-build/m.c"));
  EXPECT_THAT(output_, testing::HasSubstr("/pip-build-env/include"));
  EXPECT_THAT(output_, Not(testing::HasSubstr("5fk2_x1a")));
}

TEST_F(CompilerWrapperTest, WithoutItTheyDo) { EXPECT_FALSE(SameFrom("")); }

TEST_F(CompilerWrapperTest, OtherFoldersAndErrorsAreAsEver) {
  ASSERT_OK(MakeFolders(folder_.Path("my-software/tmp_not_rand")));
  const std::string compile =
      "cd $W/my-software/tmp_not_rand; echo 'int x;' >m.c; gcc -g -c m.c -o m.o; cat m.o";
  ASSERT_EQ(Sh(compile), 0);
  const std::string plain = output_;
  ASSERT_EQ(Sh(compile, folder_.path()), 0) << output_;
  EXPECT_EQ(output_, plain);
  EXPECT_NE(Sh("cd $W; echo 'int x' >bad.c; gcc -c bad.c", folder_.path()), 0);
  EXPECT_THAT(output_, testing::HasSubstr("bad.c:1:1: error"));
  // Called without GCC.
  EXPECT_NE(Sh("exec $W/cc1 x.c"), 0);
  EXPECT_THAT(output_, testing::HasSubstr("COLLECT_GCC"));
}

}  // namespace
}  // namespace crossmill::worker
