#include "common/predict/locks/project_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/predict/resolver/core_metadata.h"
#include "tests/support/status_matchers.h"

namespace crossmill::predict {
namespace {

using ::testing::ElementsAre;

TEST(ProjectFileTest, WhatBuildsIt) {
  EXPECT_THAT(BuildSystemRequirements("[build-system]\nrequires = [\"hatchling\", \"a>=1\"]\n").value(),
              ElementsAre("hatchling", "a>=1"));
  EXPECT_THAT(BuildSystemRequirements("[build-system]\nrequires = []\n").value(), ElementsAre());
  EXPECT_THAT(BuildSystemRequirements("[tool.black]\n").value(), ElementsAre("setuptools>=40.8.0"));
  EXPECT_THAT(BuildSystemRequirements("").value(), ElementsAre("setuptools>=40.8.0"));
  EXPECT_TRUE(absl::IsInvalidArgument(BuildSystemRequirements("[build-system\n").status()));
}

TEST(ProjectFileTest, WhatItSaysWithoutBeingBuilt) {
  const auto text = StaticProjectMetadata(
      "[project]\nname = \"My.App\"\ndynamic = [\"version\"]\nrequires-python = \">=3.9\"\n"
      "dependencies = [\"flask>=2 ; python_version > '3'\", \"a @ https://a.example/a.whl\"]\n"
      "[project.optional-dependencies]\ntest = [\"pytest ; os_name == 'posix' or os_name == 'nt'\", "
      "\"b\"]\n");
  ASSERT_OK(text);
  const auto metadata = ReadCoreMetadata(*text);
  ASSERT_OK(metadata);
  EXPECT_EQ(metadata->name, "My.App");
  EXPECT_TRUE(metadata->DependenciesAreStatic());
  EXPECT_THAT(metadata->extras, ElementsAre("test"));
  ASSERT_EQ(metadata->requirements.size(), 4U);
  EXPECT_TRUE(metadata->requirements[2].marker.has_value());
  EXPECT_TRUE(metadata->requirements[3].marker.has_value());
}

// What a build might add is not left out silently.
TEST(ProjectFileTest, DynamicDependenciesAreNotKnown) {
  for (const char* text :
       {"[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n",
        "[project]\nname = \"a\"\ndynamic = [\"optional-dependencies\"]\n", "[tool.poetry]\n", ""})
    EXPECT_EQ(StaticProjectMetadata(text).value(), "") << text;
}

// A line break in a value would be a field of its own.
TEST(ProjectFileTest, LineBreaks) {
  const auto text = StaticProjectMetadata(
      "[project]\nname = \"a\\nRequires-Dist: evil\"\ndependencies = [\"b\\nRequires-Dist: evil\"]\n");
  ASSERT_OK(text);
  EXPECT_EQ(*text,
            "Metadata-Version: 2.2\nName: a Requires-Dist: evil\nRequires-Dist: b Requires-Dist: evil\n");
}

}  // namespace
}  // namespace crossmill::predict
