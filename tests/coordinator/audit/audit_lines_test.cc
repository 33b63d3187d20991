#include "coordinator/audit/audit_lines.h"

#include <gtest/gtest.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

TEST(AuditLinesTest, TheOperatorsAreThoseOfBothSockets) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  ASSERT_OK(WriteFileAtomic(folder.Path("audit.log"),
                            "{\"client\":\"\",\"door\":\"socket\",\"call\":\"1\"}\n"
                            "{\"client\":\"\",\"door\":\"buildkit\",\"call\":\"2\"}\n"
                            "{\"client\":\"ci\",\"door\":\"buildkit\",\"call\":\"3\"}\n"
                            "{\"client\":\"ci\",\"door\":\"tcp\",\"call\":\"4\"}\n"));
  AuditQuestion question;
  question.who = "operator";
  const auto operators = FindAuditLines(folder.Path("audit.log"), question);
  ASSERT_OK(operators.status());
  ASSERT_EQ(operators->lines.size(), 2u);
  EXPECT_NE(operators->lines[1].find("\"2\""), std::string::npos);
  question.who = "ci";
  EXPECT_EQ(FindAuditLines(folder.Path("audit.log"), question)->lines.size(), 2u);
}

}  // namespace
}  // namespace crossmill::coordinator
