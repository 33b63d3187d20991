#include "coordinator/audit/audit_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/files.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() : folder_(TemporaryFolder::Create().value()), path_(folder_.Path("audit.log")) {}

  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(ReadFile(path).value_or(""));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  static AuditEntry Entry(const std::string& call) {
    AuditEntry entry;
    entry.client = "ci";
    entry.door = "tcp";
    entry.peer = "ipv4:10.0.0.7:51034";
    entry.call = call;
    entry.about = {{"build_id", "7"}};
    entry.outcome = "OK";
    return entry;
  }

  TemporaryFolder folder_;
  const std::string path_;
  FakeClock clock_;
};

TEST_F(AuditLogTest, OneLineOfJsonForEachAndNothingIsOverwritten) {
  {
    auto log = AuditLog::Open(path_, clock_);
    ASSERT_OK(log);
    AuditEntry entry = Entry("crossmill.v1.Builds/CancelBuild");
    entry.about.emplace_back("name", "two\nlines \xff");
    (*log)->Add(entry);
  }
  auto again = AuditLog::Open(path_, clock_);
  ASSERT_OK(again);
  (*again)->Add(Entry("crossmill.v1.Farm/DrainWorker"));
  const auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["call"], "crossmill.v1.Builds/CancelBuild");
  EXPECT_EQ(lines[0]["client"], "ci");
  EXPECT_EQ(lines[0]["about"]["build_id"], "7");
  EXPECT_EQ(lines[1]["call"], "crossmill.v1.Farm/DrainWorker");
  EXPECT_FALSE(lines[1].contains("lost_before"));
}

TEST_F(AuditLogTest, OldFilesKeepTheirPlacesAndTheOldestGoes) {
  auto log = AuditLog::Open(path_, clock_, {.most_bytes = 1, .kept = 2});
  ASSERT_OK(log);
  for (const char* call : {"first", "second", "third", "fourth"}) (*log)->Add(Entry(call));
  EXPECT_EQ(Lines(path_).at(0)["call"], "fourth");
  EXPECT_EQ(Lines(path_ + ".1").at(0)["call"], "third");
  EXPECT_EQ(Lines(path_ + ".2").at(0)["call"], "second");
  EXPECT_NE(access((path_ + ".3").c_str(), F_OK), 0);
}

TEST_F(AuditLogTest, WhatAFullDiskLosesIsCounted) {
  const std::string link = folder_.Path("link");
  ASSERT_EQ(symlink("/dev/full", link.c_str()), 0);
  auto log = AuditLog::Open(link, clock_, {.most_bytes = 0, .kept = 0});
  ASSERT_OK(log);
  (*log)->Add(Entry("lost"));
  (*log)->Add(Entry("lost"));
  // There is room again: it is opened anew for each line here.
  ASSERT_EQ(unlink(link.c_str()), 0);
  (*log)->Add(Entry("kept"));
  const auto lines = Lines(link);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["call"], "kept");
  EXPECT_EQ(lines[0]["lost_before"], 2);
}

}  // namespace
}  // namespace crossmill::coordinator
