#include "common/compare/file_comparison.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace crossmill::compare {
namespace {

v1::FileDifference Compare(const std::string& first, const std::string& second,
                           const std::string& path = "file", const CompareLimits& limits = {}) {
  StringContent ours(first), theirs(second);
  auto file = CompareContents(path, ours, theirs, limits, {});
  EXPECT_OK(file);
  return file.ok() ? *file : v1::FileDifference();
}

// "INSIDE/INSIDE: PLACE = FIRST | SECOND" of each, a line each.
std::string Told(const v1::FileDifference& file) {
  std::string text;
  for (const v1::ContentDifference& each : file.differences()) {
    for (const std::string& part : each.inside()) text += part + ": ";
    text += each.place() + " = " + each.first() + " | " + each.second() +
            (each.derived() ? " (derived)" : "") + "\n";
  }
  return text;
}

struct Entry {
  std::string name;
  std::string content;
  int64_t mtime = 1000;
  int uid = 0;
  int mode = 0644;
};

std::string Pack(int (*format)(archive*), const std::vector<Entry>& entries) {
  std::vector<char> buffer(1 << 20);
  size_t used = 0;
  archive* writer = archive_write_new();
  format(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  EXPECT_EQ(archive_write_open_memory(writer, buffer.data(), buffer.size(), &used), ARCHIVE_OK);
  for (const Entry& each : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, each.name.c_str());
    archive_entry_set_size(entry, static_cast<int64_t>(each.content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, static_cast<unsigned>(each.mode));
    archive_entry_set_mtime(entry, each.mtime, 0);
    archive_entry_set_uid(entry, each.uid);
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    archive_write_data(writer, each.content.data(), each.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return {buffer.data(), used};
}
std::string Tar(const std::vector<Entry>& entries) { return Pack(archive_write_set_format_ustar, entries); }
std::string Zip(const std::vector<Entry>& entries) { return Pack(archive_write_set_format_zip, entries); }
std::string Ar(const std::vector<Entry>& entries) { return Pack(archive_write_set_format_ar_svr4, entries); }
std::string Cpio(const std::vector<Entry>& entries) {
  return Pack(archive_write_set_format_cpio_newc, entries);
}

std::string Gzip(const std::string& text, uint32_t time = 0, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  gz_header header{};
  header.time = time;
  deflateSetHeader(&stream, &header);
  std::string bytes(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return bytes;
}

TEST(FileComparisonTest, TextByLines) {
  const v1::FileDifference file = Compare("a\nb 1\nc\nd 1\ne\n", "a\nb 2\nc\nd 2\ne\n");
  EXPECT_EQ(file.format(), "text");
  EXPECT_EQ(Told(file), "line 2 = b 1 | b 2\nline 4 = d 1 | d 2\n");
  EXPECT_EQ(file.differences(0).first_offset(), 2);
  EXPECT_EQ(Told(Compare("a\nb\nc\n", "c\nb\na\n")), "order of lines, from line 1 on = a | c\n");
  EXPECT_EQ(Told(Compare("a\nb\n", "a\nx\nb\n")), "1 more lines, from line 2 on =  | x\n");
  EXPECT_EQ(Told(Compare("a\n", "a")), "end of the last line = \n | a\n");
  EXPECT_EQ(Told(Compare("", "a\n")), "1 more lines, from line 1 on =  | a\n");
}

TEST(FileComparisonTest, ALongLineIsShownAroundItsDifference) {
  const std::string line(5000, 'x');
  const v1::FileDifference file = Compare(line + "A" + line, line + "B" + line);
  ASSERT_EQ(file.differences_size(), 1);
  EXPECT_NE(file.differences(0).first().find('A'), std::string::npos);
  EXPECT_LE(file.differences(0).first().size(), kMostBytesTold);
}

TEST(FileComparisonTest, OtherBytesByRuns) {
  std::string first(200, '\0');
  std::string second = first;
  second[50] = 1;
  second[52] = 1;
  second[150] = 1;
  const v1::FileDifference file = Compare(first, second);
  EXPECT_EQ(file.format(), "binary");
  ASSERT_EQ(file.differences_size(), 2);
  EXPECT_EQ(file.differences(0).place(), "bytes 50 to 52");
  EXPECT_EQ(file.differences(1).place(), "byte 150");
  EXPECT_EQ(file.differences(0).second()[50 - file.differences(0).second_offset()], 1);
  EXPECT_EQ(Compare(first, first + std::string(3, '\1')).differences(0).place(), "3 more bytes at the end");
}

TEST(FileComparisonTest, FieldsOfMembers) {
  struct Format {
    std::string (*pack)(const std::vector<Entry>&);
    std::string name;
    bool owner;
  };
  for (const auto& [pack, name, owner] : {Format{Tar, "tar", true}, Format{Zip, "zip", false},
                                          Format{Ar, "ar", true}, Format{Cpio, "cpio", true}}) {
    const v1::FileDifference time =
        Compare(pack({{"a", "1", 1000}, {"b", "2", 1000}}), pack({{"a", "1", 3000}, {"b", "2", 3000}}));
    EXPECT_EQ(time.format(), name);
    EXPECT_EQ(Told(time), name + ": time of member a and of 1 more members = 1000 | 3000\n");
    EXPECT_EQ(time.differences(0).cause().class_(), "archive-time");
    const v1::FileDifference mode =
        Compare(pack({{"a", "1", 1000, 0, 0644}}), pack({{"a", "1", 1000, 0, 0600}}));
    EXPECT_EQ(mode.differences(0).cause().class_(), "member-mode") << name;
    const v1::FileDifference order = Compare(pack({{"a", "1"}, {"b", "2"}}), pack({{"b", "2"}, {"a", "1"}}));
    EXPECT_EQ(Told(order), name + ": order of members, from member 1 on = a | b\n");
    const v1::FileDifference content = Compare(pack({{"a", "one\n"}}), pack({{"a", "two\n"}}));
    EXPECT_EQ(Told(content), name + ": member a: line 1 = one | two\n");
    const v1::FileDifference alone = Compare(pack({{"a", "1"}}), pack({{"a", "1"}, {"c", "2"}}));
    EXPECT_EQ(Told(alone), name + ": member c =  | c\n");
    if (!owner) continue;
    const v1::FileDifference other = Compare(pack({{"a", "1", 1000, 5}}), pack({{"a", "1", 1000, 6}}));
    EXPECT_EQ(other.differences(0).cause().class_(), "member-owner") << name;
  }
}

TEST(FileComparisonTest, Gzip) {
  const v1::FileDifference time = Compare(Gzip("text\n", 1000), Gzip("text\n", 2000));
  EXPECT_EQ(time.format(), "gzip");
  EXPECT_EQ(Told(time), "time in the gzip header = 1000 | 2000\n");
  EXPECT_EQ(Told(Compare(Gzip("one\n"), Gzip("two\n"))), "gzip: line 1 = one | two\n");
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * i);
  const v1::FileDifference level = Compare(Gzip(text, 0, 1), Gzip(text, 0, 6));
  EXPECT_EQ(level.differences(level.differences_size() - 1).cause().class_(), "compressor");
}

TEST(FileComparisonTest, ArchivesWithinArchives) {
  const std::string first = Tar({{"d/x.zip", Zip({{"inner", "one\n"}})}});
  const std::string second = Tar({{"d/x.zip", Zip({{"inner", "two\n"}})}});
  EXPECT_EQ(Told(Compare(Gzip(first), Gzip(second))),
            "gzip: tar: member d/x.zip: zip: member inner: line 1 = one | two\n");
}

TEST(FileComparisonTest, CompiledPython) {
  const std::string magic("\xa7\x0d\r\n", 4);
  const auto pyc = [&](const std::string& flags, const std::string& time, const std::string& code) {
    return magic + flags + time + std::string("\x05\0\0\0", 4) + code;
  };
  const std::string by_time(4, '\0');
  const v1::FileDifference time = Compare(pyc(by_time, std::string("\x01\0\0\0", 4), "code"),
                                          pyc(by_time, std::string("\x02\0\0\0", 4), "code"), "a.pyc");
  EXPECT_EQ(time.format(), "pyc");
  EXPECT_EQ(Told(time), "time of the source in the header = 1 | 2\n");
  const v1::FileDifference code = Compare(pyc(by_time, std::string(4, '\1'), "code"),
                                          pyc(by_time, std::string(4, '\1'), "cODE"), "a.pyc");
  ASSERT_EQ(code.differences_size(), 1);
  EXPECT_EQ(code.differences(0).inside(0), "code");
}

// Whatever is cut off or turned over: it ends, and something is told.
TEST(FileComparisonTest, DamagedFilesAreComparedAsBytes) {
  const std::vector<std::string> samples = {Tar({{"a", "one"}, {"b", std::string(600, 'b')}}),
                                            Zip({{"a", "one"}, {"b", "two"}}), Ar({{"a", "one"}}),
                                            Cpio({{"a", "one"}}), Gzip("some text\n", 7)};
  for (const std::string& sample : samples) {
    for (size_t cut = 1; cut < sample.size(); cut += std::max<size_t>(1, sample.size() / 60)) {
      EXPECT_GT(Compare(sample, sample.substr(0, cut)).differences_size(), 0) << cut;
      std::string turned = sample;
      turned[cut] = static_cast<char>(~turned[cut]);
      EXPECT_GT(Compare(sample, turned).differences_size(), 0) << cut;
    }
  }
}

TEST(FileComparisonTest, WhatUnpacksToTooMuchIsSaidToBeIncomplete) {
  CompareLimits limits;
  limits.member_bytes = 100'000;
  const v1::FileDifference bomb =
      Compare(Gzip(std::string(10 << 20, 'a')), Gzip(std::string(10 << 20, 'b')), "file", limits);
  EXPECT_TRUE(bomb.incomplete());
  EXPECT_GT(bomb.differences_size(), 0);
}

TEST(FileComparisonTest, NestingEnds) {
  std::string first = "one\n", second = "two\n";
  for (int i = 0; i < 20; ++i) {
    first = Gzip(first);
    second = Gzip(second);
  }
  const v1::FileDifference file = Compare(first, second);
  EXPECT_TRUE(file.incomplete());
  EXPECT_GT(file.differences_size(), 0);
}

TEST(FileComparisonTest, NoMoreDifferencesThanMayBeTold) {
  std::string first, second;
  for (int i = 0; i < 1000; ++i) {
    first += "a\n";
    second += "b\n";
  }
  CompareLimits limits;
  limits.differences = 5;
  const v1::FileDifference file = Compare(first, second, "file", limits);
  EXPECT_EQ(file.differences_size(), 5);
  EXPECT_TRUE(file.incomplete());
}

// A line costs more memory than its bytes.
TEST(FileComparisonTest, TextOfVeryManyLinesIsComparedAsBytes) {
  const v1::FileDifference file = Compare(std::string(3'000'000, '\n'), std::string(3'000'000, '\n') + "x");
  EXPECT_EQ(file.format(), "binary");
  EXPECT_EQ(file.differences_size(), 1);
}

TEST(FileComparisonTest, LargeFilesAreReadInPieces) {
  CompareLimits limits;
  limits.member_bytes = 1000;
  std::string first(5000, 'a');
  std::string second = first;
  second[4321] = 'b';
  const v1::FileDifference file = Compare(first, second, "file", limits);
  ASSERT_EQ(file.differences_size(), 1);
  EXPECT_EQ(file.differences(0).place(), "byte 4321");
  EXPECT_TRUE(file.incomplete());
}

TEST(FileComparisonTest, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  StringContent first("a"), second("b");
  EXPECT_TRUE(absl::IsCancelled(CompareContents("file", first, second, {}, stop.get_token()).status()));
}

}  // namespace
}  // namespace crossmill::compare
