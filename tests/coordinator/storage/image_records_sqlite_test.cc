#include "coordinator/storage/image_records_sqlite.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using coordinator::ImageRecord;
using coordinator::ManifestRecord;

v1::Platform MakePlatform(const std::string& architecture, const std::string& variant = "") {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture(architecture);
  platform.set_variant(variant);
  return platform;
}

ImageRecord Image(const std::string& name, std::string_view root) {
  ImageRecord image;
  image.name = name;
  image.root = DigestOf(root);
  image.platforms = {MakePlatform("arm", "v7"), MakePlatform("amd64")};
  image.stand_in = true;
  image.origin = "build 12";
  image.size_bytes = 123;
  image.created_at = 456;
  return image;
}

void ExpectEqual(const std::optional<ImageRecord>& actual, const ImageRecord& expected) {
  ASSERT_TRUE(actual.has_value());
  EXPECT_EQ(actual->name, expected.name);
  EXPECT_EQ(actual->root, expected.root);
  EXPECT_EQ(actual->stand_in, expected.stand_in);
  EXPECT_EQ(actual->origin, expected.origin);
  EXPECT_EQ(actual->size_bytes, expected.size_bytes);
  EXPECT_EQ(actual->created_at, expected.created_at);
  ASSERT_EQ(actual->platforms.size(), expected.platforms.size());
  for (size_t i = 0; i < expected.platforms.size(); ++i) {
    EXPECT_EQ(actual->platforms[i].SerializeAsString(), expected.platforms[i].SerializeAsString());
  }
}

class SqliteImageRecordsTest : public ::testing::Test {
 protected:
  std::unique_ptr<RecordStore> store_ = *RecordStore::Open(":memory:");
  SqliteImageRecords records_{store_->connection()};
};

TEST_F(SqliteImageRecordsTest, ImageIsFoundByNameAndByRoot) {
  const ImageRecord image = Image("docker.io/library/python:3.11", "index");
  ASSERT_OK(records_.PutImage(image));
  ExpectEqual(records_.FindImage(image.name).value(), image);
  ASSERT_EQ(records_.FindImagesByRoot(image.root.Oci())->size(), 1u);
  ExpectEqual(records_.FindImagesByRoot(image.root.Oci())->front(), image);
  EXPECT_FALSE(records_.FindImage("docker.io/library/python:3.12").value().has_value());
  EXPECT_TRUE(records_.FindImagesByRoot(DigestOf("other").Oci())->empty());
  EXPECT_TRUE(absl::IsInvalidArgument(records_.FindImagesByRoot(image.root.hash).status()));
}

TEST_F(SqliteImageRecordsTest, RemovedNamesAreGoneWithTheirPlatforms) {
  for (const char* name : {"a", "b", "c"}) ASSERT_OK(records_.PutImage(Image(name, "root")));
  ASSERT_OK(records_.RemoveImages({{{"a"}, {"c"}, {"never"}}}));
  const auto left = records_.ListImages();
  ASSERT_OK(left);
  ASSERT_EQ(left->size(), 1u);
  ExpectEqual((*left)[0], Image("b", "root"));
}

TEST_F(SqliteImageRecordsTest, NameIsMovedToTheLastImageWithItsPlatforms) {
  ASSERT_OK(records_.PutImage(Image("name", "old")));
  ImageRecord image = Image("name", "new");
  image.platforms = {MakePlatform("arm64")};
  image.stand_in = false;
  image.origin = "registry";
  ASSERT_OK(records_.PutImage(image));
  ExpectEqual(records_.FindImage("name").value(), image);
  EXPECT_TRUE(records_.FindImagesByRoot(DigestOf("old").Oci())->empty());
}

TEST_F(SqliteImageRecordsTest, ListIsByNameAndEachHasItsPlatforms) {
  ImageRecord bare = Image("b", "2");
  bare.platforms.clear();
  ASSERT_OK(records_.PutImage(bare));
  ASSERT_OK(records_.PutImage(Image("c", "2")));
  ASSERT_OK(records_.PutImage(Image("a", "1")));
  auto images = records_.ListImages();
  ASSERT_OK(images);
  ASSERT_EQ(images->size(), 3u);
  ExpectEqual((*images)[0], Image("a", "1"));
  ExpectEqual((*images)[1], bare);
  ExpectEqual((*images)[2], Image("c", "2"));
}

TEST_F(SqliteImageRecordsTest, EachProjectListsItsOwnAndWhatIsShared) {
  const auto put = [&](const std::string& name, const std::string& project, bool shared) {
    ImageRecord image = Image(name, project + name);
    image.project = project;
    image.shared = shared;
    ASSERT_OK(records_.PutImage(image));
  };
  for (const char* name : {"a", "d", "r"}) put(name, "default", true);
  for (const char* name : {"b", "sha256:1"}) put(name, "default", false);
  for (const char* name : {"a", "c", "z", "sha256:2"}) put(name, "shop", false);
  put("c", "shopping", false);
  // In pages of two.
  const auto list = [&](const core::Scope& scope) {
    std::string text, behind;
    while (true) {
      const auto page = records_.ListNamedImages(scope, behind, 2);
      EXPECT_OK(page);
      for (const ImageRecord& image : *page) {
        EXPECT_EQ(image.root, DigestOf(image.project + image.name));
        EXPECT_EQ(image.platforms.size(), 2u);
        text += image.project.substr(0, 1) + "/" + image.name + " ";
        behind = PlaceOf(scope, image);
      }
      if (page->size() < 2) return text;
    }
  };
  EXPECT_EQ(list(core::Scope::OfProject("default")), "d/a d/b d/d d/r ");
  EXPECT_EQ(list(core::Scope::OfProject("shop")), "s/a s/c d/d d/r s/z ");
  EXPECT_EQ(list(core::Scope::OfProject("new")), "d/a d/d d/r ");
  EXPECT_EQ(list(core::Scope::OfFarm()), "d/a d/b d/d s/a s/c s/z s/c d/r ");
  EXPECT_EQ(records_.FindImagesByName("c")->size(), 2u);
  EXPECT_EQ(records_.FindImage("c", "shopping").value()->project, "shopping");
  ASSERT_OK(records_.RemoveImages({coordinator::ImageName{"c", "shop"}}));
  EXPECT_EQ(records_.FindImagesByName("c")->size(), 1u);
}

TEST_F(SqliteImageRecordsTest, PagesOfNamesLeaveOutDigests) {
  for (const char* name : {"b", "sha256:11", "sha", "sha257", "a"})
    ASSERT_OK(records_.PutImage(Image(name, "2")));
  const auto names = [&](std::string_view behind, int limit) {
    std::vector<std::string> found;
    const std::vector<ImageRecord> images =
        records_.ListNamedImages(core::Scope::OfFarm(), behind, limit).value();
    for (const ImageRecord& image : images) found.push_back(image.name);
    return found;
  };
  EXPECT_EQ(names("", 10), (std::vector<std::string>{"a", "b", "sha", "sha257"}));
  EXPECT_EQ(names("", 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(names("b", 2), (std::vector<std::string>{"sha", "sha257"}));
  EXPECT_EQ(names("sha257", 2), std::vector<std::string>());
  EXPECT_EQ(records_.ListNamedImages(core::Scope::OfFarm(), "", 1)->front().platforms.size(),
            Image("a", "2").platforms.size());
}

TEST_F(SqliteImageRecordsTest, ManifestComesBackAndIsReplaced) {
  ManifestRecord manifest;
  manifest.manifest = DigestOf("manifest");
  manifest.image.set_config("{}");
  ASSERT_OK(records_.PutManifest(manifest));
  manifest.image.set_newest_time(99);
  ASSERT_OK(records_.PutManifest(manifest));
  auto found = records_.FindManifest(manifest.manifest.Oci());
  ASSERT_OK(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->manifest, manifest.manifest);
  EXPECT_EQ((*found)->image.SerializeAsString(), manifest.image.SerializeAsString());
  EXPECT_FALSE(records_.FindManifest(DigestOf("other").Oci()).value().has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(records_.FindManifest("md5:1").status()));
}

TEST_F(SqliteImageRecordsTest, CompressedLayerBelongsToItsCompressor) {
  ASSERT_OK(records_.PutCompressedLayer({DigestOf("tar"), "libdeflate 1.14 level 6", DigestOf("six")}));
  ASSERT_OK(records_.PutCompressedLayer({DigestOf("tar"), "libdeflate 1.14 level 9", DigestOf("nine")}));
  EXPECT_EQ(records_.FindCompressedLayer(DigestOf("tar"), "libdeflate 1.14 level 9").value(),
            DigestOf("nine"));
  EXPECT_FALSE(records_.FindCompressedLayer(DigestOf("tar"), "zstd").value().has_value());
  EXPECT_FALSE(records_.FindCompressedLayer(DigestOf("x"), "libdeflate 1.14 level 6").value().has_value());
  ASSERT_OK(records_.PutCompressedLayer({DigestOf("tar"), "libdeflate 1.14 level 6", DigestOf("again")}));
  EXPECT_EQ(records_.FindCompressedLayer(DigestOf("tar"), "libdeflate 1.14 level 6").value(),
            DigestOf("again"));
}

TEST_F(SqliteImageRecordsTest, PutIsPartOfTheRecordsTransaction) {
  EXPECT_TRUE(absl::IsCancelled(store_->Transact([&]() -> absl::Status {
    EXPECT_OK(records_.PutImage(Image("name", "1")));
    return absl::CancelledError("no");
  })));
  EXPECT_FALSE(records_.FindImage("name").value().has_value());
}

}  // namespace
}  // namespace crossmill::storage
