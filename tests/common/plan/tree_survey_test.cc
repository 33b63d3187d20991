#include "common/plan/tree_survey.h"

#include <gtest/gtest.h>

#include <map>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::plan {
namespace {

class TreeSurveyTest : public ::testing::Test {
 protected:
  Digest Put(const reapi::Directory& directory) {
    const std::string bytes = directory.SerializeAsString();
    const Digest digest = DigestOf(bytes);
    folders_[digest] = directory;
    return digest;
  }
  Digest Folder(const std::vector<std::pair<std::string, Digest>>& folders,
                const std::vector<std::string>& files = {}) {
    reapi::Directory directory;
    for (const std::string& name : files) {
      directory.add_files()->set_name(name);
      ToProto(DigestOf(name), directory.mutable_files()->rbegin()->mutable_digest());
    }
    for (const auto& [name, digest] : folders) {
      directory.add_directories()->set_name(name);
      ToProto(digest, directory.mutable_directories()->rbegin()->mutable_digest());
    }
    return Put(directory);
  }
  absl::StatusOr<TreeSize> Measure(const Digest& root) {
    TreeSurvey survey(most_entries_, known_);
    return survey.Measure(
        root,
        [this](const Digest& digest) -> absl::StatusOr<reapi::Directory> {
          ++read_;
          const auto found = folders_.find(digest);
          if (found == folders_.end()) return absl::NotFoundError(digest.hash);
          return found->second;
        },
        stop_.get_token());
  }
  std::string Refusal(const Digest& root) {
    const auto size = Measure(root);
    EXPECT_EQ(size.status().code(), absl::StatusCode::kInvalidArgument) << size.status();
    return std::string(Sv(size.status().message()));
  }

  int64_t most_entries_ = 1000;
  KnownTrees known_;
  std::map<Digest, reapi::Directory> folders_;
  std::stop_source stop_;
  int read_ = 0;
};

TEST_F(TreeSurveyTest, CountsWhatUnfoldsAndItsLongestPath) {
  const Digest leaf = Folder({}, {"file", "other"});
  const Digest root = Folder({{"a", leaf}, {"bcd", leaf}}, {"x"});
  const auto size = Measure(root);
  ASSERT_OK(size.status());
  EXPECT_EQ(size->entries, 1 + 2 * 3);
  EXPECT_EQ(size->longest_path, 9);  // "bcd/other"
  EXPECT_EQ(read_, 2);
  // What is known is not read again, nor what it has in common with another.
  ASSERT_OK(Measure(root).status());
  EXPECT_EQ(read_, 2);
  ASSERT_OK(Measure(Folder({{"new", root}})).status());
  EXPECT_EQ(read_, 3);
}

TEST_F(TreeSurveyTest, FortyFoldersThatUnfoldToAMillionMillionFiles) {
  Digest folder = Folder({}, {"file"});
  for (int i = 0; i < 40; ++i) folder = Folder({{"a", folder}, {"b", folder}});
  EXPECT_NE(Refusal(folder).find("unfolds to more than 1000 files and folders"), std::string::npos);
  EXPECT_LE(read_, 41);
}

TEST_F(TreeSurveyTest, DepthTakesNoStackAndHasAnEnd) {
  most_entries_ = 1'000'000;
  Digest folder = Folder({});
  for (int i = 0; i < 2047; ++i) folder = Folder({{"d", folder}});
  const auto size = Measure(folder);
  ASSERT_OK(size.status());
  EXPECT_EQ(size->longest_path, 4093);
  for (int i = 0; i < 26'000; ++i) folder = Folder({{"d", folder}});
  EXPECT_NE(Refusal(folder).find("path of more than 4095 bytes"), std::string::npos);
  Digest other = Folder({}, {"file"});
  for (int i = 0; i < 26'000; ++i) other = Folder({{"e", other}});
  EXPECT_NE(Refusal(other).find("path of more than 4095 bytes"), std::string::npos);
}

TEST_F(TreeSurveyTest, NamesThatNoFolderCanHold) {
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("a\0b", 3), std::string(256, 'n')}) {
    EXPECT_NE(Refusal(Folder({}, {name})).find("name"), std::string::npos) << name;
    EXPECT_NE(Refusal(Folder({{name, Folder({})}})).find("name"), std::string::npos) << name;
  }
}

// Following it would put all of it in front of what is left, hundreds of times.
TEST_F(TreeSurveyTest, LinksThatAreLongerThanAPath) {
  reapi::Directory directory;
  directory.add_symlinks()->set_name("l");
  directory.mutable_symlinks(0)->set_target(std::string(4096, 'a'));
  EXPECT_NE(Refusal(Put(directory)).find("path of more than 4095 bytes"), std::string::npos);
  directory.mutable_symlinks(0)->set_target(std::string(4095, 'a'));
  EXPECT_OK(Measure(Put(directory)).status());
}

TEST_F(TreeSurveyTest, StopsAndPassesErrorsOn) {
  const Digest root = Folder({{"gone", DigestOf("nowhere")}});
  EXPECT_EQ(Measure(root).status().code(), absl::StatusCode::kNotFound);
  stop_.request_stop();
  EXPECT_EQ(Measure(root).status().code(), absl::StatusCode::kCancelled);
}

// The limit of today holds also for what was measured under another.
TEST_F(TreeSurveyTest, WhatIsKnownIsHeldAgainstTheLimit) {
  const Digest root = Folder({}, {"a", "b", "c"});
  ASSERT_OK(Measure(root).status());
  most_entries_ = 2;
  Refusal(root);
}

}  // namespace
}  // namespace crossmill::plan
