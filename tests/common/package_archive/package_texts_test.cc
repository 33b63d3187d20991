#include "common/package_archive/package_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"
#include "tests/support/zip_text.h"

namespace crossmill::package_archive {
namespace {

using ::testing::HasSubstr;

// Of a text that outlives it; a place outside of it is the reader's mistake.
ReadAt ReaderOf(const std::string& bytes) {
  return [&bytes](int64_t offset, int64_t size) -> absl::StatusOr<std::string> {
    if (offset < 0 || size < 0 || offset + size > static_cast<int64_t>(bytes.size())) {
      ADD_FAILURE() << offset << " " << size << " of " << bytes.size();
      return absl::OutOfRangeError("outside");
    }
    return bytes.substr(static_cast<size_t>(offset), static_cast<size_t>(size));
  };
}

absl::StatusOr<std::string> MetadataOf(const std::string& wheel) {
  return WheelMetadata(ReaderOf(wheel), static_cast<int64_t>(wheel.size()));
}

const std::string kMetadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";

TEST(PackageTextsTest, MetadataOfWheels) {
  for (const bool deflated : {true, false}) {
    for (const std::string& comment : {std::string(), std::string(60'000, 'c')}) {
      const auto text = MetadataOf(ZipOf({{"demo/__init__.py", std::string(5000, 'x')},
                                          {"demo-1.0.dist-info/METADATA", kMetadata},
                                          {"demo/x.dist-info/METADATA", "not this one"},
                                          {"demo-1.0.dist-info/RECORD", ""}},
                                         deflated, comment));
      ASSERT_OK(text);
      EXPECT_EQ(*text, kMetadata);
    }
  }
}

TEST(PackageTextsTest, AWheelWithoutMetadataOrWithSeveral) {
  EXPECT_TRUE(absl::IsNotFound(MetadataOf(ZipOf({{"demo/__init__.py", ""}})).status()));
  EXPECT_TRUE(absl::IsNotFound(
      MetadataOf(ZipOf({{"a.dist-info/METADATA", ""}, {"b.dist-info/METADATA", ""}})).status()));
}

// A bomb says that it is small, or that it is large: neither fills the memory.
TEST(PackageTextsTest, WhatAMemberSaysOfItsSizeIsNotBelieved) {
  const std::string wheel = ZipOf({{"demo.dist-info/METADATA", std::string(1 << 20, 'a')}});
  // Its size in the directory: 4 bytes, 24 behind the mark.
  const size_t at = wheel.rfind("PK\1\2") + 24;
  for (const uint32_t size : {10U, 0xfffffff0U, (1U << 20) + 1}) {
    std::string lying = wheel;
    std::string number;
    AppendLittle(number, size, 4);
    lying.replace(at, 4, number);
    EXPECT_FALSE(MetadataOf(lying).ok()) << size;
  }
}

// Each cut and each byte that is another: an error or the same text, never a read outside.
TEST(PackageTextsTest, DamagedArchives) {
  const std::string wheel = ZipOf({{"demo-1.0.dist-info/METADATA", kMetadata}, {"demo/a.py", "x"}});
  for (size_t size = 0; size < wheel.size(); ++size) EXPECT_FALSE(MetadataOf(wheel.substr(0, size)).ok());
  for (size_t at = 0; at < wheel.size(); ++at) {
    std::string damaged = wheel;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    const auto text = MetadataOf(damaged);
    EXPECT_TRUE(!text.ok() || *text == kMetadata) << at;
  }
}

TEST(PackageTextsTest, TextsOfSources) {
  const std::string tar = TarText()
                              .Add("demo-1.0", layer::EntryType::kDirectory)
                              .Add("demo-1.0/src/PKG-INFO", layer::EntryType::kFile, "not this one")
                              .Add("demo-1.0/pyproject.toml", layer::EntryType::kFile, "[build-system]\n")
                              .Add("demo-1.0/PKG-INFO", layer::EntryType::kFile, kMetadata)
                              .Finish();
  const auto texts = ReadSourceTar(layer::SourceOf(tar));
  ASSERT_OK(texts);
  EXPECT_EQ(texts->pkg_info, kMetadata);
  EXPECT_EQ(texts->pyproject, "[build-system]\n");
  const std::string zip = ZipOf({{"demo-1.0/PKG-INFO", kMetadata}, {"demo-1.0/setup.py", ""}});
  const auto zipped = ReadSourceZip(ReaderOf(zip), static_cast<int64_t>(zip.size()));
  ASSERT_OK(zipped);
  EXPECT_EQ(zipped->pkg_info, kMetadata);
  EXPECT_FALSE(zipped->pyproject.has_value());
  EXPECT_FALSE(ReadSourceTar(layer::SourceOf("no archive at all")).ok());
}

}  // namespace
}  // namespace crossmill::package_archive
