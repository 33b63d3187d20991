#include "worker/task/root_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RootFactsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    root_ = folder_->Path("root");
    ASSERT_OK(MakeFolders(root_));
  }

  void Write(const std::string& path, const std::string& text) {
    ASSERT_OK(MakeFolders(root_ + "/" + path.substr(0, path.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(root_ + "/" + path, text));
  }

  void Link(const std::string& path, const std::string& target) {
    if (path.find('/') != std::string::npos)
      ASSERT_OK(MakeFolders(root_ + "/" + path.substr(0, path.rfind('/'))));
    ASSERT_EQ(symlink(target.c_str(), (root_ + "/" + path).c_str()), 0);
  }

  v1::RootFacts Read() { return ReadRootFacts(root_, run_); }

  std::unique_ptr<TemporaryFolder> folder_;
  std::string root_;
  v1::Run run_;
};

TEST_F(RootFactsTest, ADebianRoot) {
  Link("etc/os-release", "../usr/lib/os-release");
  Write("usr/lib/os-release",
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n");
  Write("usr/bin/apt-get", "");
  // Leads out of what is read; that it is there counts.
  Link("usr/bin/cc", "/etc/alternatives/cc");
  Link("bin", "usr/bin");
  Write("opt/venv/bin/python3", "");
  Write("usr/include/python3.11/Python.h", "");
  Write("var/lib/dpkg/info/libpq-dev:amd64.list", "");
  Write("var/lib/dpkg/info/cmake.list", "");
  Write("var/lib/dpkg/info/cmake.md5sums", "");
  run_.add_env("PATH=/opt/venv/bin:/usr/bin:/bin");
  const v1::RootFacts facts = Read();
  EXPECT_EQ(facts.distribution(), "debian");
  EXPECT_EQ(facts.release(), "12");
  EXPECT_THAT(facts.paths(), ElementsAre("/opt/venv/bin/python3", "/usr/bin/apt-get", "/usr/bin/cc",
                                         "/usr/include/python3.11/Python.h"));
  EXPECT_THAT(facts.packages(), ElementsAre("cmake", "libpq-dev"));
}

TEST_F(RootFactsTest, AnAlpineRoot) {
  Write("etc/os-release", "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n");
  Write("sbin/apk", "");
  Write("lib/apk/db/installed", "C:Q1abc\nP:musl\nV:1.2.5\n\nP:openssl-dev\nV:3\n");
  const v1::RootFacts facts = Read();
  EXPECT_EQ(facts.distribution(), "alpine");
  EXPECT_EQ(facts.release(), "3.20.3");
  EXPECT_THAT(facts.paths(), ElementsAre("/sbin/apk"));
  EXPECT_THAT(facts.packages(), ElementsAre("musl", "openssl-dev"));
}

TEST_F(RootFactsTest, WhatIsMadeToMisleadIsNotThere) {
  EXPECT_EQ(Read().ByteSizeLong(), 0u);
  // A link to the machine's own file, a FIFO, a name that never ends.
  Link("etc/os-release", "/etc/os-release");
  ASSERT_OK(MakeFolders(root_ + "/usr/lib"));
  ASSERT_EQ(mkfifo((root_ + "/usr/lib/os-release").c_str(), 0600), 0);
  Write("var/lib/dpkg/info/" + std::string(200, 'a') + ".list", "");
  Link("usr/bin", "/usr/bin");
  run_.add_env("PATH=relative:/usr/bin:/../../usr/bin::");
  const v1::RootFacts facts = Read();
  EXPECT_EQ(facts.distribution(), "");
  EXPECT_THAT(facts.paths(), IsEmpty());
  EXPECT_THAT(facts.packages(), IsEmpty());
}

TEST_F(RootFactsTest, ValuesOfOsRelease) {
  EXPECT_EQ(OsReleaseValue("ID=a\n", "ID"), "a");
  EXPECT_EQ(OsReleaseValue("VERSION_ID='1.0'\nID=\"b c\"", "ID"), "b c");
  EXPECT_EQ(OsReleaseValue("XID=a\nID_LIKE=b", "ID"), "");
  EXPECT_EQ(OsReleaseValue("ID=" + std::string(1000, 'x'), "ID").size(), 128u);
}

}  // namespace
}  // namespace crossmill::worker
