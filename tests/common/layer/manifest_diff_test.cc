#include "common/layer/manifest_diff.h"

#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "tests/common/layer/sample_tree.h"

namespace crossmill::layer {
namespace {

std::vector<v1::PathDifference> Diff(const std::vector<SampleEntry>& a, const std::vector<SampleEntry>& b) {
  uint32_t total = 0;
  auto differences = DiffManifests(WriteLayer(a).second, WriteLayer(b).second, 100, &total);
  EXPECT_EQ(total, differences.size());
  return differences;
}

TEST(ManifestDiffTest, EqualManifestsDifferInNothing) {
  EXPECT_TRUE(Diff(SampleTree(), SampleTree()).empty());
}

TEST(ManifestDiffTest, EachPathIsNamedOnceWithItsGravestKind) {
  SampleEntry later = File("time", "t");
  later.entry.mtime += 7;
  SampleEntry both = File("both", "two", 0600);
  both.entry.mtime += 7;
  const auto differences = Diff(
      {File("both", "one"), File("content", "one"), File("first", ""), File("meta", "m"), File("same", "s"),
       File("time", "t")},
      {both, File("content", "two"), File("meta", "m", 0600), File("same", "s"), File("second", ""), later});
  ASSERT_EQ(differences.size(), 6u);
  EXPECT_EQ(differences[0].path(), "both");
  EXPECT_EQ(differences[0].kind(), v1::PathDifference::KIND_CONTENT);
  EXPECT_EQ(differences[0].detail(), "mode 0644 != 0600");
  EXPECT_EQ(differences[1].kind(), v1::PathDifference::KIND_CONTENT);
  EXPECT_EQ(differences[1].detail(), "");
  EXPECT_EQ(differences[1].first().hash(), DigestOf("one").hash);
  EXPECT_EQ(differences[1].second().hash(), DigestOf("two").hash);
  EXPECT_EQ(differences[1].second().size_bytes(), 3);
  EXPECT_EQ(differences[2].path(), "first");
  EXPECT_EQ(differences[2].kind(), v1::PathDifference::KIND_ONLY_FIRST);
  EXPECT_EQ(differences[3].kind(), v1::PathDifference::KIND_METADATA);
  EXPECT_EQ(differences[3].detail(), "mode 0644 != 0600");
  EXPECT_EQ(differences[4].path(), "second");
  EXPECT_EQ(differences[4].kind(), v1::PathDifference::KIND_ONLY_SECOND);
  EXPECT_EQ(differences[5].path(), "time");
  EXPECT_EQ(differences[5].kind(), v1::PathDifference::KIND_TIME);
}

TEST(ManifestDiffTest, MetadataSaysWhatDiffers) {
  SampleEntry a = File("f", "");
  a.entry.xattrs = {{"user.a", "1"}, {"user.b", "1"}};
  SampleEntry b = a;
  b.entry.uid = 1;
  b.entry.xattrs = {{"user.b", "2"}, {"user.c", "1"}};
  const auto owner = Diff({a}, {b});
  ASSERT_EQ(owner.size(), 1u);
  EXPECT_EQ(owner[0].detail(),
            "owner 0:0 != 1:0, xattr user.a only in the first, xattr user.b differs, xattr user.c only in "
            "the second");
  const auto type = Diff({File("x", "")}, {Special("x", EntryType::kSymlink, "y")});
  ASSERT_EQ(type.size(), 1u);
  EXPECT_EQ(type[0].kind(), v1::PathDifference::KIND_METADATA);
  EXPECT_EQ(type[0].detail(), "type file != symlink");
  const auto link = Diff({Special("x", EntryType::kSymlink, "y")}, {Special("x", EntryType::kSymlink, "z")});
  ASSERT_EQ(link.size(), 1u);
  EXPECT_EQ(link[0].detail(), "link y != z");
}

TEST(ManifestDiffTest, RemovalIsComparedUnderThePathItRemoves) {
  const auto differences = Diff({Whiteout("a/x"), File("a/b", "")}, {File("a/b", ""), File("a/x", "")});
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].path(), "a/x");
  EXPECT_EQ(differences[0].detail(), "type whiteout != file");
}

TEST(ManifestDiffTest, LimitCutsTheListButNotTheCount) {
  uint32_t total = 0;
  const auto differences = DiffManifests(WriteLayer({File("a", ""), File("b", ""), File("c", "")}).second,
                                         LayerManifest(), 2, &total);
  EXPECT_EQ(differences.size(), 2u);
  EXPECT_EQ(total, 3u);
}

TEST(ManifestDiffTest, NamesOfOneFileDifferTogether) {
  const auto linked = [](const std::string& content) {
    const SampleEntry file = File("a/file", content);
    SampleEntry link = file;
    link.entry.path = "b/link";
    link.entry.type = EntryType::kHardLink;
    link.entry.link = "a/file";
    link.entry.size = 0;
    link.content.clear();
    return std::vector<SampleEntry>{file, link};
  };
  EXPECT_TRUE(Diff(linked("one"), linked("one")).empty());
  const auto differences = Diff(linked("one"), linked("two"));
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[1].path(), "b/link");
  EXPECT_EQ(differences[1].kind(), v1::PathDifference::KIND_CONTENT);
  EXPECT_EQ(differences[1].second().hash(), DigestOf("two").hash);
}

TEST(ManifestDiffTest, EveryOtherIsComparedWithTheFirst) {
  const LayerManifest first = WriteLayer({File("a", "1"), File("b", "1"), File("c", "1")}).second;
  const std::vector<LayerManifest> others = {
      WriteLayer({File("a", "2"), File("b", "1"), File("c", "2")}).second,
      WriteLayer({File("b", "2"), File("c", "3")}).second};
  uint32_t total = 0;
  const auto differences = DiffManifests(first, others, 2, &total);
  EXPECT_EQ(total, 3u);
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].path(), "a");
  EXPECT_EQ(differences[0].kind(), v1::PathDifference::KIND_ONLY_FIRST)
      << "which says more than other content";
  EXPECT_EQ(differences[1].path(), "b");
}

}  // namespace
}  // namespace crossmill::layer
