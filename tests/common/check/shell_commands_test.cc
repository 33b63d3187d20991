#include "common/check/shell_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"

namespace crossmill::check {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Commands as "word word", with ">" for those that write into a pipe.
std::vector<std::string> Read(std::string_view script) {
  std::vector<std::string> commands;
  for (const ShellCommand& command : ReadShellCommands(script)) {
    std::string text;
    for (const ShellWord& word : command.words) text += (text.empty() ? "" : " ") + word.text;
    commands.push_back(text + (command.writes_pipe ? " >" : ""));
  }
  return commands;
}

TEST(ShellCommandsTest, OperatorsEndCommands) {
  EXPECT_THAT(Read("a 1 && b 2 || c; d & e\nf | g"), ElementsAre("a 1", "b 2", "c", "d", "e", "f >", "g"));
}

TEST(ShellCommandsTest, QuotesAndEscapesBelongToWords) {
  EXPECT_THAT(Read("echo 'a && b' \"c; d\" e\\ f"), ElementsAre("echo a && b c; d e f"));
  EXPECT_THAT(Read("pip install 'flask>=2'"), ElementsAre("pip install flask>=2"));
}

TEST(ShellCommandsTest, RedirectionsAndCommentsAreNoWords) {
  EXPECT_THAT(Read("a > /dev/null 2>&1 < in # no\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(Read("echo a#b"), ElementsAre("echo a#b"));
}

TEST(ShellCommandsTest, ReservedWordsAreNoPrograms) {
  EXPECT_THAT(Read("if a; then b; else c; fi; while d; do e; done; ! f; { g; }"),
              ElementsAre("a", "b", "c", "d", "e", "f", "g"));
  EXPECT_THAT(Read("for x in apt-get update; do echo $x; done"), ElementsAre("echo $x"));
}

TEST(ShellCommandsTest, WrappersAndAssignmentsStandBeforeThePrograms) {
  const auto commands = ReadShellCommands("A=1 sudo -u app env B=2 pip install x");
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].Program(), "pip");
  EXPECT_EQ(commands[0].Subcommand(), "install");
  EXPECT_EQ(commands[0].assignments.size(), 2u);
}

TEST(ShellCommandsTest, NestedScriptsAreReadToo) {
  EXPECT_THAT(Read("sh -c 'a && b'"), ElementsAre("sh -c a && b", "a", "b"));
  EXPECT_THAT(Read("echo \"$(a b)\" `c`"), ElementsAre("echo $(a b) `c`", "a b", "c"));
  EXPECT_TRUE(ReadShellCommands("(cd /x)")[0].nested);
}

TEST(ShellCommandsTest, OffsetsPointIntoTheScript) {
  const std::string script = "set -e; apt-get update";
  const auto commands = ReadShellCommands(script);
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(script.substr(commands[1].offset, commands[1].length), "apt-get update");
}

TEST(ShellCommandsTest, BrokenScriptsEnd) {
  for (const char* script :
       {"'", "\"", "$(", "`", "${", "\\", "((", "a '", "sh -c \"sh -c 'sh -c", "<", "|", "&&"}) {
    ReadShellCommands(script);
  }
  std::string deep = "x";
  for (int i = 0; i < 2000; ++i) deep = "$(" + deep;
  ReadShellCommands(deep);
  EXPECT_THAT(Read(""), IsEmpty());
}

}  // namespace
}  // namespace crossmill::check
