#include "common/words/levels.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace crossmill {
namespace {

TEST(LevelsTest, ABuildHasTheWeakestLevelOfItsCells) {
  EXPECT_EQ(LevelOfBuild({}), "");
  EXPECT_EQ(LevelOfBuild({"image", "image"}), "index");
  EXPECT_EQ(LevelOfBuild({"image", "layers"}), "layers");
  EXPECT_EQ(LevelOfBuild({"root", "contents", "image"}), "contents");
  EXPECT_EQ(LevelOfBuild({"image", "none"}), "none");
  EXPECT_EQ(LevelOfBuild({"manifests", "image"}), "entries");
  EXPECT_EQ(LevelOfBuild({"image", ""}), "") << "a cell that nobody compared";
  EXPECT_EQ(LevelOfBuild({"of another time"}), "");
}

TEST(LevelsTest, WordsOfOlderRecordsAreSaidInWords) {
  EXPECT_EQ(LevelPhrase("manifests"), "only times of files differ");
  EXPECT_EQ(LevelPhrase("of another time"), "the same up to: of another time");
}

TEST(LevelsTest, TheDocumentHasEachWordInThisOrder) {
  std::ifstream file(std::string(CROSSMILL_SOURCE_FOLDER) + "/docs/formats.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  size_t at = text.find("`level` is the strictest level that matches");
  ASSERT_NE(at, std::string::npos);
  for (const ComparisonLevel& level : ComparisonLevels()) {
    const std::string row = "\n| `" + std::string(level.word) + "` |";
    const size_t found = text.find(row, at);
    ASSERT_NE(found, std::string::npos) << row;
    at = found;
  }
}

}  // namespace
}  // namespace crossmill
