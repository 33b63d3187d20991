#include "coordinator/backup/backup_manifest.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::backup {
namespace {

BackupManifest SampleManifest() {
  BackupManifest manifest;
  manifest.farm = "00112233aabbccdd";
  manifest.program = "0.1.0";
  manifest.schema = 19;
  manifest.taken_at = 1'700'000'000'123'456'789;
  manifest.record = DigestOf("record");
  manifest.blob_list = DigestOf("blobs");
  manifest.file_list = DigestOf("files");
  manifest.blobs = 3;
  manifest.blob_bytes = 1000;
  manifest.files = 2;
  manifest.file_bytes = 20;
  manifest.gone_blobs = 1;
  manifest.damaged_blobs = 4;
  manifest.gone_files = 5;
  return manifest;
}

TEST(BackupManifestTest, IsReadAsItWasWritten) {
  const std::string text = WriteManifest(SampleManifest());
  const auto read = ParseManifest(text);
  ASSERT_OK(read);
  EXPECT_EQ(WriteManifest(*read), text);
  EXPECT_EQ(read->taken_at, SampleManifest().taken_at);
  EXPECT_EQ(read->damaged_blobs, 4);
}

TEST(BackupManifestTest, OfABucketItIsSaidWhatIsOnlyThere) {
  BackupManifest manifest = SampleManifest();
  manifest.bucket = "s3://farm/one";
  manifest.bucket_blobs = 7;
  manifest.bucket_bytes = 700;
  manifest.bucket_index = DigestOf("index");
  const auto read = ParseManifest(WriteManifest(manifest));
  ASSERT_OK(read);
  EXPECT_EQ(WriteManifest(*read), WriteManifest(manifest));
  EXPECT_EQ(read->bucket_blobs, 7);
  EXPECT_EQ(read->bucket_index, DigestOf("index"));
  EXPECT_EQ(WriteManifest(SampleManifest()).find("bucket"), std::string::npos);
}

TEST(BackupManifestTest, AnotherFormatIsRefusedWithBothNumbers) {
  BackupManifest manifest = SampleManifest();
  manifest.format = 7;
  const auto read = ParseManifest(WriteManifest(manifest));
  EXPECT_TRUE(absl::IsFailedPrecondition(read.status())) << read.status();
  EXPECT_NE(read.status().message().find("format 7"), std::string::npos);
  EXPECT_NE(read.status().message().find("knows format 1"), std::string::npos);
}

TEST(BackupManifestTest, WhatIsNoManifestIsDamage) {
  const std::string text = WriteManifest(SampleManifest());
  for (size_t length = 0; length + 3 < text.size(); length += 7)
    EXPECT_TRUE(absl::IsDataLoss(ParseManifest(text.substr(0, length)).status())) << length;
  for (const char* bad : {"[]", "{\"format\": \"1\"}", "{\"format\": 1}", "7"})
    EXPECT_TRUE(absl::IsDataLoss(ParseManifest(bad).status())) << bad;
}

TEST(BackupManifestTest, ListsAreReadAsTheyWereWritten) {
  const std::vector<KeptBlob> blobs = {{DigestOf("a"), {}}, {DigestOf("b"), DigestOf("parts of b")}};
  const auto read = ParseBlobList(WriteBlobList(blobs));
  ASSERT_OK(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].digest, DigestOf("a"));
  EXPECT_TRUE((*read)[0].parts_file.empty());
  EXPECT_EQ((*read)[1].parts_file, DigestOf("parts of b"));
  const std::vector<KeptFile> files = {{"logs/07/7 and more.log", DigestOf("log"), 12, 0640}};
  const auto kept = ParseFileList(WriteFileList(files));
  ASSERT_OK(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->front().path, files.front().path);
  EXPECT_EQ(kept->front().mode, 0640);
  EXPECT_EQ(kept->front().modified, 12);
  EXPECT_TRUE(ParseBlobList("")->empty());
}

TEST(BackupManifestTest, AListNeverLeadsOutOfTheDataFolder) {
  const std::string hash = DigestOf("x").hash;
  for (const char* path : {"/etc/passwd", "../x", "logs/../../x", "logs//x", "logs/", ".", ""})
    EXPECT_TRUE(absl::IsDataLoss(ParseFileList(hash + " 1 2 384 " + path + "\n").status())) << path;
  EXPECT_OK(ParseFileList(hash + " 1 2 384 logs/..x\n"));
  // Set-user-id bits, other words, a line without an end.
  for (const std::string& bad :
       {hash + " 1 2 2048 x\n", hash + " -1 2 384 x\n", std::string("zz 1 2 384 x\n"), hash + " 1 2 384 x"})
    EXPECT_TRUE(absl::IsDataLoss(ParseFileList(bad).status())) << bad;
}

TEST(BackupManifestTest, ThePointerNamesCompleteBackups) {
  const std::vector<Moment> moments = {{"20260101T000000Z", Sha256Hex("b")},
                                       {"20250101T000000Z", Sha256Hex("a")}};
  const auto read = ParsePointer(WritePointer(moments));
  ASSERT_OK(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(read->front().name, "20260101T000000Z");
  for (const std::string& bad : {std::string(), std::string("\n"), "../x " + Sha256Hex("b") + "\n",
                                 std::string("x y\n"), "a/b " + Sha256Hex("b") + "\n"})
    EXPECT_TRUE(absl::IsDataLoss(ParsePointer(bad).status())) << bad;
}

}  // namespace
}  // namespace crossmill::backup
