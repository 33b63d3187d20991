#include "common/fetch/git_program.h"

#include <gtest/gtest.h>

#include "tests/common/fetch/repository.h"
#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

class GitProgramTest : public ::testing::Test {
 protected:
  GitProgramTest() {
    repository_.Write("file", std::string(100'000, 'x'));
    repository_.Commit("one");
    options_.allow_local = true;
  }
  absl::Status Run(const std::vector<std::string>& arguments) {
    GitProgram git(options_);
    return git.Run(repository_.path(), arguments).status();
  }

  Repository repository_;
  GitProgramOptions options_;
};

TEST_F(GitProgramTest, AFullDiskIsNobodysMistake) {
  const absl::Status full = Run({"archive", "--output=/dev/full", "HEAD"});
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
}

TEST_F(GitProgramTest, WhatOthersSayOfTheirDisksIsNotGitsWord) {
  // As a server's words are shown, and a name that only looks like the words.
  for (const std::string alias : {"!echo 'remote: x: No space left on device' >&2; exit 1",
                                  "!echo 'fatal: remote error: No space left on device' >&2; exit 1",
                                  "!echo 'fatal: a: No space left on device: no such file' >&2; exit 1"}) {
    const absl::Status said = Run({"-c", "alias.say=" + alias, "say"});
    EXPECT_TRUE(absl::IsInvalidArgument(said)) << said;
  }
  const absl::Status own =
      Run({"-c", "alias.say=!echo 'error: unable to write: No space left on device' >&2; exit 1", "say"});
  EXPECT_TRUE(absl::IsResourceExhausted(own)) << own;
}

}  // namespace
}  // namespace crossmill::fetch
