#include "common/keys/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::keys {
namespace {

class KeyFileTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::string path_ = folder_.Path("signing-key.pem");
};

TEST_F(KeyFileTest, IsMadeOnceForThisUserAlone) {
  const auto made = LoadOrMakeKey(path_);
  ASSERT_OK(made);
  struct stat state {};
  ASSERT_EQ(stat(path_.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 0600u);
  const auto again = LoadOrMakeKey(path_);
  ASSERT_OK(again);
  EXPECT_EQ(again->public_key().id(), made->public_key().id());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1)
      << "nothing is left beside it";
}

TEST_F(KeyFileTest, ThoseThatBeginAtOnceHaveTheSame) {
  constexpr int kStarts = 16;
  std::vector<std::string> ids(kStarts);
  {
    std::vector<std::jthread> starts;
    for (int i = 0; i < kStarts; ++i) {
      starts.emplace_back([&, i] {
        const auto key = LoadOrMakeKey(path_);
        ids[i] = key.ok() ? key->public_key().id() : key.status().ToString();
      });
    }
  }
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1u) << ids[0];
}

TEST_F(KeyFileTest, WhatIsNoKeyStaysAsItIs) {
  ASSERT_OK(WriteFileAtomic(path_, "half a k", 0600));
  const auto key = LoadOrMakeKey(path_);
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(key.status().message().find(path_), std::string::npos);
  EXPECT_EQ(*ReadFile(path_), "half a k");
}

TEST_F(KeyFileTest, AKeyThatOthersMayReadIsNone) {
  ASSERT_OK(LoadOrMakeKey(path_));
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const auto key = LoadOrMakeKey(path_);
  EXPECT_EQ(key.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(key.status().message().find("chmod 600"), std::string::npos) << key.status();
}

TEST_F(KeyFileTest, ALinkIsNotFollowed) {
  ASSERT_OK(LoadOrMakeKey(folder_.Path("elsewhere")));
  ASSERT_EQ(symlink(folder_.Path("elsewhere").c_str(), path_.c_str()), 0);
  EXPECT_FALSE(LoadOrMakeKey(path_).ok());
}

}  // namespace
}  // namespace crossmill::keys
