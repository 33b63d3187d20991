// Folders and small files of a context, read many at a time.
#include "worker/tree/context_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using Directory = ContextReader::Directory;

// Blobs in memory that count how they are asked for, and can lose some.
class CountingBlobs final : public BlobStore {
 public:
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    return memory_->FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    if (digest == lost) return absl::NotFoundError("lost");
    return memory_->Open(digest, offset);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    return memory_->Create(expected);
  }
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override {
    ++calls;
    most = std::max(most.load(), digests.size());
    return BlobStore::GetAll(digests);
  }

  std::atomic<int> calls{0};
  std::atomic<size_t> most{0};
  Digest lost;

 private:
  std::unique_ptr<BlobStore> memory_ = MakeMemoryBlobStore();
};

class ContextReaderTest : public testing::Test {
 protected:
  Digest Put(std::string_view bytes) { return *blobs_.PutBytes(bytes); }
  Digest Put(const Directory& directory) { return Put(directory.SerializeAsString()); }
  void AddFile(Directory* directory, const std::string& content) {
    auto* file = directory->add_files();
    file->set_name(fmt::format("file{}", directory->files_size()));
    ToProto(Put(content), file->mutable_digest());
  }
  static void AddFolder(Directory* directory, const Digest& digest) {
    auto* folder = directory->add_directories();
    folder->set_name(fmt::format("folder{}", directory->directories_size()));
    ToProto(digest, folder->mutable_digest());
  }
  // All small files.
  absl::StatusOr<std::vector<std::string>> ReadAll(const Digest& root) {
    ASSIGN_OR_RETURN(ContextReader reader, ContextReader::Open(blobs_, root));
    std::vector<std::string> contents;
    while (true) {
      auto content = reader.NextSmall();
      // The end, which nobody asks for who counts the files.
      if (absl::IsInternal(content.status())) return contents;
      RETURN_IF_ERROR(content.status());
      contents.push_back(*std::move(content));
    }
  }
  using Contents = std::vector<std::string>;

  CountingBlobs blobs_;
};

TEST_F(ContextReaderTest, FilesOfAFolderComeBeforeThoseOfItsFolders) {
  Directory inner, left, right, root;
  AddFile(&inner, "inner");
  AddFile(&left, "left 1");
  AddFolder(&left, Put(inner));
  AddFile(&left, "left 2");
  AddFile(&right, "right");
  AddFolder(&root, Put(left));
  AddFile(&root, "root");
  AddFolder(&root, Put(right));
  EXPECT_EQ(*ReadAll(Put(root)), (Contents{"root", "left 1", "left 2", "inner", "right"}));
}

TEST_F(ContextReaderTest, EmptyAndLargeFilesAreLeftOut) {
  const std::string most(kSmallFile, 'm');
  Directory root;
  AddFile(&root, "");
  AddFile(&root, "a");
  AddFile(&root, std::string(kSmallFile + 1, 'l'));
  AddFile(&root, most);
  AddFile(&root, "");
  AddFile(&root, "b");
  EXPECT_EQ(*ReadAll(Put(root)), (Contents{"a", most, "b"}));
}

TEST_F(ContextReaderTest, AFolderThatOccursTwiceIsReadOnceAndGivenTwice) {
  Directory shared, root;
  AddFile(&shared, "shared");
  AddFolder(&root, Put(shared));
  AddFolder(&root, Put(shared));
  AddFile(&root, "root");
  const Digest digest = Put(root);
  auto reader = ContextReader::Open(blobs_, digest);
  ASSERT_OK(reader);
  EXPECT_EQ(&reader->Get(Put(shared)), &reader->Get(Put(shared)));
  EXPECT_EQ(*ReadAll(digest), (Contents{"root", "shared", "shared"}));
}

TEST_F(ContextReaderTest, AFolderWithoutSmallFilesGivesNone) {
  EXPECT_EQ(*ReadAll(Put(Directory())), Contents());
  Directory root;
  AddFile(&root, "");
  AddFolder(&root, Put(Directory()));
  EXPECT_EQ(*ReadAll(Put(root)), Contents());
}

TEST_F(ContextReaderTest, ManyFilesTakeFewCallsAndComeInOrder) {
  Directory root;
  Contents expected;
  for (int folder = 0; folder < 30; ++folder) {
    Directory below;
    for (int file = 0; file < 100; ++file) {
      expected.push_back(fmt::format("{} {}", folder, file));
      AddFile(&below, expected.back());
    }
    AddFolder(&root, Put(below));
  }
  const Digest digest = Put(root);
  EXPECT_EQ(*ReadAll(digest), expected);
  // Two levels of folders, and 3000 files.
  EXPECT_LE(blobs_.calls, 10);
}

TEST_F(ContextReaderTest, WhatIsFetchedAtOnceIsBounded) {
  Directory root;
  Contents expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(fmt::format("{:060000}", i));
    AddFile(&root, expected.back());
  }
  EXPECT_EQ(*ReadAll(Put(root)), expected);
  EXPECT_LT(blobs_.most, 50u);
}

TEST_F(ContextReaderTest, MoreFoldersThanOneCallTakes) {
  Directory root;
  Contents expected;
  for (int i = 0; i < 4500; ++i) {
    Directory below;
    expected.push_back(std::to_string(i));
    AddFile(&below, expected.back());
    AddFolder(&root, Put(below));
  }
  EXPECT_EQ(*ReadAll(Put(root)), expected);
  EXPECT_LE(blobs_.most, 2000u);
}

TEST_F(ContextReaderTest, ItMayBeMoved) {
  Directory below, root;
  AddFile(&below, "below");
  AddFile(&root, "root");
  AddFolder(&root, Put(below));
  const Digest digest = Put(root);
  auto opened = ContextReader::Open(blobs_, digest);
  ASSERT_OK(opened);
  const Directory* before = &opened->Get(digest);
  ContextReader reader = *std::move(opened);
  EXPECT_EQ(&reader.Get(digest), before);
  EXPECT_EQ(*reader.NextSmall(), "root");
  EXPECT_EQ(*reader.NextSmall(), "below");
}

TEST_F(ContextReaderTest, WhatIsMissingIsNotTheRecipesFault) {
  Directory below, root;
  AddFile(&below, "below");
  AddFile(&root, "root");
  AddFolder(&root, Put(below));
  const Digest digest = Put(root);
  for (const Digest& lost : {digest, Put(below), DigestOf("below"), DigestOf("root")}) {
    blobs_.lost = lost;
    const absl::Status status = ReadAll(digest).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  }
}

TEST_F(ContextReaderTest, WhatIsNoFolderIsDataLoss) {
  Directory root;
  AddFolder(&root, Put("\xff\xff\xff"));
  EXPECT_TRUE(absl::IsDataLoss(ReadAll(Put(root)).status()));
  EXPECT_TRUE(absl::IsDataLoss(ReadAll(Put("\xff\xff\xff")).status()));
}

TEST_F(ContextReaderTest, ASizeBelowZeroIsNoSmallFile) {
  Directory root;
  AddFile(&root, "a");
  AddFile(&root, "b");
  root.mutable_files(0)->mutable_digest()->set_size_bytes(-1);
  EXPECT_EQ(*ReadAll(Put(root)), (Contents{"b"}));
}

}  // namespace
}  // namespace crossmill::worker
