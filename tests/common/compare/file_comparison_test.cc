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

std::string Pack(int (*format)(archive*), const std::vector<Entry>& entries, const std::string& level = "",
                 bool large = false) {
  std::vector<char> buffer(1 << 20);
  size_t used = 0;
  archive* writer = archive_write_new();
  format(writer);
  if (!level.empty()) {
    EXPECT_EQ(archive_write_set_format_option(writer, "zip", "compression-level", level.c_str()), ARCHIVE_OK);
  }
  if (large) {
    EXPECT_EQ(archive_write_set_format_option(writer, "zip", "zip64", "1"), ARCHIVE_OK);
  }
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

// A zip of one stored member "a" whose directory entry has this extra field and attributes, the header before
// it these extra fields; and what stands behind it.
std::string ZipWithDirectory(const std::string& extra, char attributes, uint32_t time = 0x21,
                             const std::string& local_extra = "", const std::string& behind = "") {
  const auto number = [](uint32_t value, int width) {
    std::string bytes;
    for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  constexpr uint32_t kCrcOfOne = 0x83dcefb7;
  const std::string sizes = number(kCrcOfOne, 4) + number(1, 4) + number(1, 4);
  const std::string common =
      number(20, 2) + number(0, 2) + number(0, 2) + number(time, 4) + sizes + number(1, 2);
  const std::string local = "PK\x03\x04" + common + number(static_cast<uint32_t>(local_extra.size()), 2) +
                            "a" + local_extra + "1" + behind;
  const std::string entry =
      "PK\x01\x02" + number(20, 2) + common + number(static_cast<uint32_t>(extra.size()), 2) + number(0, 2) +
      number(0, 2) + number(0, 2) + std::string(1, attributes) + number(0, 3) + number(0, 4) + "a" + extra;
  return local + entry + "PK\x05\x06" + number(0, 4) + number(1, 2) + number(1, 2) +
         number(static_cast<uint32_t>(entry.size()), 4) + number(static_cast<uint32_t>(local.size()), 4) +
         number(0, 2);
}

TEST(FileComparisonTest, DirectoryOfAZip) {
  const std::string uid("ux\x03\x00\x01\x01\x05", 7), other_uid("ux\x03\x00\x01\x01\x06", 7);
  const v1::FileDifference owner = Compare(ZipWithDirectory(uid, 0), ZipWithDirectory(other_uid, 0));
  ASSERT_EQ(owner.differences_size(), 1) << Told(owner);
  EXPECT_EQ(owner.differences(0).cause().class_(), "member-owner");
  EXPECT_EQ(owner.differences(0).place(), "extra field 0x7875 of member a");
  const v1::FileDifference unknown = Compare(ZipWithDirectory(std::string("zz\x01\x00\x01", 5), 0),
                                             ZipWithDirectory(std::string("zz\x01\x00\x02", 5), 0));
  ASSERT_EQ(unknown.differences_size(), 1) << Told(unknown);
  EXPECT_EQ(unknown.differences(0).cause().class_(), "") << "it is not called a compressor's";
  const v1::FileDifference mode = Compare(ZipWithDirectory("", 1), ZipWithDirectory("", 2));
  ASSERT_EQ(mode.differences_size(), 1) << Told(mode);
  EXPECT_EQ(mode.differences(0).cause().class_(), "member-mode");
}

// Where of each line of Told() it is, without values; an x behind what has a class by its format.
std::string Places(const v1::FileDifference& file) {
  std::string text;
  for (const v1::ContentDifference& each : file.differences()) {
    for (const std::string& part : each.inside()) text += part + ": ";
    text += each.place() + (each.cause().class_().empty() ? "\n" : " x\n");
  }
  return text;
}

// What differs beside times is no matter of how something is packed, and it is not hidden by them.
TEST(FileComparisonTest, BesideTimesOfAZipAllElseIsCompared) {
  constexpr uint32_t kOtherTime = 0x41;
  const std::string one("zz\x01\x00\x01", 5), two("zz\x01\x00\x02", 5);
  const std::string time("UT\x05\x00\x01\x01\x02\x03\x04", 9),
      other_time("UT\x05\x00\x01\x05\x02\x03\x04", 9);
  EXPECT_EQ(Places(Compare(ZipWithDirectory(one, 0), ZipWithDirectory(two, 0, kOtherTime))),
            "zip: time of member a x\nzip: extra field 0x7a7a of member a\n");
  EXPECT_EQ(Places(Compare(ZipWithDirectory("", 0, 0x21, one), ZipWithDirectory("", 0, kOtherTime, two))),
            "zip: time of member a x\nzip: extra field of the header before it 0x7a7a of member a\n");
  EXPECT_EQ(Places(Compare(ZipWithDirectory("", 0, 0x21, "", "one"),
                           ZipWithDirectory("", 0, kOtherTime, "", "two"))),
            "zip: time of member a x\nzip: bytes outside of members: bytes 0 to 2\n");
  EXPECT_EQ(Places(Compare(ZipWithDirectory(time, 0), ZipWithDirectory(other_time, 0, kOtherTime))),
            "zip: time of member a x\n")
      << "the same time in another field";
  EXPECT_EQ(Places(Compare(ZipWithDirectory(time + one, 0), ZipWithDirectory(other_time + two, 0))),
            "zip: extra field 0x5455 of member a x\nzip: extra field 0x7a7a of member a\n")
      << "behind the first that differs";
}

// As programs write what they read from a pipe: fields of 8 bytes for sizes, and an end of its own.
TEST(FileComparisonTest, SizesInALargeZipFollow) {
  const auto zip = [](const std::string& text, int64_t time) {
    return Pack(archive_write_set_format_zip, {{"a", text, time}}, "", true);
  };
  ASSERT_NE(zip("one\n", 1000).find("PK\x06\x06"), std::string::npos);
  EXPECT_EQ(Places(Compare(zip("one\n", 1000), zip("one\ntwo\n", 3000))),
            "zip: time of member a x\nzip: member a: 1 more lines, from line 2 on\n");
  EXPECT_EQ(Places(Compare(zip("one\n", 1000), zip("one\n", 3000))), "zip: time of member a x\n");
}

// Readers find the directory also where its place is another one.
TEST(FileComparisonTest, OfAZipWhoseDirectoryIsElsewhereNotAllIsCompared) {
  const std::string before("PK\x03\x04");
  const v1::FileDifference file =
      Compare(before + ZipWithDirectory("", 0), before + ZipWithDirectory("", 0, 0x41));
  EXPECT_EQ(Places(file), "zip: time of member a x\n");
  EXPECT_TRUE(file.incomplete());
  EXPECT_FALSE(Compare(ZipWithDirectory("", 0), ZipWithDirectory("", 0, 0x41)).incomplete());
}

// With one byte in the header at the beginning in the place of another.
std::string TarWithByte(std::string tar, size_t at, char byte) {
  tar[at] = byte;
  unsigned sum = 0;
  for (size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(tar[i]);
  std::snprintf(&tar[148], 8, "%06o", sum);
  return tar;
}

TEST(FileComparisonTest, BesideTimesOfATarAllElseIsCompared) {
  const std::string first = Tar({{"a", "1", 1000}}), second = Tar({{"a", "1", 3000}});
  const std::string time = "tar: time of member a x\n";
  // What --ignore-zeros reads on.
  EXPECT_EQ(Places(Compare(first + Tar({{"b", "one\n"}}), second + Tar({{"b", "two\n"}}))),
            time + "tar: bytes behind the end: tar: member b: line 1\n");
  EXPECT_EQ(Places(Compare(first, second + Tar({{"b", "two\n"}}))),
            time + "tar: bytes behind the end: 2048 more bytes at the end\n");
  EXPECT_EQ(Places(Compare(first + "one\n", second + "two\n")), time + "tar: bytes behind the end: line 1\n");
  EXPECT_EQ(Places(Compare(first, second + std::string(10240, '\0'))), time) << "blocks that fill it up";
  EXPECT_EQ(Places(Compare(first, TarWithByte(second, 263, '1'))),
            time + "tar: other fields in the header of a: byte 263\n");
  std::string filled = second;
  filled[512 + 100] = 'x';
  EXPECT_EQ(Places(Compare(first, filled)),
            time + "tar: other fields in the header of a: 100 more bytes at the end\n");
  EXPECT_FALSE(Compare(first, second).incomplete());
}

TEST(FileComparisonTest, BesideTimesOfAnArAllElseIsCompared) {
  const std::string first = Ar({{"a", "1", 1000}, {"b", "2"}}), second = Ar({{"a", "1", 3000}, {"b", "2"}});
  const std::string time = "ar: time of member a x\n";
  EXPECT_EQ(Places(Compare(first, second)), time);
  EXPECT_EQ(Places(Compare(first + "one", second + "two")),
            time + "ar: bytes outside of members: bytes 0 to 2\n");
  std::string filled = second;
  filled[filled.find("`\n1") + 3] = 'x';
  EXPECT_EQ(Places(Compare(first, filled)), time + "ar: bytes outside of members: 1 more bytes at the end\n");
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

// `date >> file.gz`: programs pass over it, and it is no matter of the compressor.
TEST(FileComparisonTest, BytesBehindAStreamAreAPartOfTheirOwn) {
  const std::string text = "the same text\n";
  EXPECT_EQ(Told(Compare(Gzip(text) + "first\n", Gzip(text) + "second\n")),
            "bytes behind the gzip stream: line 1 = first | second\n");
  EXPECT_EQ(Told(Compare(Gzip(text, 1000) + "same", Gzip(text, 2000) + "same")),
            "time in the gzip header = 1000 | 2000\n");
  const v1::FileDifference one_sided = Compare(Gzip(text), Gzip(text) + "second\n");
  ASSERT_EQ(one_sided.differences_size(), 1) << Told(one_sided);
  EXPECT_NE(one_sided.differences(0).cause().class_(), "compressor");
  // A further stream is no such thing: it is unpacked, too.
  EXPECT_EQ(Told(Compare(Gzip("a\n") + Gzip("b\n"), Gzip("a\n") + Gzip("c\n"))), "gzip: line 2 = b | c\n");
  EXPECT_EQ(Told(Compare(Gzip("", 1000), Gzip("", 2000))), "time in the gzip header = 1000 | 2000\n");
}

TEST(FileComparisonTest, OnlyAnotherCompressedFormIsTheCompressor) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * i);
  const auto zip = [&](const char* level) {
    return Pack(archive_write_set_format_zip, {{"a", text}}, level);
  };
  const v1::FileDifference level = Compare(zip("1"), zip("9"));
  ASSERT_EQ(level.differences_size(), 1) << Told(level);
  EXPECT_EQ(level.differences(0).cause().class_(), "compressor");
  // The version of the program that wrote it: the directory says so, and nothing is claimed of the bytes.
  std::string other = zip("9");
  other[other.rfind("PK\x01\x02") + 4] = 63;
  const v1::FileDifference version = Compare(zip("9"), other);
  ASSERT_EQ(version.differences_size(), 1) << Told(version);
  EXPECT_EQ(version.differences(0).place(), "version and system of what made it, of member a");
}

TEST(FileComparisonTest, TheLastElementOfAListHasNoComma) {
  const v1::FileDifference order = Compare("[\n \"a\",\n \"b\"\n]\n", "[\n \"b\",\n \"a\"\n]\n");
  ASSERT_EQ(order.differences_size(), 1);
  EXPECT_EQ(order.differences(0).cause().class_(), "order");
  EXPECT_EQ(Compare("a,\nb\n", "a\nb,\n").differences(0).cause().class_(), "") << "nothing moved";
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
TEST(FileComparisonTest, CoverageFiles) {
  const v1::FileDifference stamp = Compare("oncg*22BAAAAsource", "oncg*22BBBBBsource");
  EXPECT_EQ(stamp.format(), "GCOV");
  ASSERT_EQ(stamp.differences_size(), 1);
  EXPECT_EQ(stamp.differences(0).cause().class_(), "random");
  const v1::FileDifference records = Compare("oncg*22BAAAAone", "oncg*22BAAAAtwo");
  ASSERT_EQ(records.differences_size(), 1);
  EXPECT_EQ(records.differences(0).cause().class_(), "");
}

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

// One pax record for each, before a member of its own.
std::string PaxTar(const std::string& key, const std::string& value) {
  const std::string body = " " + key + "=" + value + "\n";
  std::string record = std::to_string(body.size() + 2) + body;
  const std::string plain = Tar({{"a", "x"}});
  std::string header = plain.substr(0, 512);
  header[156] = 'x';
  std::snprintf(&header[124], 12, "%011o", static_cast<unsigned>(record.size()));
  unsigned sum = 0;
  for (size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  std::snprintf(&header[148], 8, "%06o", sum);
  record.resize(512);
  return header + record + plain;
}

// Beside times, too: a capability is no matter of how something is packed.
TEST(FileComparisonTest, AttributesInPaxHeadersAreTold) {
  EXPECT_EQ(Told(Compare(PaxTar("SCHILY.xattr.user.k", "1"), PaxTar("SCHILY.xattr.user.k", "2"))),
            "tar: attributes and comments in pax headers = SCHILY.xattr.user.k=1 of a | "
            "SCHILY.xattr.user.k=2 of a\n");
  EXPECT_EQ(Told(Compare(PaxTar("atime", "111111.1"), PaxTar("atime", "222222.2"))),
            "tar: pax headers = atime=111111.1 | atime=222222.2\n");
}

TEST(FileComparisonTest, TheCommentOfAZipIsTold) {
  const std::string zip = Zip({{"a", "x"}});
  const auto with = [&](const std::string& comment) {
    std::string commented = zip + comment;
    commented[zip.size() - 2] = static_cast<char>(comment.size());
    return commented;
  };
  EXPECT_EQ(Told(Compare(with("one"), with("two"))), "zip: comment of the archive = one | two\n");
}

}  // namespace
}  // namespace crossmill::compare
