#include "cli/show/text.h"

#include <gtest/gtest.h>

#include "cli/show/console_lines.h"

namespace crossmill::cli {
namespace {

TEST(TextTest, WidthCountsWhatIsSeen) {
  EXPECT_EQ(DisplayWidth("plain"), 5);
  EXPECT_EQ(DisplayWidth("\x1b[31mred\x1b[0m"), 3);
  EXPECT_EQ(DisplayWidth("漢字"), 4);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);
}

TEST(TextTest, ShorteningNeverCutsACharacter) {
  EXPECT_EQ(Ellipsize("short", 10), "short");
  EXPECT_EQ(Ellipsize("abcdef", 4), "abc…");
  EXPECT_EQ(Ellipsize("漢字漢字", 5), "漢字…");
  EXPECT_EQ(Ellipsize("漢字漢字", 4), "漢…");
  EXPECT_EQ(Ellipsize("abc", 0), "");
}

TEST(TextTest, UnprintableBytesCannotReachTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb\x07"), "a?[31mb?");
  EXPECT_EQ(Printable("\xFFx\xC3"), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  EXPECT_EQ(Printable("a\tb"), "a b");
  // U+009B is a control sequence introducer of its own.
  EXPECT_EQ(Printable("\xC2\x9B"), "?");
}

TEST(TextTest, SizesAndTimes) {
  EXPECT_EQ(FormatBytes(952), "952 B");
  EXPECT_EQ(FormatBytes(12'420), "12.4 kB");
  EXPECT_EQ(FormatBytes(148'000'000), "148 MB");
  EXPECT_EQ(FormatBytes(999'999), "1.0 MB");
  EXPECT_EQ(FormatSeconds(0.04), "0.0s");
  EXPECT_EQ(FormatSeconds(59.96), "1m 00s");
  EXPECT_EQ(FormatSeconds(3723), "1h 02m");
  EXPECT_EQ(FormatSeconds(-1), "-");
  EXPECT_EQ(FormatRfc3339(1'700'000'000'123'000'000), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(FormatAge(0, 90'000'000'000), "1m ago");
}

TEST(TableTest, FlexibleColumnGivesWay) {
  Table table({{"A"}, {"B"}, {"N", Table::Align::kRight}}, 1);
  table.Add({{"x"}, {std::string(50, 'b')}, {"1"}});
  table.Add({{"yy"}, {"b"}, {"22"}});
  EXPECT_EQ(table.Render({30, false}),
            "A   B                        N\n"
            "x   bbbbbbbbbbbbbbbbbbbbb…   1\n"
            "yy  b                       22\n");
}

std::vector<std::string> Lines(std::initializer_list<std::string_view> pieces) {
  LineAssembler assembler;
  std::vector<std::string> lines;
  for (const std::string_view piece : pieces) {
    for (std::string& line : assembler.Feed(piece)) lines.push_back(std::move(line));
  }
  for (std::string& line : assembler.Finish()) lines.push_back(std::move(line));
  return lines;
}

using Strings = std::vector<std::string>;

TEST(LineAssemblerTest, LinesAcrossPieces) {
  EXPECT_EQ(Lines({"on", "e\ntw", "o"}), (Strings{"one", "two"}));
}
TEST(LineAssemblerTest, ProgressBarIsItsLastState) {
  EXPECT_EQ(Lines({"10%\r", "50%\r100%\r\n", "next\r\n"}), (Strings{"100%", "next"}));
}
TEST(LineAssemblerTest, EscapeSequencesAreDroppedEvenWhenCut) {
  EXPECT_EQ(Lines({"\x1b[3", "1mred\x1b", "[0m\n"}), (Strings{"red"}));
  EXPECT_EQ(Lines({"\x1b]8;;http://x\x1b\\link\x1b]8;;\a!\n"}), (Strings{"link!"}));
}

v1::LogChunk Chunk(uint32_t step, const std::string& data) {
  v1::LogChunk chunk;
  chunk.set_step_number(step);
  chunk.set_data(data);
  return chunk;
}

TEST(ConsoleLinesTest, ChunkSeenBeforeGivesNothing) {
  ConsoleLines lines;
  EXPECT_EQ(lines.Feed(7, 0, 0, 0, Chunk(2, "a\n")).size(), 1u);
  EXPECT_EQ(lines.Feed(7, 0, 0, 1, Chunk(2, "b\nc")).size(), 1u);
  EXPECT_EQ(lines.Feed(7, 0, 0, 0, Chunk(2, "a\n")).size(), 0u);
  EXPECT_EQ(lines.Feed(7, 0, 0, 1, Chunk(2, "b\nc")).size(), 0u);
  const auto last = lines.Feed(7, 0, 0, 2, Chunk(2, "d\n"));
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].text, "cd");
}

TEST(ConsoleLinesTest, LaterChunkUnderALowerOffsetIsNew) {
  ConsoleLines lines;
  v1::LogChunk chunk = Chunk(2, "a\n");
  chunk.set_time(10);
  EXPECT_EQ(lines.Feed(7, 0, 0, 0, chunk).size(), 1u);
  EXPECT_EQ(lines.Feed(7, 0, 0, 1, chunk).size(), 1u);
  chunk.set_time(20);
  EXPECT_EQ(lines.Feed(7, 0, 0, 0, chunk).size(), 1u);
  EXPECT_EQ(lines.Feed(7, 0, 0, 0, chunk).size(), 0u);
}

TEST(ConsoleLinesTest, UnfinishedLineComesWithTheStepsEnd) {
  ConsoleLines lines;
  EXPECT_TRUE(lines.Feed(7, 1, 0, 0, Chunk(2, "no newline")).empty());
  const auto rest = lines.FinishStep(1, 0, 2, 5);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].text, "no newline");
  EXPECT_TRUE(lines.FinishStep(1, 0, 2, 5).empty());
}

}  // namespace
}  // namespace crossmill::cli
