#include "coordinator/audit/audit_chain.h"

#include <gtest/gtest.h>

#include <sstream>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/audit/audit_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

class AuditChainTest : public ::testing::Test {
 protected:
  AuditChainTest() : folder_(TemporaryFolder::Create().value()), path_(folder_.Path("audit.log")) {}

  // Adds calls that are named by their number; the head that a record would keep is then in kept_.
  void Add(int calls, AuditLogOptions options = {}) {
    options.keep = [this](const AuditHead& head) { kept_ = head; };
    auto log = AuditLog::Open(path_, clock_, options);
    ASSERT_OK(log);
    for (int i = 0; i < calls; ++i) {
      AuditEntry entry;
      entry.client = "ci";
      entry.call = fmt::format("call-{}", ++added_);
      entry.outcome = "OK";
      (*log)->Add(entry);
      clock_.Advance(absl::Seconds(1));
    }
  }
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    std::istringstream text(ReadFile(path_).value_or(""));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  void Write(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    ASSERT_OK(WriteFileAtomic(path_, text, 0600, false));
  }
  std::vector<std::string> Problems(bool with_head = true) {
    const auto report = VerifyAudit(path_, with_head ? kept_ : std::nullopt);
    EXPECT_OK(report);
    return report.ok() ? report->problems : std::vector<std::string>{"unreadable"};
  }

  TemporaryFolder folder_;
  const std::string path_;
  FakeClock clock_;
  std::optional<AuditHead> kept_;
  int added_ = 0;
};

TEST_F(AuditChainTest, AWholeLogHasNoProblemsOverRestartsAndRotation) {
  for (int i = 0; i < 5; ++i) Add(3, {.most_bytes = 500, .kept = 99});
  EXPECT_GT(AuditFiles(path_).size(), 3u);
  EXPECT_EQ(Problems(), std::vector<std::string>());
  const auto report = VerifyAudit(path_, kept_);
  ASSERT_OK(report);
  EXPECT_EQ(report->lines, 15);
  EXPECT_EQ(report->first, 1);
  EXPECT_EQ(report->last.number, 15);
  EXPECT_EQ(report->last, *kept_);
  EXPECT_EQ(report->files, static_cast<int64_t>(AuditFiles(path_).size()));
}

TEST_F(AuditChainTest, OldFilesThatAreGoneAreNoProblem) {
  Add(20, {.most_bytes = 500, .kept = 2});
  EXPECT_EQ(Problems(), std::vector<std::string>());
  EXPECT_GT(VerifyAudit(path_, kept_)->first, 1);
}

TEST_F(AuditChainTest, EveryChangedByteIsSeen) {
  Add(3);
  const std::vector<std::string> good = Lines();
  ASSERT_EQ(good.size(), 3u);
  for (size_t line = 0; line < good.size(); ++line) {
    for (size_t at = 0; at < good[line].size(); ++at) {
      std::vector<std::string> bad = good;
      bad[line][at] = bad[line][at] == '7' ? '8' : '7';
      Write(bad);
      EXPECT_FALSE(Problems().empty()) << line << ":" << at;
    }
  }
  Write(good);
  EXPECT_TRUE(Problems().empty());
}

TEST_F(AuditChainTest, ARemovedLineIsSeenAndNamed) {
  Add(5);
  const std::vector<std::string> good = Lines();
  Write({good[0], good[1], good[3], good[4]});
  EXPECT_EQ(Problems(),
            std::vector<std::string>({path_ + ":3 is line 4 and comes after line 2: line 3 is missing"}));
  Write({good[0], good[4]});
  EXPECT_EQ(Problems(), std::vector<std::string>(
                            {path_ + ":2 is line 5 and comes after line 1: lines 2 to 4 are missing"}));
}

TEST_F(AuditChainTest, LinesInAnotherOrderAreSeen) {
  Add(4);
  std::vector<std::string> lines = Lines();
  std::swap(lines[1], lines[2]);
  Write(lines);
  EXPECT_GE(Problems().size(), 2u);
  Add(0);
  // A line twice.
  lines = Lines();
  std::swap(lines[1], lines[2]);
  lines.insert(lines.begin() + 1, lines[1]);
  Write(lines);
  EXPECT_FALSE(Problems().empty());
}

TEST_F(AuditChainTest, ALinePutThereIsSeen) {
  Add(3);
  std::vector<std::string> lines = Lines();
  lines.insert(lines.begin() + 2, R"({"time":"2026","client":"nobody"})");
  Write(lines);
  EXPECT_EQ(Problems(),
            std::vector<std::string>({path_ + ":3 is no line of the chain: it was put there or changed"}));
}

TEST_F(AuditChainTest, AnEndThatIsMissingIsSeenByTheHeadThatTheRecordKeeps) {
  Add(5);
  std::vector<std::string> lines = Lines();
  lines.resize(3);
  Write(lines);
  EXPECT_TRUE(Problems(/*with_head=*/false).empty());
  EXPECT_EQ(Problems(),
            std::vector<std::string>({"the log ends with line 3, and the record knows line 5: the lines "
                                      "after 3 are missing"}));
  // Also after the coordinator has been started again and has written on.
  const AuditHead before = *kept_;
  Add(2, {.head = before});
  EXPECT_EQ(kept_->number, 7);
  EXPECT_EQ(Problems(), std::vector<std::string>(
                            {path_ + ":4 is line 6 and comes after line 3: lines 4 to 5 are missing"}));
}

TEST_F(AuditChainTest, ALogOfBeforeTheChainIsItsBeginning) {
  Write({R"({"time":"1","call":"old"})", R"({"time":"2","call":"older"})"});
  Add(2);
  const auto report = VerifyAudit(path_, kept_);
  ASSERT_OK(report);
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(report->unchained, 2);
  std::vector<std::string> lines = Lines();
  lines[1] = R"({"time":"2","call":"changed"})";
  Write(lines);
  EXPECT_EQ(Problems().size(), 1u);
}

TEST_F(AuditChainTest, HalfALineOfADeadProcessGoesAndTheChainGoesOn) {
  Add(2);
  const std::string text = *ReadFile(path_);
  ASSERT_OK(WriteFileAtomic(path_, text + R"({"number":3,"bef)", 0600, false));
  // While it is being written it is no problem.
  EXPECT_TRUE(Problems().empty());
  Add(1);
  EXPECT_TRUE(Problems().empty());
  EXPECT_EQ(VerifyAudit(path_, kept_)->lines, 3);
}

TEST_F(AuditChainTest, ALogThatIsNotThereIsMissingIfTheRecordKnowsOne) {
  EXPECT_TRUE(Problems().empty());
  kept_ = AuditHead{4, "x"};
  EXPECT_EQ(Problems().size(), 1u);
}

TEST_F(AuditChainTest, TheHeadIsKeptAtMostOnceInAWhileAndAtTheEnd) {
  int told = 0;
  {
    auto log = AuditLog::Open(path_, clock_,
                              {.keep = [&](const AuditHead&) { ++told; }, .keep_every = absl::Seconds(10)});
    ASSERT_OK(log);
    for (int i = 0; i < 5; ++i) (*log)->Add(AuditEntry());
    EXPECT_EQ(told, 1);
    clock_.Advance(absl::Seconds(10));
    (*log)->Add(AuditEntry());
    EXPECT_EQ(told, 2);
  }
  EXPECT_EQ(told, 3);
}

}  // namespace
}  // namespace crossmill::coordinator
