// The file of a blob that is kept in parts: its one form, and what is no such file.
#include "common/blobs/parted_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

const std::string kHash(64, 'a');

// What is read from a file of these bytes.
absl::StatusOr<std::vector<BlobPart>> ReadBack(std::string_view bytes) {
  auto folder = *TemporaryFolder::Create();
  EXPECT_OK(WriteFileAtomic(folder.Path("file"), bytes));
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(folder.Path("file"), O_RDONLY));
  return ReadPartList(fd.get());
}

// A file with these own bytes and parts, as WritePartList ends it.
std::string Written(std::string_view own, const std::vector<BlobPart>& parts) {
  auto folder = *TemporaryFolder::Create();
  const UniqueFd fd = *OpenFile(folder.Path("file"), O_CREAT | O_RDWR, 0600);
  EXPECT_OK(WriteAll(fd.get(), own));
  EXPECT_OK(WritePartList(fd.get(), parts));
  return ReadFile(folder.Path("file")).value_or("unreadable");
}

std::string Mark(std::string_view own_bytes) { return std::string(own_bytes) + " crossmill parts 1\n"; }

TEST(PartedFileTest, HasOneForm) {
  EXPECT_EQ(Written("headend", {{{}, 4}, {{kHash, 300'000}, 0}, {{}, 3}}),
            "headend"
            "bytes 4\n"
            "blob aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 300000\n"
            "bytes 3\n"
            "0000000000000007 crossmill parts 1\n");
}

TEST(PartedFileTest, WhatWasWrittenIsRead) {
  const std::vector<std::vector<BlobPart>> cases = {
      {{{}, 7}}, {{{kHash, 1}, 0}}, {{{kHash, 5}, 0}, {{kHash, 5}, 0}, {{}, 7}}, {{{}, 0}, {{}, 7}}};
  for (const std::vector<BlobPart>& parts : cases) {
    int64_t own = 0;
    for (const BlobPart& part : parts) own += part.bytes;
    const auto read = ReadBack(Written(std::string(static_cast<size_t>(own), 'x'), parts));
    ASSERT_OK(read);
    ASSERT_EQ(read->size(), parts.size());
    EXPECT_EQ(SizeOf(*read), SizeOf(parts));
    for (size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ((*read)[i].blob, parts[i].blob);
      EXPECT_EQ((*read)[i].bytes, parts[i].bytes);
    }
  }
}

TEST(PartedFileTest, WhatTheOwnBytesLookLikeDoesNotMatter) {
  // A parted file within one: only the last list counts.
  const std::string inner = Written("abc", {{{}, 3}});
  const auto read = ReadBack(Written(inner, {{{}, static_cast<int64_t>(inner.size())}}));
  ASSERT_OK(read);
  EXPECT_EQ(SizeOf(*read), static_cast<int64_t>(inner.size()));
}

TEST(PartedFileTest, AFileThatWasCutAnywhereIsDamaged) {
  const std::string whole = Written("headend", {{{}, 4}, {{kHash, 300'000}, 0}, {{}, 3}});
  ASSERT_OK(ReadBack(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(ReadBack(whole.substr(0, size)).status())) << size;
    EXPECT_TRUE(absl::IsDataLoss(ReadBack(whole.substr(size + 1)).status())) << size;
  }
}

TEST(PartedFileTest, AnyByteOfTheListThatBecomesAnotherIsNoticed) {
  const std::string own = "headend";
  const std::string whole = Written(own, {{{}, 4}, {{kHash, 300'000}, 0}, {{}, 3}});
  for (size_t i = own.size(); i < whole.size(); ++i) {
    for (const char other : {'\0', '\n', ' ', '-', 'g', '\xff'}) {
      if (whole[i] == other) continue;
      std::string damaged = whole;
      damaged[i] = other;
      const auto read = ReadBack(damaged);
      // The store compares the size with the digest's.
      EXPECT_TRUE(absl::IsDataLoss(read.status()) || (read.ok() && SizeOf(*read) != 300'007))
          << i << " " << static_cast<int>(other);
    }
  }
}

TEST(PartedFileTest, ListsThatLieAreDamaged) {
  const std::string blob = "blob " + kHash;
  const struct {
    const char* what;
    std::string file;
  } cases[] = {
      {"an empty file", ""},
      {"only a mark", Mark("")},
      {"more own bytes than the file has", "bytes 7\n" + Mark("0000000000000100")},
      {"the largest number", "bytes 7\n" + Mark("7fffffffffffffff")},
      {"a number beyond it", "bytes 7\n" + Mark("ffffffffffffffff")},
      {"a negative number of own bytes", "bytes 7\n" + Mark("-00000000000000a")},
      {"other own bytes than listed", "abcbytes 4\n" + Mark("0000000000000003")},
      {"own bytes that are not listed", "abc" + Mark("0000000000000003")},
      {"a negative part", "abcbytes 5\nbytes -2\n" + Mark("0000000000000003")},
      {"a blob of negative size", blob + " -1\n" + Mark("0000000000000000")},
      {"a size that is no number", blob + " 0x10\n" + Mark("0000000000000000")},
      {"a size beyond all numbers", blob + " 99999999999999999999\n" + Mark("0000000000000000")},
      {"a short hash", "blob aa 1\n" + Mark("0000000000000000")},
      {"capitals", "blob " + std::string(64, 'A') + " 1\n" + Mark("0000000000000000")},
      {"a way out of the folder", "blob ../../../../etc/passwd 1\n" + Mark("0000000000000000")},
      {"an unknown part", "hole 3\n" + Mark("0000000000000000")},
      {"an empty line", "\n" + Mark("0000000000000000")},
      {"a last line without an end", "abcbytes 3" + Mark("0000000000000003")},
      {"another version", "abcbytes 3\n0000000000000003 crossmill parts 2\n"},
  };
  for (const auto& test : cases) {
    EXPECT_TRUE(absl::IsDataLoss(ReadBack(test.file).status())) << test.what;
  }
}

TEST(PartedFileTest, SizesWhoseSumNoNumberHoldsAreDamaged) {
  const std::string most = std::to_string(std::numeric_limits<int64_t>::max());
  for (const std::string& list : {"blob " + kHash + " " + most + "\nblob " + kHash + " " + most + "\n",
                                  "bytes " + most + "\nbytes " + most + "\nbytes 2\n"}) {
    EXPECT_TRUE(absl::IsDataLoss(ReadBack(list + Mark("0000000000000000")).status())) << list;
  }
}

TEST(PartedFileTest, AListThatIsTooLongToBeOneIsNotRead) {
  // Sparse: were it read, it would be a list of zeros of 1 TiB.
  auto folder = *TemporaryFolder::Create();
  const UniqueFd fd = *OpenFile(folder.Path("file"), O_CREAT | O_RDWR, 0600);
  const std::string mark = Mark("0000000000000000");
  ASSERT_EQ(pwrite(fd.get(), mark.data(), mark.size(), int64_t{1} << 40), static_cast<ssize_t>(mark.size()));
  EXPECT_TRUE(absl::IsDataLoss(ReadPartList(fd.get()).status()));
}

TEST(PartedFileTest, TheLongestListThatIsWrittenCanBeRead) {
  const int64_t longest = 9'000'000'000'000;
  std::vector<BlobPart> parts;
  while (parts.size() < kMostParts) parts.push_back({{kHash, longest}, 0});
  auto folder = *TemporaryFolder::Create();
  const UniqueFd fd = *OpenFile(folder.Path("file"), O_CREAT | O_RDWR, 0600);
  ASSERT_OK(WritePartList(fd.get(), parts));
  const auto read = ReadPartList(fd.get());
  ASSERT_OK(read);
  EXPECT_EQ(read->size(), kMostParts);
}

}  // namespace
}  // namespace crossmill
