#include "common/layer/content_places.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/common/layer/sample_tree.h"

namespace crossmill::layer {
namespace {

TEST(ContentPlacesTest, EveryContentIsWhereTheManifestSaysAlone) {
  const std::vector<SampleEntry> tree = SampleTree();
  const auto [tar, manifest] = WriteLayer(tree);
  const ContentPlaces places(manifest);
  EXPECT_EQ(places.tar_bytes(), static_cast<int64_t>(tar.size()));
  size_t files = 0;
  for (const SampleEntry& sample : tree) {
    if (sample.whiteout || sample.entry.type != EntryType::kFile) continue;
    const auto place = places.Find(sample.entry.path);
    ASSERT_TRUE(place.has_value()) << sample.entry.path;
    EXPECT_EQ(tar.substr(place->offset, place->size), sample.content) << sample.entry.path;
    EXPECT_EQ(place->sha256, DigestOf(sample.content).hash);
    ++files;
  }
  EXPECT_GT(files, 10u);
}

TEST(ContentPlacesTest, AHardLinkHasItsTargetsContentAndOthersHaveNone) {
  const auto [tar, manifest] = WriteLayer(SampleTree());
  const ContentPlaces places(manifest);
  ASSERT_TRUE(places.Find("links/a-hard").has_value());
  EXPECT_EQ(tar.substr(places.Find("links/a-hard")->offset, places.Find("links/a-hard")->size), "shared");
  for (const char* path :
       {"bin", "bin/removed", "bin/.wh.removed", "links/dangling", "dev/null", "nowhere", ""}) {
    EXPECT_FALSE(places.Find(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace crossmill::layer
