// What should be the same on every platform: as text and as JSON.
#include <gtest/gtest.h>

#include <string>

#include "cli/show/causes.h"

namespace crossmill::cli {
namespace {

v1::NeutralComparison SampleNeutral() {
  v1::NeutralComparison neutral;
  for (const char* architecture : {"amd64", "arm64"}) {
    v1::Platform& platform = *neutral.add_platforms();
    platform.set_os("linux");
    platform.set_architecture(architecture);
  }
  v1::NeutralKind& kind = *neutral.add_kinds();
  kind.set_kind("bytecode");
  kind.set_compared(3);
  kind.set_equal(1);
  kind.set_not_everywhere(4);
  for (const char* path : {"a.pyc", "b.pyc"}) {
    v1::NeutralDifference& each = *neutral.add_differences();
    each.set_kind("bytecode");
    each.set_platform(1);
    each.mutable_difference()->set_path(path);
    each.mutable_difference()->set_kind(v1::PathDifference::KIND_CONTENT);
    each.mutable_difference()->mutable_first()->set_hash("11");
    each.mutable_example()->add_inside("code");
    each.mutable_example()->set_place("byte 40");
    each.mutable_example()->set_first("x");
    each.mutable_example()->set_second("y");
  }
  neutral.set_differences_total(2);
  return neutral;
}

TEST(NeutralTextTest, SaysHowManyWereComparedAndWhatDiffers) {
  EXPECT_EQ(RenderNeutral(SampleNeutral(), {}, 1),
            "what should be the same on every platform of linux/amd64, linux/arm64, beside the verdict\n"
            "  bytecode 1 of 3 equal; 4 that not every platform has, not compared\n"
            "    /a.pyc (bytecode): code: byte 40\n"
            "      first  \"x\"\n"
            "      second \"y\"\n"
            "    … 1 more\n");
}

TEST(NeutralTextTest, WhereNothingWasComparedNothingIsSaid) {
  EXPECT_EQ(RenderNeutral({}, {}, 5), "");
  EXPECT_TRUE(NeutralJson({}).is_null());
  // Platforms without any such path.
  v1::NeutralComparison none = SampleNeutral();
  none.clear_kinds();
  none.clear_differences();
  none.clear_differences_total();
  EXPECT_EQ(RenderNeutral(none, {}, 5), "");
  none.set_problem("a layer is gone");
  EXPECT_NE(RenderNeutral(none, {}, 5).find("(a layer is gone)"), std::string::npos);
}

TEST(NeutralJsonTest, NamesThePlatformThatDiffers) {
  const Json json = NeutralJson(SampleNeutral());
  EXPECT_EQ(json["platforms"], Json({"linux/amd64", "linux/arm64"}));
  EXPECT_EQ(json["kinds"][0],
            Json({{"kind", "bytecode"}, {"compared", 3}, {"equal", 1}, {"not_everywhere", 4}}));
  EXPECT_EQ(json["differences"][1]["path"], "b.pyc");
  EXPECT_EQ(json["differences"][1]["platform"], "linux/arm64");
  EXPECT_EQ(json["differences"][1]["difference"], "content");
  EXPECT_EQ(json["differences"][1]["first"], "sha256:11");
  EXPECT_TRUE(json["differences"][1]["second"].is_null());
  EXPECT_EQ(json["differences"][1]["example"]["place"], "byte 40");
  EXPECT_TRUE(json["problem"].is_null());
}

}  // namespace
}  // namespace crossmill::cli
