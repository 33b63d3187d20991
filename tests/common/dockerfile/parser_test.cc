// Golden cases: each folder below tests/golden/dockerfiles holds a Dockerfile and what is read from it
// (`result`), or the message of its first error.
#include "common/dockerfile/parser.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/plan/planner.h"
#include "tests/support/golden.h"

namespace crossmill::dockerfile {
namespace {

std::string Quoted(std::string_view text) { return WriteJson(Json(std::string(text))); }

std::string Dump(const Document& document) {
  std::string dump = fmt::format("escape {}\n", document.escape);
  for (const Instruction& instruction : document.instructions) {
    const Place place = instruction.PlaceOf("", 0);
    dump += fmt::format("{} {}-{} column {}\n", instruction.syntax->name, instruction.first_line,
                        instruction.last_line, place.column);
    for (const Flag& flag : instruction.flags) {
      const Place at = instruction.PlaceOf("", flag.offset);
      dump += fmt::format(
          "  flag {} {} at {}:{}\n", flag.syntax->name,
          flag.syntax->kind == FlagKind::kBool ? (flag.enabled ? "true" : "false") : Quoted(flag.value),
          at.line, at.column);
    }
    if (instruction.json) dump += "  json\n";
    for (const Word& word : instruction.words) {
      const Place at = instruction.PlaceOf("", word.offset);
      dump += fmt::format("  word {} at {}:{}\n", Quoted(word.text), at.line, at.column);
    }
    for (const Pair& pair : instruction.pairs) {
      const Place at = instruction.PlaceOf("", pair.offset);
      dump += fmt::format("  pair {}{} at {}:{}\n", Quoted(pair.name),
                          pair.has_value ? " = " + Quoted(pair.value) : "", at.line, at.column);
    }
    for (const Heredoc& heredoc : instruction.heredocs) {
      dump += fmt::format("  heredoc {}{}{} {}\n", heredoc.name, heredoc.strip_tabs ? " strip" : "",
                          heredoc.expand ? " expand" : "", Quoted(heredoc.content));
    }
  }
  for (const std::string& warning : document.warnings) dump += "warning " + warning + "\n";
  return dump;
}

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const auto& entry : std::filesystem::directory_iterator(CROSSMILL_GOLDEN_FOLDER "/dockerfiles")) {
    if (entry.is_directory()) cases.push_back(entry.path().filename());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

class DockerfileGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(DockerfileGoldenTest, IsReadAsExpected) {
  const std::string folder = std::string(CROSSMILL_GOLDEN_FOLDER "/dockerfiles/") + GetParam();
  const auto text = ReadFile(folder + "/Dockerfile");
  ASSERT_TRUE(text.ok()) << text.status();
  const auto document = ParseDockerfile("Dockerfile", *text);
  std::string result;
  if (!document.ok()) {
    result = fmt::format("error {}\n", Sv(document.status().message()));
    EXPECT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument);
  } else if (const absl::Status outline = plan::CheckSyntax("Dockerfile", *text); !outline.ok()) {
    result = fmt::format("error {}\n", Sv(outline.message()));
  } else {
    result = Dump(*document);
  }
  ExpectGolden(folder, "result", result);
}

INSTANTIATE_TEST_SUITE_P(All, DockerfileGoldenTest, testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST(ParserTest, TableHoldsTheWholeLanguageSorted) {
  const auto table = InstructionTable();
  EXPECT_EQ(table.size(), 18u);
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(table[i].keyword), i);
    EXPECT_EQ(&SyntaxOf(table[i].keyword), &table[i]);
    if (i > 0) {
      EXPECT_LT(table[i - 1].name, table[i].name);
    }
  }
}

TEST(ParserTest, LineOfMoreThan65535BytesIsRefusedWithItsNumber) {
  const auto document = ParseDockerfile("D", "FROM a\nRUN " + std::string(70'000, 'x'));
  EXPECT_EQ(Sv(document.status().message()), "D:2:1: the line has 70004 bytes; expected at most 65535");
}

TEST(ParserTest, BytesThatAreNoTextAreRefusedExceptInFiles) {
  EXPECT_EQ(Sv(ParseDockerfile("D", "FROM a\nRUN x\xFFy").status().message()),
            "D:2:6: byte 0xff is no text; expected UTF-8");
  EXPECT_EQ(Sv(ParseDockerfile("D", "FROM a\nRUN x \\\n \xC3").status().message()),
            "D:3:2: byte 0xc3 is no text; expected UTF-8");
  EXPECT_EQ(Sv(ParseDockerfile("D", std::string("FROM a\nRUN <<E\n\0\nE\n", 18)).status().message()),
            "D:3:1: byte 0x00 is no text; expected UTF-8");
  const auto document = ParseDockerfile("D", "# \xFF\nFROM a\nCOPY <<E /x\n\xFF\xFE\nE\n");
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->instructions[1].heredocs[0].content, "\xFF\xFE\n");
}

TEST(ParserTest, ByteOrderMarkAndCarriageReturnsAreNoText) {
  const auto document = ParseDockerfile("D", "\xEF\xBB\xBF# escape=`\r\nFROM a\r\nRUN x `\r\n  y\r\n");
  ASSERT_TRUE(document.ok()) << document.status();
  ASSERT_EQ(document->instructions.size(), 2u);
  EXPECT_EQ(document->instructions[1].words[0].text, "x   y");
}

// Processor time of this thread, of the best of three.
double SecondsToParse(size_t size) {
  std::string text = "FROM scratch\n";
  while (text.size() < size) {
    text +=
        "ENV NAME_A=value OTHER=\"quoted value\" \\\n  THIRD=x\nRUN --network=none make -j4 && echo done\n"
        "COPY --chown=1:1 a b c/\n";
  }
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const double begin = now();
    const auto document = ParseDockerfile("D", text);
    best = std::min(best, now() - begin);
    EXPECT_TRUE(document.ok()) << document.status();
  }
  return best;
}

TEST(ParserTest, TimeGrowsWithTheSizeAndNotWithItsSquare) {
  const double eighth = SecondsToParse(size_t{1} << 17);
  const double whole = SecondsToParse(size_t{1} << 20);
  RecordProperty("megabyte_milliseconds", static_cast<int>(whole * 1000));
  // Quadratic growth would be a factor of 64.
  EXPECT_LT(whole, 32 * eighth);
}

}  // namespace
}  // namespace crossmill::dockerfile
