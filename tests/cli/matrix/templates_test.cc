#include "cli/matrix/templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::MatrixCombination With(const std::string& python, const std::string& base = "slim") {
  v1::MatrixCombination combination;
  for (const auto& [name, value] : {std::pair{"PYTHON", python}, std::pair{"BASE", base}}) {
    v1::BuildArgument& argument = *combination.add_arguments();
    argument.set_name(name);
    argument.set_value(value);
  }
  return combination;
}

std::string Error(const absl::Status& status) { return std::string(status.message()); }

TEST(TemplatesTest, NamesInBracesAreReplacedBySafeValues) {
  EXPECT_EQ(*Expand("-t", "app:{PYTHON}-{BASE}", With("3.11", "debian:12/slim")), "app:3.11-debian-12-slim");
  EXPECT_EQ(*Expand("-t", "app:1", With("3.11")), "app:1");
  EXPECT_EQ(SafeValue("a b/../c\n\xc3\xa9"), "a-b-..-c---");
}

TEST(TemplatesTest, WhatIsNotVariedIsAnError) {
  EXPECT_THAT(Error(Expand("-t", "app:{PYTHNO}", With("3.11")).status()),
              HasSubstr("{PYTHNO} is not varied; the matrix has {PYTHON}, {BASE}"));
  EXPECT_THAT(Error(Expand("-t", "app:{platform}", With("3.11")).status()), HasSubstr("holds all platforms"));
  EXPECT_THAT(Error(Expand("-t", "app:{PYTHON", With("3.11")).status()), HasSubstr("not closed"));
  EXPECT_THAT(Error(Expand("-t", "app:PYTHON}", With("3.11")).status()), HasSubstr("not opened"));
}

TEST(TemplatesTest, EachCombinationHasItsTags) {
  std::vector<v1::MatrixCombination> combinations = {With("3.11"), With("3.12")};
  ASSERT_OK(SetTags({"app:{PYTHON}", "r.example/team/app-{BASE}:{PYTHON}"}, &combinations));
  EXPECT_THAT(combinations[1].tags(), ElementsAre("app:3.12", "r.example/team/app-slim:3.12"));
}

TEST(TemplatesTest, TwoCombinationsWithOneTagAreAnError) {
  std::vector<v1::MatrixCombination> combinations = {With("3.11"), With("3.12")};
  EXPECT_THAT(Error(SetTags({"app:1"}, &combinations)),
              HasSubstr("-t app:1: app:1 would be the image of PYTHON=3.11, BASE=slim and of PYTHON=3.12"));
  combinations = {With("a/b"), With("a:b")};
  EXPECT_THAT(Error(SetTags({"app:{PYTHON}"}, &combinations)), HasSubstr("app:a-b would be"))
      << "safe, and equal";
  combinations = {With("3.11"), With("docker.io/library/app")};
  EXPECT_THAT(Error(SetTags({"APP:{PYTHON}"}, &combinations)), HasSubstr("-t APP:{PYTHON} is APP:3.11"));
  combinations = {With("")};
  EXPECT_FALSE(SetTags({"app:{PYTHON}"}, &combinations).ok());
  EXPECT_THAT(Error(ExpandApart("-o dest=", "a.tar", {With("1"), With("2")}).status()),
              HasSubstr("would have the same"));
  EXPECT_THAT(*ExpandApart("-o dest=", "{PYTHON}.tar", {With("1"), With("../x")}),
              ElementsAre("1.tar", "..-x.tar"));
}

}  // namespace
}  // namespace crossmill::cli
