#include "cli/matrix/combinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/matrix/matrix_file.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<v1::Platform> Both() { return {*ParsePlatform("linux/amd64"), *ParsePlatform("linux/arm64")}; }

// "PYTHON=3.11, BASE=slim on linux/amd64 linux/arm64"
std::vector<std::string> Texts(const MatrixSpec& spec) {
  const auto combinations = Combinations(spec, Both());
  if (!combinations.ok()) return {std::string(combinations.status().message())};
  std::vector<std::string> texts;
  for (const v1::MatrixCombination& combination : *combinations) {
    v1::MatrixPlace place;
    *place.mutable_combination() = combination.arguments();
    std::string text = FormatCombination(place) + " on";
    for (const v1::Platform& platform : combination.platforms()) text += " " + FormatPlatform(platform);
    texts.push_back(text);
  }
  return texts;
}

MatrixSpec FromFile(const std::string& text) {
  const auto spec = ParseMatrixFile("m.toml", text);
  EXPECT_OK(spec);
  return spec.ok() ? *spec : MatrixSpec();
}

std::string Refused(const std::string& text) {
  const auto spec = ParseMatrixFile("m.toml", text);
  return spec.ok() ? Texts(*spec).front() : std::string(spec.status().message());
}

TEST(CombinationsTest, TheLastNameVariesFastest) {
  MatrixSpec spec;
  MergeNames({*ParseMatrixName("PYTHON=3.11,3.12"), *ParseMatrixName("BASE=slim,full")}, &spec);
  EXPECT_THAT(Texts(spec), ElementsAre("PYTHON=3.11, BASE=slim on linux/amd64 linux/arm64",
                                       "PYTHON=3.11, BASE=full on linux/amd64 linux/arm64",
                                       "PYTHON=3.12, BASE=slim on linux/amd64 linux/arm64",
                                       "PYTHON=3.12, BASE=full on linux/amd64 linux/arm64"));
}

TEST(CombinationsTest, AFlagNamesABuildArgumentAndItsValues) {
  EXPECT_THAT(ParseMatrixName("A=x, y ,")->values, ElementsAre("x", " y ", ""));
  EXPECT_THAT(ParseMatrixName("A=")->values, ElementsAre(""));
  for (const char* bad : {"", "A", "=x", "A B=x", "1A=x", "A=x,x", "A-B=x"})
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMatrixName(bad).status())) << bad;
}

TEST(CombinationsTest, TheFileHasOddCells) {
  const MatrixSpec spec = FromFile(R"(
[matrix]
PYTHON = ["3.10", "3.11"]
BASE = ["a,b", 12]

[[exclude]]
PYTHON = "3.10"
platform = "linux/arm64"

[[exclude]]
PYTHON = "3.11"
BASE = "12"

[[include]]
PYTHON = "3.13"
BASE = "new"
platform = ["linux/riscv64"]

[[include]]
PYTHON = "3.10"
BASE = "12"
platform = "linux/arm64"
)");
  EXPECT_THAT(Texts(spec), ElementsAre("PYTHON=3.10, BASE=a,b on linux/amd64",
                                       "PYTHON=3.10, BASE=12 on linux/amd64 linux/arm64",
                                       "PYTHON=3.11, BASE=a,b on linux/amd64 linux/arm64",
                                       "PYTHON=3.13, BASE=new on linux/riscv64"));
}

TEST(CombinationsTest, TheCommandLineTakesThePlaceOfAName) {
  MatrixSpec spec = FromFile("[matrix]\nPYTHON = [\"3.10\", \"3.11\"]\nBASE = \"slim\"\n");
  MergeNames({*ParseMatrixName("PYTHON=3.12"), *ParseMatrixName("MORE=1")}, &spec);
  EXPECT_THAT(Texts(spec), ElementsAre("PYTHON=3.12, BASE=slim, MORE=1 on linux/amd64 linux/arm64"));
}

TEST(CombinationsTest, WhatCannotBeMeantIsRefusedWithItsPlace) {
  const std::string names = "[matrix]\nPYTHON = [\"3.10\", \"3.11\"]\nBASE = [\"a\"]\n";
  EXPECT_THAT(Refused(names + "[[exclude]]\nPYTHNO = \"3.10\"\n"),
              HasSubstr("m.toml:4: PYTHNO is not varied; the matrix varies PYTHON, BASE"));
  EXPECT_THAT(Refused(names + "[[exclude]]\nPYTHON = \"3.9\"\n"),
              HasSubstr("m.toml:4: there is no such cell"));
  EXPECT_THAT(Refused(names + "[[exclude]]\nBASE = \"a\"\n"), HasSubstr("no combination is left"));
  EXPECT_THAT(Refused(names + "[[include]]\nPYTHON = \"3.13\"\n"),
              HasSubstr("m.toml:4: what is included has to say BASE"));
  EXPECT_THAT(Refused(names + "[[include]]\n"), HasSubstr("expected NAME"));
  EXPECT_THAT(Refused("[matrix]\nPYTHON = [3.10]\n"), HasSubstr("m.toml:2: expected a text in quotes"));
  EXPECT_THAT(Refused("[matrix]\nPYTHON = [\"a\", \"a\"]\n"), HasSubstr("there twice"));
  EXPECT_THAT(Refused("[matrix]\nPYTHON = []\n"), HasSubstr("at least one value"));
  EXPECT_THAT(Refused("[matrix]\n\"A B\" = [\"a\"]\n"), HasSubstr("no build argument's name"));
  EXPECT_THAT(Refused("[matrices]\n"), HasSubstr("matrices is not known"));
  EXPECT_THAT(Refused("include = 3\n"), HasSubstr("expected [[include]]"));
  EXPECT_THAT(Refused("[matrix\n"), HasSubstr("m.toml:1:"));
  EXPECT_THAT(Refused(names + "[[exclude]]\nplatform = \"a/b/c/d\"\n"), HasSubstr("m.toml:5"));
  EXPECT_THAT(Refused(""), HasSubstr("nothing is varied"));
  std::string many = "[matrix]\n";
  for (const char* name : {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M"})
    many += std::string(name) + " = [\"1\", \"2\"]\n";
  EXPECT_THAT(Refused(many), HasSubstr("more than 4096 combinations"));
}

}  // namespace
}  // namespace crossmill::cli
