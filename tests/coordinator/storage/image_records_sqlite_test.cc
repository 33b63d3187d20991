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
  ExpectEqual(records_.FindImageByRoot(image.root.Oci()).value(), image);
  EXPECT_FALSE(records_.FindImage("docker.io/library/python:3.12").value().has_value());
  EXPECT_FALSE(records_.FindImageByRoot(DigestOf("other").Oci()).value().has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(records_.FindImageByRoot(image.root.hash).status()));
}

TEST_F(SqliteImageRecordsTest, RemovedNamesAreGoneWithTheirPlatforms) {
  for (const char* name : {"a", "b", "c"}) ASSERT_OK(records_.PutImage(Image(name, "root")));
  ASSERT_OK(records_.RemoveImages({{std::string("a"), std::string("c"), std::string("never")}}));
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
  EXPECT_FALSE(records_.FindImageByRoot(DigestOf("old").Oci()).value().has_value());
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

TEST_F(SqliteImageRecordsTest, PagesOfNamesLeaveOutDigests) {
  for (const char* name : {"b", "sha256:11", "sha", "sha257", "a"})
    ASSERT_OK(records_.PutImage(Image(name, "2")));
  const auto names = [&](std::string_view behind, int limit) {
    std::vector<std::string> found;
    const std::vector<ImageRecord> images = records_.ListNamedImages(behind, limit).value();
    for (const ImageRecord& image : images) found.push_back(image.name);
    return found;
  };
  EXPECT_EQ(names("", 10), (std::vector<std::string>{"a", "b", "sha", "sha257"}));
  EXPECT_EQ(names("", 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(names("b", 2), (std::vector<std::string>{"sha", "sha257"}));
  EXPECT_EQ(names("sha257", 2), std::vector<std::string>());
  EXPECT_EQ(records_.ListNamedImages("", 1)->front().platforms.size(), Image("a", "2").platforms.size());
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
