#include "worker/accelerators/root_compilers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kCc1 = "/usr/lib/gcc/aarch64-linux-gnu/12/cc1";

class RootCompilersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
  }
  void Write(const std::string& path, const std::string& content = "x") {
    ASSERT_OK(MakeFolders(folder_->Path(path.substr(1, path.rfind('/') - 1))));
    ASSERT_OK(WriteFileAtomic(folder_->Path(path.substr(1)), content));
  }
  UniqueFd Root() const {
    auto root = OpenRoot(folder_->path());
    EXPECT_OK(root);
    return *std::move(root);
  }
  std::vector<std::string> Without(const std::vector<AcceleratedTool>& tools) {
    const UniqueFd root = Root();
    RecognisedFiles known;
    const auto table = MakeRootTable(tools, false, root.get(), &known);
    EXPECT_OK(table);
    return WithoutStandIn(root.get(), tools, *table);
  }
  static AcceleratedTool Tool(const std::string& name, const std::string& path, const std::string& content) {
    AcceleratedTool tool;
    tool.name = name;
    tool.program = "bin/x";
    tool.stands_for = {path, DigestOf(content)};
    return tool;
  }
  std::optional<TemporaryFolder> folder_;
};

TEST_F(RootCompilersTest, AreFoundWhereDistributionsAndToolchainsHaveThem) {
  EXPECT_THAT(CompilersOf(Root().get()), IsEmpty());
  Write("/usr/local/go/pkg/tool/linux_arm64/compile");
  Write("/usr/libexec/gcc/aarch64-linux-gnu/14/cc1plus");
  Write("/usr/lib/llvm-19/bin/clang");
  Write("/usr/lib/llvm-19/bin/clang-format");
  Write(kCc1);
  Write("/usr/lib/gcc/aarch64-linux-gnu/12/collect2");
  EXPECT_THAT(CompilersOf(Root().get()),
              ElementsAre(kCc1, "/usr/libexec/gcc/aarch64-linux-gnu/14/cc1plus", "/usr/lib/llvm-19/bin/clang",
                          "/usr/local/go/pkg/tool/linux_arm64/compile"));
}

// Whoever made the image may have made these folders whatever they like.
TEST_F(RootCompilersTest, LinksLeadNowhereElseAndManyAreCut) {
  ASSERT_OK(MakeFolders(folder_->Path("usr/lib")));
  ASSERT_EQ(symlink("/", folder_->Path("usr/lib/gcc").c_str()), 0);
  ASSERT_EQ(symlink("loop", folder_->Path("usr/lib/loop").c_str()), 0);
  EXPECT_THAT(CompilersOf(Root().get()), IsEmpty());
  for (int i = 0; i < 50; ++i) Write(fmt::format("/usr/libexec/gcc/a/{}/cc1", i));
  EXPECT_THAT(CompilersOf(Root().get()), SizeIs(20));
}

TEST_F(RootCompilersTest, WhatNoToolStandsForIsToldWithTheReason) {
  Write(kCc1, "this one");
  Write("/usr/bin/rustc");
  EXPECT_THAT(Without({}), ElementsAre(std::string(kCc1) + ": no tool of the set stands for it",
                                       "/usr/bin/rustc: no tool of the set stands for it"));
  ASSERT_EQ(unlink(folder_->Path("usr/bin/rustc").c_str()), 0);
  EXPECT_THAT(Without({Tool("gcc-12/cc1", kCc1, "this one")}), IsEmpty());
  EXPECT_THAT(Without({Tool("gcc-12/cc1", kCc1, "that one")}),
              ElementsAre(std::string(kCc1) + ": not gcc-12/cc1: its content is another one"));
  // Of several versions at one place one is enough, in whatever order they are.
  EXPECT_THAT(Without({Tool("gcc-12/cc1", kCc1, "this one"), Tool("gcc-13/cc1", kCc1, "that one")}),
              IsEmpty());
  EXPECT_THAT(Without({Tool("gcc-13/cc1", kCc1, "that one"), Tool("gcc-12/cc1", kCc1, "this one")}),
              IsEmpty());
  // The same content elsewhere only, as a toolchain of Go has another folder.
  EXPECT_THAT(Without({Tool("gcc-12/cc1", "/opt/cc1", "this one")}), IsEmpty());
  // A folder by another name, as 12.2.0 for 12.
  ASSERT_EQ(symlink("12", folder_->Path("usr/lib/gcc/aarch64-linux-gnu/12.2.0").c_str()), 0);
  EXPECT_THAT(Without({Tool("gcc-12/cc1", kCc1, "this one")}), IsEmpty());
  ASSERT_EQ(unlink(folder_->Path("usr/lib/gcc/aarch64-linux-gnu/12.2.0").c_str()), 0);
  AcceleratedTool tool = Tool("gcc-12/cc1", kCc1, "this one");
  tool.needs = {{"/usr/lib/isl", DigestOf("isl")}};
  EXPECT_THAT(Without({tool}),
              ElementsAre(std::string(kCc1) + ": not gcc-12/cc1: /usr/lib/isl is another one, or not there"));
}

}  // namespace
}  // namespace crossmill::worker
