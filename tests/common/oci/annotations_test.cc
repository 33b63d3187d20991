#include "common/oci/annotations.h"

#include <gtest/gtest.h>

#include "tests/common/oci/sample_image.h"

namespace crossmill::oci {
namespace {

v1::BuildArgument Argument(std::string name, std::string value) {
  v1::BuildArgument argument;
  argument.set_name(std::move(name));
  argument.set_value(std::move(value));
  return argument;
}

TEST(AnnotationsTest, LevelsAndPlatforms) {
  EXPECT_EQ(ParseAnnotation("a.b", "1")->levels, std::set{AnnotationLevel::kManifest});
  EXPECT_EQ(ParseAnnotation("index,manifest:a", "1")->levels,
            (std::set{AnnotationLevel::kManifest, AnnotationLevel::kIndex}));
  const auto one = ParseAnnotation("manifest-descriptor[linux/arm/v7]:a", "1");
  ASSERT_OK(one);
  EXPECT_EQ(one->platform->variant(), "v7");
  EXPECT_EQ(one->name, "a");
  // A name with a colon of its own.
  EXPECT_EQ(ParseAnnotation("urn:x", "1")->name, "urn:x");
}

TEST(AnnotationsTest, MistakesAreNamed) {
  for (const char* name : {"", "index:", "index,other:a", "manifest[linux/amd64:a", "manifest[amd64]:a",
                           "index[linux/amd64]:a"}) {
    EXPECT_EQ(ParseAnnotation(name, "1").status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(AnnotationsTest, ChosenByLevelAndPlatform) {
  const std::vector<v1::BuildArgument> all = {Argument("a", "1"), Argument("manifest[linux/arm64]:b", "2"),
                                              Argument("index:c", "3"), Argument("a", "4")};
  const v1::Platform amd64 = LinuxPlatform("amd64");
  const v1::Platform arm64 = LinuxPlatform("arm64");
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(*AnnotationsFor(all, AnnotationLevel::kManifest, &amd64), (Map{{"a", "4"}}));
  EXPECT_EQ(*AnnotationsFor(all, AnnotationLevel::kManifest, &arm64), (Map{{"a", "4"}, {"b", "2"}}));
  EXPECT_EQ(*AnnotationsFor(all, AnnotationLevel::kIndex, nullptr), (Map{{"c", "3"}}));
}

}  // namespace
}  // namespace crossmill::oci
