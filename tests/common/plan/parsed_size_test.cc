#include "common/plan/parsed_size.h"

#include <gtest/gtest.h>

#include <string>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "tests/support/status_matchers.h"

namespace crossmill::plan {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

constexpr int64_t kMost = int64_t{1} << 40;

absl::StatusOr<int64_t> SizeOf(std::string_view bytes) {
  return ParsedSize(bytes, *reapi::Directory::descriptor(), kMost);
}

reapi::Directory Folder(int files) {
  reapi::Directory folder;
  for (int i = 0; i < files; ++i) {
    reapi::FileNode& file = *folder.add_files();
    file.set_name("a file with a name");
    file.mutable_digest()->set_hash(std::string(64, 'a'));
    file.mutable_digest()->set_size_bytes(100);
    file.mutable_node_properties()->mutable_mtime()->set_seconds(1);
  }
  return folder;
}

TEST(ParsedSize, IsNotLessThanWhatProtobufTakes) {
  for (const int files : {1, 1000}) {
    const reapi::Directory folder = Folder(files);
    const auto size = SizeOf(folder.SerializeAsString());
    ASSERT_OK(size);
    EXPECT_GE(*size, static_cast<int64_t>(folder.SpaceUsedLong()));
    EXPECT_LE(*size, 3 * static_cast<int64_t>(folder.SpaceUsedLong()));
  }
}

// Two bytes each: a file without anything, a folder, a link; and properties in one of a file.
TEST(ParsedSize, CountsWhatIsEmptyAtEveryDepth) {
  for (const char* entry : {"\x0a", "\x12", "\x1a"}) {
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += entry + std::string(1, '\0');
    const auto size = SizeOf(bytes);
    ASSERT_OK(size);
    EXPECT_GE(*size, 100'000) << static_cast<int>(*entry);
  }
  reapi::Directory folder;
  for (int i = 0; i < 1000; ++i) folder.mutable_node_properties()->add_properties();
  EXPECT_GE(SizeOf(folder.SerializeAsString()).value(), static_cast<int64_t>(folder.SpaceUsedLong()));
}

TEST(ParsedSize, UnknownFieldsCountToo) {
  // Field 100, a number, a thousand times.
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += std::string("\xa0\x06\x01", 3);
  EXPECT_GE(SizeOf(bytes).value(), 16'000);
}

TEST(ParsedSize, EndsAtWhatIsAskedFor) {
  const auto size = ParsedSize(Folder(10'000).SerializeAsString(), *reapi::Directory::descriptor(), 5'000);
  ASSERT_OK(size);
  EXPECT_GE(*size, 5'000);
  EXPECT_LE(*size, 10'000);
}

TEST(ParsedSize, WhatIsNoMessageIsToldSo) {
  EXPECT_FALSE(SizeOf("\x0a\xff\x01 too short").ok());
  EXPECT_FALSE(SizeOf("\x0f").ok());
  EXPECT_EQ(SizeOf("").value(), 120);
}

}  // namespace
}  // namespace crossmill::plan
