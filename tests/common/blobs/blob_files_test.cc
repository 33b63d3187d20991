#include "common/blobs/blob_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

constexpr int64_t kFuture = INT64_MAX;

class BlobFilesTest : public testing::Test {
 protected:
  BlobFilesTest() { Reopen(); }
  void Reopen() {
    store_.reset();
    store_ = *OpenDiskBlobStore(folder_.Path("store"));
  }
  void ScanAll() {
    for (int shard = 0; shard < BlobUses::kShards; ++shard)
      ASSERT_OK(ScanBlobs(store_->folder(), shard, store_->uses()));
  }
  absl::StatusOr<bool> Remove(const Digest& digest, int64_t before = kFuture) {
    return RemoveBlob(store_->folder(), NameOfHash(digest.hash), before, store_->uses());
  }
  void SetAccessTime(const Digest& digest, int64_t used_at) {
    const timespec times[2] = {{.tv_sec = used_at / 1'000'000'000, .tv_nsec = used_at % 1'000'000'000},
                               {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
    ASSERT_EQ(utimensat(AT_FDCWD, BlobPath(store_->folder(), digest.hash).c_str(), times, 0), 0);
  }
  // As du counts.
  int64_t OnDisk() {
    int64_t bytes = 0;
    for (int shard = 0; shard < 256; ++shard) {
      const std::string folder = fmt::format("{}/blobs/{:02x}", store_->folder(), shard);
      for (const auto& file : std::filesystem::directory_iterator(folder)) {
        struct stat info {};
        if (stat(file.path().c_str(), &info) == 0) bytes += int64_t{info.st_blocks} * 512;
      }
    }
    return bytes;
  }
  // Kept as a list of `part` and its own bytes around it.
  Digest PutInParts(const Digest& part) {
    auto writer = *store_->Create(Digest());
    EXPECT_OK(writer->Write("before"));
    EXPECT_OK(writer->WriteBlob(part));
    EXPECT_OK(writer->Write("behind"));
    return *writer->Commit();
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<DiskBlobStore> store_;
  const std::string large_ = std::string(300'000, 'x');
};

TEST_F(BlobFilesTest, WhatIsKnownIsWhatTheDiskSays) {
  const Digest small = *store_->PutBytes("small");
  const Digest part = *store_->PutBytes(large_);
  const Digest parted = PutInParts(part);
  EXPECT_EQ(store_->uses().count(), 3);
  EXPECT_EQ(store_->uses().disk_bytes(), OnDisk());
  Reopen();
  EXPECT_EQ(store_->uses().count(), 0);
  EXPECT_TRUE(store_->Has(small)) << "also before it was looked for";
  ScanAll();
  EXPECT_EQ(store_->uses().count(), 3);
  EXPECT_EQ(store_->uses().disk_bytes(), OnDisk());
  const auto lists = store_->uses().Parted(NameOfHash(parted.hash).bytes[0]);
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_THAT(lists[0].second, testing::ElementsAre(NameOfHash(part.hash)));
  EXPECT_THAT(*Remove(small), true);
  EXPECT_EQ(store_->uses().disk_bytes(), OnDisk());
  EXPECT_FALSE(store_->Has(small));
}

TEST_F(BlobFilesTest, WhatWasUsedSinceStays) {
  const Digest digest = *store_->PutBytes("content");
  const int64_t before = absl::GetCurrentTimeNanos();
  EXPECT_THAT(*store_->FindMissing({{digest}}), testing::IsEmpty());
  EXPECT_FALSE(*Remove(digest, before));
  EXPECT_EQ(*store_->Get(digest), "content");
  EXPECT_TRUE(*Remove(digest));
  EXPECT_TRUE(absl::IsNotFound(store_->Get(digest).status()));
  EXPECT_EQ(*store_->PutBytes("content"), digest) << "it can be written again";
  EXPECT_EQ(*store_->Get(digest), "content");
}

TEST_F(BlobFilesTest, ThePartsOfWhatIsBeingReadOrWrittenStay) {
  const Digest part = *store_->PutBytes(large_);
  auto writer = *store_->Create(Digest());
  ASSERT_OK(writer->WriteBlob(part));
  ASSERT_OK(writer->Write("more"));
  EXPECT_FALSE(*Remove(part)) << "it is part of what is being written";
  const Digest parted = *writer->Commit();
  writer.reset();
  auto reader = *store_->Open(parted, 0);
  EXPECT_FALSE(*Remove(part)) << "somebody reads it";
  EXPECT_TRUE(*Remove(parted)) << "the list itself is open";
  std::string bytes(large_.size() + 5, '\0');
  size_t have = 0;
  while (true) {
    const auto got = reader->Read(bytes.data() + have, bytes.size() - have);
    ASSERT_OK(got);
    if (*got == 0) break;
    have += *got;
  }
  EXPECT_EQ(bytes.substr(0, have), large_ + "more");
  reader.reset();
  EXPECT_TRUE(*Remove(part));
}

TEST_F(BlobFilesTest, AListWithoutOneOfItsPartsIsMissingAndNotDamaged) {
  const Digest part = *store_->PutBytes(large_);
  const Digest parted = PutInParts(part);
  ASSERT_TRUE(*Remove(part));
  EXPECT_FALSE(store_->Has(parted));
  EXPECT_TRUE(absl::IsNotFound(store_->Open(parted, 0).status()));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.Path("store") + "/corrupt"));
  ASSERT_OK(store_->PutBytes(large_));
  EXPECT_TRUE(store_->Has(parted)) << "with its part it is there again";
}

TEST_F(BlobFilesTest, UsesOutliveAProcessThatIsKilled) {
  const Digest digest = *store_->PutBytes("content");
  const BlobName name = NameOfHash(digest.hash);
  // As if it were an old one.
  const int64_t old = absl::GetCurrentTimeNanos() - 24 * 3'600'000'000'000;
  SetAccessTime(digest, old);
  Reopen();
  ScanAll();
  EXPECT_EQ(store_->uses().UsedAt(name), old + BlobUses::kWriteAfter * 1'000'000'000);
  const int64_t told = absl::GetCurrentTimeNanos();
  EXPECT_TRUE(store_->Has(digest));
  // Nothing ends it in order: what it told is on the disk.
  Reopen();
  ScanAll();
  EXPECT_FALSE(*Remove(digest, told));
}

TEST_F(BlobFilesTest, WhatAProcessBeforeToldLatelyMayBeNewerThanItsFileSays) {
  const Digest digest = *store_->PutBytes("content");
  const int64_t before = absl::GetCurrentTimeNanos();
  EXPECT_TRUE(store_->Has(digest));
  Reopen();
  EXPECT_TRUE(absl::GetCurrentTimeNanos() > before);
  ScanAll();
  EXPECT_FALSE(*Remove(digest, before)) << "too lately for its file to say so";
}

TEST_F(BlobFilesTest, WhatIsAskedForBeforeItWasLookedAtIsWrittenToo) {
  const Digest digest = *store_->PutBytes("content");
  SetAccessTime(digest, absl::GetCurrentTimeNanos() - 24 * 3'600'000'000'000);
  Reopen();
  const int64_t told = absl::GetCurrentTimeNanos();
  EXPECT_TRUE(store_->Has(digest));
  Reopen();
  ScanAll();
  EXPECT_FALSE(*Remove(digest, told));
}

TEST_F(BlobFilesTest, PeekingIsNoUseAndComparesTheHash) {
  const Digest digest = *store_->PutBytes("content");
  const int64_t before = absl::GetCurrentTimeNanos();
  EXPECT_EQ(*PeekBlob(store_->folder(), digest.hash, 100), "content");
  EXPECT_TRUE(absl::IsOutOfRange(PeekBlob(store_->folder(), digest.hash, 3).status()));
  EXPECT_TRUE(*Remove(digest, before));
  EXPECT_TRUE(absl::IsNotFound(PeekBlob(store_->folder(), digest.hash, 100).status()));
  ASSERT_OK(WriteFileAtomic(BlobPath(store_->folder(), digest.hash), "CONTENT"));
  EXPECT_TRUE(absl::IsDataLoss(PeekBlob(store_->folder(), digest.hash, 100).status()));
}

// The promise: who was told that a blob is there finds it from then on, as long as removals keep to what was
// used before that.
TEST_F(BlobFilesTest, WhatWasSaidToBeThereIsThereBesideRemovals) {
  constexpr int kBlobs = 24;
  constexpr int kRounds = 150;
  std::vector<std::string> contents;
  std::vector<Digest> digests;
  for (int i = 0; i < kBlobs; ++i) {
    contents.push_back(i % 4 == 0 ? large_ + std::to_string(i) : fmt::format("content {}", i));
    digests.push_back(DigestOf(contents.back()));
  }
  std::atomic<bool> done = false;
  std::atomic<int64_t> removed = 0;
  // When each user began what it is doing: nothing may go that was used since the earliest of them.
  std::array<std::atomic<int64_t>, 3> begun;
  for (auto& begin : begun) begin = absl::GetCurrentTimeNanos();
  std::thread sweep([&] {
    while (!done) {
      for (const Digest& digest : digests) {
        const auto gone = Remove(digest, std::min({begun[0].load(), begun[1].load(), begun[2].load()}));
        ASSERT_OK(gone);
        if (*gone) ++removed;
      }
    }
  });
  std::atomic<int64_t> present = 0;
  const auto use = [&](int seed) {
    for (int round = 0; round < kRounds; ++round) {
      begun[static_cast<size_t>(seed)] = absl::GetCurrentTimeNanos();
      const auto index = static_cast<size_t>((round * 7 + seed * 11) % kBlobs);
      if (store_->FindMissing({{digests[index]}})->empty()) {
        ++present;
        ASSERT_EQ(*store_->Get(digests[index]), contents[index]);
      } else {
        ASSERT_OK(store_->PutBytes(contents[index]));
        ASSERT_EQ(*store_->Get(digests[index]), contents[index]);
      }
    }
    begun[static_cast<size_t>(seed)] = INT64_MAX;
  };
  std::vector<std::thread> users;
  for (int seed = 0; seed < 3; ++seed) users.emplace_back(use, seed);
  for (std::thread& user : users) user.join();
  done = true;
  sweep.join();
  EXPECT_GT(removed, 0);
  EXPECT_GT(present, 0);
  EXPECT_EQ(store_->uses().disk_bytes(), OnDisk());
}

}  // namespace
}  // namespace crossmill
