// File names of wheels and source distributions against the golden table of `packaging`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/python/package_name.h"
#include "common/python/sdist_name.h"
#include "common/python/wheel_name.h"
#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

TEST(WheelNameTest, NamesAreTakenApartAsInPackaging) {
  for (const auto& row : GoldenTable("file_names.txt")) {
    if (!absl::AsciiStrToLower(row[0]).ends_with(".whl")) continue;
    SCOPED_TRACE(row[0]);
    const auto wheel = WheelName::Parse(row[0]);
    if (row[1] == "-") {
      EXPECT_EQ(wheel.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ASSERT_OK(wheel);
    EXPECT_EQ(wheel->project, row[1]);
    EXPECT_EQ(wheel->version.Text(), row[2]);
    EXPECT_EQ(wheel->build.has_value() ? wheel->build->number.digits() + "," + wheel->build->rest : "",
              row[3]);
    std::vector<std::string> tags;
    for (const Tag& tag : wheel->Tags()) tags.push_back(tag.Text());
    std::sort(tags.begin(), tags.end());
    EXPECT_EQ(absl::StrJoin(tags, " "), row[4]);
  }
}

TEST(WheelNameTest, BuildTagsAreOrderedByNumberThenText) {
  const auto build = [](const char* tag) {
    const auto wheel = WheelName::Parse(fmt::format("a-1-{}py3-none-any.whl", tag));
    EXPECT_OK(wheel);
    return wheel->build;
  };
  EXPECT_LT(build(""), build("0-"));
  EXPECT_LT(build("2-"), build("10-"));
  EXPECT_LT(build("1-"), build("1a-"));
  EXPECT_LT(build("1a-"), build("1b-"));
}

TEST(WheelNameTest, ErrorsSayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"a-1.0.tar.gz", "'a-1.0.tar.gz' is not the name of a wheel: it does not end with .whl"},
      {"a-1-py3-none.whl",
       "'a-1-py3-none.whl' is not the name of a wheel: it has 4 parts between dashes, not 5 or 6"},
      {"a-x-py3-none-any.whl",
       "'a-x-py3-none-any.whl' is not the name of a wheel: 'x' is not a version (PEP 440)"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(WheelName::Parse(text).status().message(), message);
}

TEST(WheelNameTest, TagsThatMultiplyWithoutEndAreRefused) {
  std::string many = "a";
  for (int i = 0; i < 200; ++i) many += ".a";
  EXPECT_TRUE(WheelName::Parse(fmt::format("a-1-py3-none-{}.whl", many)).ok());
  EXPECT_FALSE(WheelName::Parse(fmt::format("a-1-{}-{}-any.whl", many, many)).ok());
}

TEST(SdistNameTest, NamesAreTakenApartAsInPackaging) {
  for (const auto& row : GoldenTable("file_names.txt")) {
    if (absl::AsciiStrToLower(row[0]).ends_with(".whl")) continue;
    SCOPED_TRACE(row[0]);
    const auto sdist = SdistName::Parse(row[0]);
    if (row[1] == "-") {
      EXPECT_EQ(sdist.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ASSERT_OK(sdist);
    EXPECT_EQ(sdist->project, row[1]);
    EXPECT_EQ(sdist->version.Text(), row[2]);
  }
}

TEST(SdistNameTest, AProjectSaysWhereTheVersionBegins) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"foo-bar-1.0-1.tar.gz", "foo.bar", "1.0.post1"},
      {"Foo_Bar-2.0.tar.bz2", "foo-bar", "2.0"},
      {"foo-1.0.tgz", "foo", "1.0"},
      {"foo-2-1.0.zip", "foo-2", "1.0"},
      {"foo-1.0.tar.lzma", "FOO", "1.0"},
  };
  for (const auto& [file_name, project, version] : cases) {
    const auto sdist = SdistName::Parse(file_name, project);
    ASSERT_OK(sdist);
    EXPECT_EQ(sdist->project, NormaliseName(project));
    EXPECT_EQ(sdist->version.Text(), version);
  }
  EXPECT_EQ(SdistName::Parse("bar-1.0.tar.gz", "foo").status().message(),
            "'bar-1.0.tar.gz' is not the name of a source distribution: it is not one of foo");
  EXPECT_FALSE(SdistName::Parse("foo-1.0.rpm", "foo").ok());
  EXPECT_FALSE(SdistName::Parse("foo-1.0.linux-x86_64.tar.gz", "foo").ok());
}

TEST(PackageNameTest, NamesAreCheckedAndNormalised) {
  const std::pair<const char*, const char*> cases[] = {
      {"Flask", "flask"}, {"a._-b", "a-b"}, {"zope.interface", "zope-interface"}, {"_a_", "-a-"}, {"", ""}};
  for (const auto& [name, normal] : cases) EXPECT_EQ(NormaliseName(name), normal);
  for (const char* name : {"a", "A1", "a-b", "a..b"}) EXPECT_TRUE(IsName(name)) << name;
  for (const char* name : {"", "-a", "a-", "_", "a b", "\xc3\xa4"}) EXPECT_FALSE(IsName(name)) << name;
}

}  // namespace
}  // namespace crossmill::python
