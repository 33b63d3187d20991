#include "cli/images/image_inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

std::string FilledHash(char c) { return std::string(64, c); }

// A base of one layer ("a") with a CMD, and two steps above it ("b", "c").
InspectedPlatform Image() {
  InspectedPlatform image;
  const std::string config =
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:)" +
      FilledHash('a') + R"(","sha256:)" + FilledHash('b') + R"(","sha256:)" + FilledHash('c') + R"("]},
      "history":[{"created":"2001-01-01T00:00:00Z","created_by":"ADD root"},
                 {"created":"2001-01-01T00:00:00Z","created_by":"CMD [\"sh\"]","empty_layer":true},
                 {"created":"2001-01-02T00:00:00Z","created_by":"RUN one"},
                 {"created":"2001-01-02T00:00:00Z","created_by":"ENV A=b","empty_layer":true},
                 {"created":"2001-01-02T00:00:00Z","created_by":"RUN two"}]})";
  image.parsed_config = *oci::ParseImageConfig(config);
  image.config = *ParseJson(config);
  image.platform = image.parsed_config.platform;
  for (const char c : {'a', 'b', 'c'}) {
    oci::Descriptor& layer = image.manifest.layers.emplace_back();
    layer.digest = Digest{FilledHash(c), 10};
  }
  image.layer_bytes = {1000, 2000, 3000};
  return image;
}

v1::BuildView Build() {
  v1::BuildView build;
  v1::PinnedImage* base = build.add_bases();
  base->add_layers()->mutable_tar()->set_hash(FilledHash('a'));
  base->set_config(
      R"({"history":[{"created_by":"ADD root"},{"created_by":"CMD [\"sh\"]","empty_layer":true}]})");
  v1::StageView* stage = build.add_stages();
  for (const char c : {'b', 'c'}) {
    v1::StepView* step = stage->add_steps();
    step->mutable_layer()->mutable_tar()->set_hash(FilledHash(c));
    step->set_seconds(c == 'b' ? 1.5 : 2.5);
  }
  return build;
}

TEST(ImageHistoryTest, StepsOfTheBuildHaveTheirTimesAndTheBaseIsMarked) {
  const v1::BuildView build = Build();
  const std::vector<HistoryRow> rows = HistoryOf(Image(), &build);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].created_by, "RUN two");
  EXPECT_EQ(rows[0].seconds, 2.5);
  EXPECT_EQ(rows[0].bytes, 3000);
  EXPECT_FALSE(rows[0].base);
  EXPECT_EQ(rows[1].created_by, "ENV A=b");
  EXPECT_EQ(rows[1].bytes, 0);
  EXPECT_FALSE(rows[1].seconds.has_value());
  EXPECT_FALSE(rows[1].base);
  EXPECT_EQ(rows[2].seconds, 1.5);
  EXPECT_TRUE(rows[3].base);
  EXPECT_TRUE(rows[4].base);
  EXPECT_FALSE(rows[4].seconds.has_value());
}

TEST(ImageHistoryTest, WhatWasNormalizedIsToldOfTheStepsRow) {
  v1::BuildView build = Build();
  v1::StepView& two = *build.mutable_stages(0)->mutable_steps(1);
  v1::Normalization& files = *two.add_normalizations();
  files.set_rule("machine-id");
  files.set_files(1);
  v1::Normalization& variables = *two.add_normalizations();
  variables.set_rule("python-hash-seed");
  variables.add_variables("PYTHONHASHSEED=0");
  const std::vector<HistoryRow> rows = HistoryOf(Image(), &build);
  ASSERT_EQ(rows[0].normalizations.size(), 2u);
  EXPECT_TRUE(rows[2].normalizations.empty());
  EXPECT_THAT(RenderHistory(rows, 0, true, {}),
              testing::HasSubstr("  RUN two  machine-id (1 file), python-hash-seed (PYTHONHASHSEED=0)\n"));
  EXPECT_EQ(HistoryJson(rows)[0]["normalizations"][0]["rule"], "machine-id");
  EXPECT_TRUE(HistoryJson(rows)[2]["normalizations"].empty());
}

TEST(ImageHistoryTest, ImageOfNoBuildHasNoTimes) {
  InspectedPlatform image = Image();
  image.layer_bytes.clear();
  const std::vector<HistoryRow> rows = HistoryOf(image, nullptr);
  EXPECT_EQ(rows[0].bytes, 10);
  EXPECT_TRUE(rows[0].compressed);
  EXPECT_FALSE(rows[4].base);
  const std::string text = RenderHistory(rows, 0, false, {});
  EXPECT_THAT(text, testing::HasSubstr("10 B*"));
  EXPECT_THAT(text, testing::HasSubstr("* compressed"));
}

TEST(ImageHistoryTest, MoreHistoryThanLayersIsShownWithoutSizes) {
  InspectedPlatform image = Image();
  image.parsed_config.diff_ids.resize(1);
  image.layer_bytes.resize(1);
  const std::vector<HistoryRow> rows = HistoryOf(image, nullptr);
  EXPECT_EQ(rows[0].diff_id, "");
  EXPECT_EQ(rows[4].bytes, 1000);
}

}  // namespace
}  // namespace crossmill::cli
