#include "worker/mounts/secret_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

class SecretSearchTest : public testing::Test {
 protected:
  // "id:path" of what is found in the files of the folder.
  std::vector<std::string> Find(const std::vector<std::string>& ids = {"a", "b"}) {
    std::vector<std::string> found;
    const auto leaked = FindSecrets(folder_.path(), paths_, secrets_, ids);
    EXPECT_OK(leaked.status());
    if (!leaked.ok()) return found;
    for (const LeakedSecret& leak : *leaked) found.push_back(leak.id + ":" + leak.path);
    return found;
  }
  void Write(const std::string& path, const std::string& content) {
    ASSERT_OK(WriteFileAtomic(folder_.Path(path), content));
    paths_.push_back(path);
  }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::vector<std::string> paths_;
  TaskSecrets secrets_;
};

TEST_F(SecretSearchTest, WholeValuesAreFoundWhereverTheyStand) {
  secrets_.Add("a", "correct-horse\n");
  secrets_.Add("b", "battery-staple");
  Write("begin", "correct-horse and more");
  Write("end", "more and correct-horse");
  Write("both", "battery-staple,correct-horse,correct-horse");
  Write("neither", "correct-hors e battery staple");
  Write("empty", "");
  EXPECT_THAT(Find(), testing::ElementsAre("a:begin", "a:end", "a:both", "b:both"));
  EXPECT_THAT(Find({"b"}), testing::ElementsAre("b:both"));
  EXPECT_THAT(Find({"unknown"}), testing::IsEmpty());
}

TEST_F(SecretSearchTest, ValuesInsideAreFoundToo) {
  secrets_.Add("a", "[global]\nindex-url = https://builder:p@ss-Word1@pypi.example/simple\ntimeout = 60\n");
  Write("raw", "the password p@ss-Word1 alone");
  Write("url", "https://x:p%40ss-Word1@elsewhere/");
  Write("harmless", "[global]\ntimeout = 60\nhttps://pypi.example/simple builder");
  EXPECT_THAT(Find(), testing::ElementsAre("a:raw", "a:url"));
}

TEST_F(SecretSearchTest, LinesThatManyFilesHaveAreNoLeak) {
  secrets_.Add("a", "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nsomewords\n-----END PRIVATE KEY-----\n");
  Write("other-key", "-----BEGIN PRIVATE KEY-----\nABCD\n-----END PRIVATE KEY-----\nsomewords\n");
  Write("part", "x MIIEowIBAAKCAQEA7 y");
  EXPECT_THAT(Find(), testing::ElementsAre("a:part"));
}

TEST_F(SecretSearchTest, ShortOnesWouldBeFoundEverywhere) {
  secrets_.Add("a", "1234567");
  Write("file", "1234567");
  EXPECT_THAT(Find(), testing::IsEmpty());
}

TEST_F(SecretSearchTest, AcrossTheBoundsOfWhatIsReadAtOnce) {
  secrets_.Add("a", "correct-horse");
  for (int before : {(1 << 20) - 5, (1 << 20) + 8, (2 << 20) - 1, (2 << 20) + 3}) {
    Write("f" + std::to_string(before), std::string(before, '.') + "correct-horse" + std::string(100, '.'));
  }
  EXPECT_EQ(Find().size(), 4u);
}

TEST_F(SecretSearchTest, OnlyRegularFiles) {
  secrets_.Add("a", "correct-horse");
  ASSERT_EQ(mkfifo(folder_.Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(symlink("correct-horse", folder_.Path("link").c_str()), 0);
  paths_ = {"fifo", "link", "missing"};
  EXPECT_THAT(Find(), testing::IsEmpty());
}

}  // namespace
}  // namespace crossmill::worker
