#include "common/words/platform.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace crossmill {
namespace {

TEST(PlatformTest, SynonymsAreNormalised) {
  const std::pair<const char*, const char*> cases[] = {
      {"linux/amd64", "linux/amd64"},     {"linux/x86_64", "linux/amd64"},
      {"amd64", "linux/amd64"},           {"linux/arm64/v8", "linux/arm64"},
      {"linux/aarch64", "linux/arm64"},   {"linux/arm", "linux/arm/v7"},
      {"linux/arm/v6", "linux/arm/v6"},   {"linux/arm/7", "linux/arm/v7"},
      {"Linux/AMD64", "linux/amd64"},     {"linux/amd64/v3", "linux/amd64/v3"},
      {"linux/riscv64", "linux/riscv64"}, {"armhf", "linux/arm/v7"},
  };
  for (const auto& [text, expected] : cases) {
    const auto platform = ParsePlatform(text);
    ASSERT_TRUE(platform.ok()) << text << platform.status();
    EXPECT_EQ(FormatPlatform(*platform), expected);
  }
}

TEST(PlatformTest, MalformedTextIsRefused) {
  for (const char* text : {"", "linux/", "/amd64", "linux/amd64/v1/x", "linux amd64", "linux", "$X/y"}) {
    const auto platform = ParsePlatform(text);
    EXPECT_EQ(platform.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(Sv(platform.status().message()).find("expected"), std::string_view::npos) << text;
  }
}

TEST(PlatformTest, VariantsAreDifferentPlatforms) {
  EXPECT_FALSE(SamePlatform(*ParsePlatform("linux/arm/v6"), *ParsePlatform("linux/arm/v7")));
  EXPECT_TRUE(SamePlatform(*ParsePlatform("linux/arm64/v8"), *ParsePlatform("arm64")));
}

}  // namespace
}  // namespace crossmill
