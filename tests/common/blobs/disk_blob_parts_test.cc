// Blobs on disk that are put together from files and from other blobs of the store.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/blobs/disk_blob_store.h"
#include "common/blobs/parted_file.h"
#include "tests/common/blobs/disk_store_fixture.h"
#include "tests/support/namespaces.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The rest of a blob from `offset` on, in pieces of at most `piece` bytes.
absl::StatusOr<std::string> ReadFrom(BlobStore& store, const Digest& digest, int64_t offset, size_t piece) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, store.Open(digest, offset));
  std::string content;
  std::string buffer(piece, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer.data(), buffer.size()));
    if (count == 0) return content;
    content.append(buffer, 0, count);
  }
}

int64_t BytesBelow(const std::string& folder) {
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

size_t OpenFiles() {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

class DiskBlobPartsTest : public DiskStoreFixture {
 protected:
  std::string PartsPathOf(const Digest& digest) const { return PathOf(digest) + ".parts"; }
  void ExpectNothingTemporary() { EXPECT_TRUE(std::filesystem::is_empty(folder_.Path("tmp"))); }

  // head, first, middle, second, end: as a layer has its files. The digest, as Commit said.
  absl::StatusOr<Digest> WriteLayer() {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, store_->Create({}));
    RETURN_IF_ERROR(writer->Write(head_));
    RETURN_IF_ERROR(writer->WriteBlob(DigestOf(first_)));
    RETURN_IF_ERROR(writer->Write(middle_));
    RETURN_IF_ERROR(writer->WriteBlob(DigestOf(second_)));
    RETURN_IF_ERROR(writer->Write(end_));
    return writer->Commit();
  }
  void PutParts() {
    ASSERT_OK(store_->PutBytes(first_));
    ASSERT_OK(store_->PutBytes(second_));
  }
  UniqueFd FileOf(std::string_view bytes) {
    const std::string path = files_.Path("file");
    EXPECT_OK(WriteFileAtomic(path, bytes));
    return *OpenFile(path, O_RDONLY);
  }

  const std::string head_ = RandomBytes(512, 1);
  const std::string first_ = RandomBytes((256 << 10) + 3, 2);
  const std::string middle_ = RandomBytes(1021, 3);
  const std::string second_ = RandomBytes(1 << 20, 4);
  const std::string end_ = RandomBytes(1024, 5);
  const std::string whole_ = head_ + first_ + middle_ + second_ + end_;
  TemporaryFolder files_ = *TemporaryFolder::Create();
};

TEST_F(DiskBlobPartsTest, ReadsTheSameFromEveryOffsetInEveryPiece) {
  PutParts();
  const auto digest = WriteLayer();
  ASSERT_OK(digest);
  ASSERT_EQ(*digest, DigestOf(whole_));
  EXPECT_EQ(store_->Get(*digest).value_or("nothing"), whole_);
  std::vector<size_t> offsets = {0, 1, whole_.size() - 1, whole_.size()};
  size_t at = 0;
  for (const std::string* part : {&head_, &first_, &middle_, &second_, &end_}) {
    at += part->size();
    for (const size_t near : {at - 1, at, at + 1}) {
      if (near <= whole_.size()) offsets.push_back(near);
    }
  }
  for (const size_t offset : offsets) {
    for (const size_t piece : {size_t{1000}, size_t{65536}, size_t{3} << 20}) {
      const auto read = ReadFrom(*store_, *digest, static_cast<int64_t>(offset), piece);
      ASSERT_OK(read);
      EXPECT_TRUE(*read == whole_.substr(offset)) << offset << " " << piece;
    }
  }
  EXPECT_TRUE(absl::IsOutOfRange(store_->Open(*digest, digest->size + 1).status()));
  // It has no file that could be handed to others as it is.
  EXPECT_EQ((*store_->Open(*digest, 0))->file(), -1);
  ExpectNothingTemporary();
}

TEST_F(DiskBlobPartsTest, LargePartsAreNotThereTwice) {
  PutParts();
  const int64_t before = BytesBelow(folder_.path());
  ASSERT_OK(WriteLayer());
  EXPECT_LT(BytesBelow(folder_.path()) - before, 8 << 10);
}

TEST_F(DiskBlobPartsTest, AreThereAfterReopening) {
  PutParts();
  const Digest digest = *WriteLayer();
  Reopen();
  EXPECT_TRUE(store_->Has(digest));
  EXPECT_EQ(store_->Get(digest).value_or("nothing"), whole_);
}

TEST_F(DiskBlobPartsTest, TheWrongSizeIsAnotherBlob) {
  PutParts();
  const Digest digest = *WriteLayer();
  const Digest lie{digest.hash, digest.size - 1};
  EXPECT_FALSE(store_->Has(lie));
  EXPECT_TRUE(absl::IsNotFound(store_->Open(lie, 0).status()));
  EXPECT_EQ(store_->Get(digest).value_or("nothing"), whole_);
}

TEST_F(DiskBlobPartsTest, AreMissingWithoutOneOfTheirParts) {
  PutParts();
  const Digest digest = *WriteLayer();
  ASSERT_EQ(unlink(PathOf(DigestOf(second_)).c_str()), 0);
  EXPECT_THAT(*store_->FindMissing({{digest, DigestOf(first_)}}), ElementsAre(digest));
  Damage(PathOf(DigestOf(second_)), second_.substr(1));
  EXPECT_THAT(*store_->FindMissing({{digest}}), ElementsAre(digest));
  Damage(PathOf(DigestOf(second_)), second_);
  EXPECT_THAT(*store_->FindMissing({{digest}}), IsEmpty());
}

TEST_F(DiskBlobPartsTest, ADamagedPartGoesTogetherWithTheListAndBothCanBeWrittenAgain) {
  PutParts();
  const Digest digest = *WriteLayer();
  std::string damaged = second_;
  damaged[100'000] ^= 1;
  Damage(PathOf(DigestOf(second_)), damaged);
  const auto read = ReadFrom(*store_, digest, 0, 65536);
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
  EXPECT_THAT(*store_->FindMissing({{DigestOf(first_), DigestOf(second_), digest}}),
              ElementsAre(DigestOf(second_), digest));
  EXPECT_FALSE(Exists(PartsPathOf(digest)));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.Path("corrupt")), {}), 2);
  PutParts();
  ASSERT_OK(WriteLayer());
  EXPECT_EQ(store_->Get(digest).value_or("nothing"), whole_);
}

TEST_F(DiskBlobPartsTest, ADamagedListIsMissingAndIsWrittenAgain) {
  PutParts();
  const Digest digest = *WriteLayer();
  const std::string list = *ReadFile(PartsPathOf(digest));
  Damage(PartsPathOf(digest), list.substr(0, list.size() - 1));
  EXPECT_FALSE(store_->Has(digest));
  EXPECT_TRUE(absl::IsNotFound(store_->Open(digest, 0).status()));
  EXPECT_FALSE(Exists(PartsPathOf(digest)));
  ASSERT_OK(WriteLayer());
  EXPECT_EQ(store_->Get(digest).value_or("nothing"), whole_);
}

TEST_F(DiskBlobPartsTest, APartThatBecameShorterWhileItIsReadIsDataLoss) {
  PutParts();
  const Digest digest = *WriteLayer();
  auto reader = *store_->Open(digest, digest.size - 2000);
  Damage(PathOf(DigestOf(second_)), second_.substr(0, 1000));
  std::string buffer(1 << 16, '\0');
  EXPECT_TRUE(absl::IsDataLoss(reader->Read(buffer.data(), buffer.size()).status()));
}

TEST_F(DiskBlobPartsTest, ADescriptorThatIsMissingIsNoDamage) {
  PutParts();
  const Digest digest = *WriteLayer();
  auto reader = *store_->Open(digest, 0);
  std::string buffer(head_.size(), '\0');
  ASSERT_EQ(reader->Read(buffer.data(), buffer.size()).value_or(0), head_.size());
  std::vector<UniqueFd> all;
  while (true) {
    UniqueFd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) break;
    all.push_back(std::move(fd));
  }
  const absl::Status status = reader->Read(buffer.data(), buffer.size()).status();
  all.clear();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(store_->Has(digest));
  EXPECT_EQ(store_->Get(digest).value_or("nothing"), whole_);
}

TEST_F(DiskBlobPartsTest, ADigestThatIsNotMetLeavesNothing) {
  PutParts();
  const Digest lie = DigestOf("something else");
  auto writer = *store_->Create(lie);
  ASSERT_OK(writer->WriteBlob(DigestOf(second_)));
  ASSERT_OK(writer->Write("end"));
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Commit().status()));
  writer.reset();
  EXPECT_FALSE(store_->Has(lie));
  EXPECT_FALSE(Exists(PartsPathOf(lie)));
  ExpectNothingTemporary();
}

TEST_F(DiskBlobPartsTest, ADigestThatIsMetIsAccepted) {
  PutParts();
  auto writer = *store_->Create(DigestOf(second_ + "end"));
  ASSERT_OK(writer->WriteBlob(DigestOf(second_)));
  ASSERT_OK(writer->Write("end"));
  EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf(second_ + "end"));
}

TEST_F(DiskBlobPartsTest, WhatIsNotSharedAppendsNothing) {
  PutParts();
  const std::string small = RandomBytes((256 << 10) - 1, 7);
  ASSERT_OK(store_->PutBytes(small));
  const Digest layer = *WriteLayer();
  auto writer = *store_->Create({});
  ASSERT_OK(writer->Write("begin"));
  EXPECT_TRUE(absl::IsUnimplemented(writer->WriteBlob(DigestOf(small))));
  EXPECT_TRUE(absl::IsUnimplemented(writer->WriteBlob(DigestOf(""))));
  EXPECT_TRUE(absl::IsNotFound(writer->WriteBlob(DigestOf(small + second_))));
  EXPECT_TRUE(absl::IsNotFound(writer->WriteBlob({DigestOf(second_).hash, 1 << 19})));
  EXPECT_TRUE(absl::IsNotFound(writer->WriteBlob({"../../../../etc/passwd", 1 << 19})));
  // Parts have no parts.
  EXPECT_TRUE(absl::IsNotFound(writer->WriteBlob(layer)));
  ASSERT_OK(writer->Write("end"));
  EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf("beginend"));
}

TEST_F(DiskBlobPartsTest, ADamagedBlobDoesNotBecomeAPart) {
  PutParts();
  std::string damaged = second_;
  damaged[second_.size() / 2] ^= 1;
  Damage(PathOf(DigestOf(second_)), damaged);
  EXPECT_TRUE(absl::IsDataLoss((*store_->Create({}))->WriteBlob(DigestOf(second_))));
  EXPECT_FALSE(store_->Has(DigestOf(second_)));
  EXPECT_TRUE(absl::IsNotFound((*store_->Create({}))->WriteBlob(DigestOf(second_))));
  // Its size tells before anything is appended: the caller goes on with the bytes.
  Damage(PathOf(DigestOf(second_)), second_.substr(1));
  auto writer = *store_->Create({});
  ASSERT_OK(writer->Write("begin"));
  EXPECT_TRUE(absl::IsNotFound(writer->WriteBlob(DigestOf(second_))));
  EXPECT_FALSE(store_->Has(DigestOf(second_)));
  ASSERT_OK(writer->Write(second_));
  EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf("begin" + second_));
}

TEST_F(DiskBlobPartsTest, PartsTakeThePlaceOfADamagedFile) {
  PutParts();
  ASSERT_OK(store_->PutBytes(whole_));
  Damage(PathOf(DigestOf(whole_)), whole_.substr(1));
  ASSERT_FALSE(store_->Has(DigestOf(whole_)));
  ASSERT_EQ(WriteLayer().value_or(Digest()), DigestOf(whole_));
  EXPECT_TRUE(store_->Has(DigestOf(whole_)));
  EXPECT_EQ(store_->Get(DigestOf(whole_)).value_or("nothing"), whole_);
  EXPECT_EQ(ReadFrom(*store_, DigestOf(whole_), 0, 65536).value_or("nothing"), whole_);
}

TEST_F(DiskBlobPartsTest, TheSameBlobMayComeOften) {
  PutParts();
  std::string expected;
  auto writer = *store_->Create({});
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(writer->WriteBlob(DigestOf(first_)));
    expected += first_;
  }
  const auto digest = writer->Commit();
  ASSERT_OK(digest);
  EXPECT_EQ(*digest, DigestOf(expected));
  EXPECT_EQ(store_->Get(*digest).value_or("nothing"), expected);
}

TEST_F(DiskBlobPartsTest, NoDescriptorIsLost) {
  PutParts();
  const Digest digest = *WriteLayer();
  const size_t before = OpenFiles();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(ReadFrom(*store_, digest, i, 65536));
    ASSERT_OK(store_->FindMissing({{digest}}));
    ASSERT_OK(WriteLayer());
    auto writer = *store_->Create({});
    ASSERT_OK(writer->WriteBlob(DigestOf(first_)));
  }
  EXPECT_EQ(OpenFiles(), before);
}

// ---- files ----

TEST_F(DiskBlobPartsTest, AFileIsWrittenAsItsBytesAre) {
  const std::string content = RandomBytes((3 << 20) + 17, 9);
  const UniqueFd fd = FileOf(content);
  const int64_t all = static_cast<int64_t>(content.size());
  const std::pair<int64_t, int64_t> ranges[] = {
      {0, all},       {0, 0},          {0, 1},         {0, 4096},
      {1, all - 1},   {4096, 1 << 20}, {0, 256 << 10}, {0, (256 << 10) + 1},
      {513, 700'001}, {all, 0},        {all - 1, 1}};
  for (const std::string& before :
       {std::string(), std::string("x"), RandomBytes(4096, 10), RandomBytes(1 << 19, 11)}) {
    for (const auto& [offset, size] : ranges) {
      auto writer = *store_->Create({});
      ASSERT_OK(writer->Write(before));
      ASSERT_OK(writer->WriteFile(fd.get(), offset, size));
      ASSERT_OK(writer->Write("end"));
      const std::string expected =
          before + content.substr(static_cast<size_t>(offset), static_cast<size_t>(size)) + "end";
      const auto digest = writer->Commit();
      ASSERT_OK(digest);
      EXPECT_EQ(*digest, DigestOf(expected)) << before.size() << " " << offset << " " << size;
      EXPECT_TRUE(store_->Get(*digest).value_or("nothing") == expected);
    }
  }
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_CUR), 0) << "the descriptor's own position has moved";
}

TEST_F(DiskBlobPartsTest, AFileThatIsShorterIsSaidSo) {
  const std::string content = RandomBytes(1 << 20, 12);
  const UniqueFd fd = FileOf(content);
  for (const auto& [offset, size] : {std::pair<int64_t, int64_t>{0, (1 << 20) + 1},
                                     {1, 1 << 20},
                                     {1 << 20, 1},
                                     {int64_t{1} << 40, 1 << 20}}) {
    auto writer = *store_->Create({});
    const absl::Status status = writer->WriteFile(fd.get(), offset, size);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << offset << " " << size << " " << status;
  }
  ExpectNothingTemporary();
}

TEST_F(DiskBlobPartsTest, FilesAndBlobsMix) {
  PutParts();
  const UniqueFd fd = FileOf(middle_ + second_);
  auto writer = *store_->Create({});
  ASSERT_OK(writer->WriteFile(fd.get(), 0, static_cast<int64_t>(middle_.size() + second_.size())));
  ASSERT_OK(writer->WriteBlob(DigestOf(first_)));
  ASSERT_OK(writer->WriteFile(fd.get(), 100, 1 << 20));
  const std::string expected = middle_ + second_ + first_ + (middle_ + second_).substr(100, 1 << 20);
  const auto digest = writer->Commit();
  ASSERT_OK(digest);
  EXPECT_EQ(*digest, DigestOf(expected));
  EXPECT_TRUE(store_->Get(*digest).value_or("nothing") == expected);
}

// ---- where the file system shares blocks ----

// False if the program is not there or fails.
bool Runs(std::vector<std::string> command) {
  ProcessOptions options;
  options.argv = std::move(command);
  const auto result = RunProcess(options);
  return result.ok() && result->exit_code == 0;
}

TEST(DiskBlobSharedBlocksTest, AFileOfTheSameFileSystemIsNotCopied) {
  const bool btrfs = Runs({"mkfs.btrfs", "--version"});
  if (!btrfs && !Runs({"mkfs.xfs", "-V"})) GTEST_SKIP() << "needs mkfs.btrfs or mkfs.xfs";
  auto notes = *TemporaryFolder::Create();
  auto reason = RunInNamespaces(Privilege::kRoot, Disk::kTemporaryFolder, [&](const std::string& folder) {
    const std::string image = folder + "/image", disk = folder + "/disk";
    ASSERT_OK(MakeFolders(disk));
    {
      const UniqueFd file = *OpenFile(image, O_CREAT | O_RDWR, 0600);
      ASSERT_EQ(ftruncate(file.get(), int64_t{400} << 20), 0);
    }
    ASSERT_TRUE(btrfs ? Runs({"mkfs.btrfs", "-q", image})
                      : Runs({"mkfs.xfs", "-q", "-m", "reflink=1", image}));
    if (!Runs({"mount", "-o", "loop", image, disk})) {
      ASSERT_OK(WriteFileAtomic(notes.Path("skipped"), "a file cannot be mounted here"));
      return;
    }
    {
      auto store = OpenDiskBlobStore(disk + "/store");
      ASSERT_OK(store);
      const std::string content = RandomBytes((24 << 20) + 4097, 20);
      ASSERT_OK(WriteFileAtomic(disk + "/file", content, 0644, true));
      const UniqueFd fd = *OpenFile(disk + "/file", O_RDWR);
      sync();
      const auto used = [&] { return std::filesystem::space(disk).available; };
      const auto before = used();
      // Whole, and in pieces as they come through the local door.
      for (const int64_t piece : {int64_t{128} << 20, int64_t{4} << 20}) {
        auto writer = *(*store)->Create({});
        for (int64_t at = 0; at < static_cast<int64_t>(content.size()); at += piece) {
          const int64_t left = static_cast<int64_t>(content.size()) - at;
          ASSERT_OK(writer->WriteFile(fd.get(), at, std::min(left, piece)));
        }
        ASSERT_OK(writer->Write(std::to_string(piece)));
        const auto digest = writer->Commit();
        ASSERT_OK(digest);
        EXPECT_EQ(*digest, DigestOf(content + std::to_string(piece)));
        EXPECT_TRUE((*store)->Get(*digest).value_or("nothing") == content + std::to_string(piece));
      }
      sync();
      EXPECT_LT(before - used(), uintmax_t{8} << 20);
      // The blob stays what it was when the file changes.
      auto writer = *(*store)->Create({});
      ASSERT_OK(writer->WriteFile(fd.get(), 0, static_cast<int64_t>(content.size())));
      ASSERT_EQ(pwrite(fd.get(), "other", 5, 1000), 5);
      EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf(content));
      EXPECT_TRUE((*store)->Get(DigestOf(content)).value_or("nothing") == content);
    }
    EXPECT_EQ(umount(disk.c_str()), 0);
  });
  if (reason) GTEST_SKIP() << *reason;
  if (Exists(notes.Path("skipped"))) GTEST_SKIP() << *ReadFile(notes.Path("skipped"));
}

}  // namespace
}  // namespace crossmill
