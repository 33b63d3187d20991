#include "common/compare/neutral/neutral_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::compare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

layer::ManifestEntry File(const std::string& path, const std::string& content, uint32_t mode = 0644,
                          int64_t mtime = 5) {
  layer::ManifestEntry entry;
  entry.entry.path = path;
  entry.entry.mode = mode;
  entry.entry.mtime = mtime;
  entry.entry.size = static_cast<int64_t>(content.size());
  entry.sha256 = DigestOf(content).hash;
  return entry;
}

layer::ManifestEntry Removal(const std::string& path) {
  layer::ManifestEntry entry;
  entry.entry.path = path;
  entry.whiteout = true;
  return entry;
}

layer::ManifestEntry OfType(const std::string& path, layer::EntryType type, const std::string& link = "") {
  layer::ManifestEntry entry;
  entry.entry.path = path;
  entry.entry.type = type;
  entry.entry.link = link;
  return entry;
}

class NeutralTest : public testing::Test, public NeutralContents {
 protected:
  NeutralTest() {
    for (const char* architecture : {"amd64", "arm64"}) {
      NeutralSide& side = sides_.emplace_back();
      side.platform.set_os("linux");
      side.platform.set_architecture(architecture);
      contents_.emplace_back();
    }
  }

  absl::StatusOr<std::unique_ptr<Content>> Open(size_t side, const RootEntry& entry) override {
    ++opened_;
    const auto found = contents_[side].find(entry.path);
    if (found == contents_[side].end()) return absl::NotFoundError("gone");
    return std::make_unique<StringContent>(found->second);
  }

  void Add(size_t side, const std::string& path, const std::string& content, uint32_t mode = 0644,
           int64_t mtime = 5) {
    sides_[side].root[path] = {.entry = File(path, content, mode, mtime), .layer = 0, .path = path};
    contents_[side][path] = content;
  }
  void AddBoth(const std::string& path, const std::string& first, const std::string& second) {
    Add(0, path, first);
    Add(1, path, second);
  }

  v1::NeutralComparison Compare(const std::vector<std::string>& chosen = {}) {
    return CompareNeutral(sides_, chosen, *this, {});
  }
  // "KIND EQUAL/COMPARED+NOT_EVERYWHERE".
  static std::vector<std::string> Kinds(const v1::NeutralComparison& comparison) {
    std::vector<std::string> kinds;
    for (const v1::NeutralKind& each : comparison.kinds())
      kinds.push_back(
          fmt::format("{} {}/{}+{}", each.kind(), each.equal(), each.compared(), each.not_everywhere()));
    return kinds;
  }

  std::vector<NeutralSide> sides_;
  std::vector<std::map<std::string, std::string>> contents_;
  int opened_ = 0;
};

TEST_F(NeutralTest, WhatIsEqualIsNotRead) {
  AddBoth("usr/share/doc/a/copyright", "text", "text");
  AddBoth("app/__pycache__/a.cpython-311.pyc", "code", "code");
  AddBoth("usr/share/locale/de/LC_MESSAGES/a.mo", "texts", "texts");
  AddBoth("usr/lib/x86.so", "amd64", "arm64");
  Add(0, "usr/share/doc/a/only", "x");
  // Another time only.
  Add(0, "usr/share/man/man1/a.1", "page", 0644, 5);
  Add(1, "usr/share/man/man1/a.1", "page", 0644, 6);
  const v1::NeutralComparison comparison = Compare();
  EXPECT_THAT(Kinds(comparison), ElementsAre("bytecode 1/1+0", "messages 1/1+0", "documents 2/2+1"));
  EXPECT_EQ(comparison.differences_total(), 0u);
  EXPECT_EQ(comparison.problem(), "");
  EXPECT_EQ(opened_, 0);
}

TEST_F(NeutralTest, WhatDiffersIsToldWithWhatDiffersInIt) {
  AddBoth("srv/app.js", "same\nbuilt for x86\n", "same\nbuilt for arm\n");
  AddBoth("srv/other.bin", "a", "b");
  const v1::NeutralComparison comparison = Compare({"/srv/*.js"});
  EXPECT_THAT(Kinds(comparison), ElementsAre("chosen 0/1+0"));
  ASSERT_EQ(comparison.differences_size(), 1);
  EXPECT_EQ(comparison.differences(0).difference().path(), "srv/app.js");
  EXPECT_EQ(comparison.differences(0).platform(), 1u);
  EXPECT_EQ(comparison.differences(0).example().place(), "line 2");
  EXPECT_EQ(comparison.differences(0).example().second(), "built for arm");
  EXPECT_EQ(opened_, 2);
}

TEST_F(NeutralTest, ModesCountAndBytesThatAreGoneAreSaid) {
  Add(0, "usr/share/doc/a", "x", 0644);
  Add(1, "usr/share/doc/a", "x", 0600);
  AddBoth("usr/share/doc/b", "x", "y");
  contents_[1].clear();
  const v1::NeutralComparison comparison = Compare();
  ASSERT_EQ(comparison.differences_size(), 2);
  EXPECT_EQ(comparison.differences(0).difference().detail(), "mode 0644 != 0600");
  EXPECT_FALSE(comparison.differences(1).has_example());
  EXPECT_EQ(comparison.problem(), "/usr/share/doc/b: gone");
}

TEST_F(NeutralTest, AWheelIsNeutralOnlyWhereItIsForAnyPlatformEverywhere) {
  AddBoth("lib/pure.py", "x", "y");
  AddBoth("lib/mixed.py", "x", "y");
  AddBoth("lib/__pycache__/mixed.cpython-311.pyc", "x", "y");
  for (NeutralSide& side : sides_) side.wheel_files = {"lib/pure.py"};
  sides_[0].wheel_files.insert({"lib/mixed.py", "lib/__pycache__/mixed.cpython-311.pyc"});
  EXPECT_THAT(Kinds(Compare()), ElementsAre("wheel 0/1+0"));
}

TEST_F(NeutralTest, OnePlatformHasNothingToBeComparedWith) {
  AddBoth("usr/share/doc/a", "x", "y");
  sides_.resize(1);
  EXPECT_EQ(Compare().platforms_size(), 0);
}

TEST_F(NeutralTest, TheThirdPlatformIsCompared) {
  sides_.push_back(sides_[0]);
  contents_.emplace_back();
  AddBoth("usr/share/doc/a", "x", "x");
  Add(2, "usr/share/doc/a", "z");
  const v1::NeutralComparison comparison = Compare();
  ASSERT_EQ(comparison.differences_size(), 1);
  EXPECT_EQ(comparison.differences(0).platform(), 2u);
}

TEST(PlatformRootTest, LaterLayersReplaceAndRemove) {
  std::vector<layer::LayerManifest> layers(2);
  layers[0].entries = {OfType("a", layer::EntryType::kDirectory),         File("a/x", "1"), File("a/y", "2"),
                       OfType("a/z", layer::EntryType::kHardLink, "a/y"), File("b", "3"),   File("c", "4")};
  layers[1].entries = {File("a/x", "5"), Removal("b"), OfType("c", layer::EntryType::kDirectory)};
  const PlatformRoot root = RootOf(layers);
  std::vector<std::string> paths;
  for (const auto& [path, entry] : root) paths.push_back(fmt::format("{}@{}", path, entry.layer));
  EXPECT_THAT(paths, ElementsAre("a/x@1", "a/y@0", "a/z@0"));
  // A second name has what the first has.
  EXPECT_EQ(root.at("a/z").entry.sha256, DigestOf("2").hash);
  EXPECT_EQ(root.at("a/z").entry.entry.type, layer::EntryType::kFile);
  layers[1].entries = {OfType("a", layer::EntryType::kSymlink, "elsewhere")};
  EXPECT_EQ(RootOf(layers).count("a/x"), 0u);
}

}  // namespace
}  // namespace crossmill::compare
