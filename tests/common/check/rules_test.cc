#include "common/check/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::check {
namespace {

TEST(RulesTest, DocumentationHasEveryRuleAndNoOther) {
  const auto text = ReadFile(CROSSMILL_SOURCE_FOLDER "/docs/checks.md");
  ASSERT_TRUE(text.ok());
  size_t rows = 0;
  for (size_t at = text->find("\n| "); at != std::string::npos; at = text->find("\n| ", at + 1)) ++rows;
  // Two tables have a heading each.
  EXPECT_EQ(rows, Rules().size() + 2);
  for (const Rule& rule : Rules()) {
    const std::string row =
        fmt::format("\n| {} | {}{} | {} | {} |\n", rule.id, Word(rule.severity),
                    rule.experimental ? ", only when asked for" : "", rule.summary, rule.why);
    EXPECT_THAT(*text, testing::HasSubstr(row));
  }
}

TEST(RulesTest, DockerHasTwentyTwo) {
  size_t docker = 0;
  std::set<std::string_view> names;
  for (const Rule& rule : Rules()) {
    docker += rule.docker ? 1 : 0;
    EXPECT_TRUE(names.insert(rule.id).second) << rule.id;
    EXPECT_EQ(FindRule(rule.id), &rule);
  }
  EXPECT_EQ(docker, 22u);
  EXPECT_EQ(FindRule("Nothing"), nullptr);
}

}  // namespace
}  // namespace crossmill::check
