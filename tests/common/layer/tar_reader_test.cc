#include "common/layer/tar_reader.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/layer/ustar.h"
#include "tests/common/layer/command.h"
#include "tests/common/layer/sample_tree.h"

namespace crossmill::layer {
namespace {

// A header block with a right checksum.
std::string Block(std::string_view name, char type, int64_t size, std::string_view link = "") {
  std::string block(ustar::kBlock, '\0');
  name.copy(block.data(), ustar::kName.length);
  link.copy(block.data() + ustar::kLink.position, ustar::kLink.length);
  for (const ustar::Field field : {ustar::kUid, ustar::kGid, ustar::kMtime})
    ustar::PutOctal(block.data(), field, 0);
  ustar::PutOctal(block.data(), ustar::kMode, 0644);
  ustar::PutOctal(block.data(), ustar::kSize, size);
  block[ustar::kType] = type;
  ustar::kMagicUstar.copy(block.data() + ustar::kMagic.position, ustar::kMagic.length);
  return block;
}

std::string Sealed(std::string block) {
  ustar::PutOctal(block.data(), ustar::kChecksum, ustar::ChecksumOf(block.data()).as_unsigned);
  return block;
}

std::string Padded(std::string text) {
  text.resize((text.size() + ustar::kBlock - 1) / ustar::kBlock * ustar::kBlock);
  return text;
}

// A pax header of that type with those records (written as given), then a file "name" without content.
std::string WithPax(char type, const std::string& records) {
  return Sealed(Block("pax", type, static_cast<int64_t>(records.size()))) + Padded(records) +
         Sealed(Block("name", '0', 0));
}

TarEntry ReadOne(std::string_view tar) {
  auto tree = ReadTar(tar);
  EXPECT_OK(tree);
  if (!tree.ok() || tree->size() != 1) {
    ADD_FAILURE() << "not one entry";
    return TarEntry();
  }
  return tree->front().entry;
}

void ExpectMalformed(std::string_view tar, std::string_view reason) {
  auto tree = ReadTar(tar);
  EXPECT_EQ(tree.status().code(), absl::StatusCode::kInvalidArgument) << tree.status();
  EXPECT_NE(Sv(tree.status().message()).find(reason), std::string_view::npos) << tree.status();
  EXPECT_NE(Sv(tree.status().message()).find("offset"), std::string_view::npos) << tree.status();
}

TEST(TarReaderTest, FormatsOfOtherProgramsAreRead) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const char* script = R"(
import sys, tarfile, io
fmt = {'gnu': tarfile.GNU_FORMAT, 'pax': tarfile.PAX_FORMAT}[sys.argv[1]]
with tarfile.open(sys.argv[2], 'w', format=fmt, pax_headers={'comment': 'global'} if fmt == tarfile.PAX_FORMAT else None) as t:
    f = tarfile.TarInfo('./' + 'd' * 90 + '/' + 'f' * 200)
    f.size, f.uid, f.gid, f.mtime, f.mode = 5, 3000000, 7, 10**10, 0o4711
    f.uname = f.gname = 'somebody'
    t.addfile(f, io.BytesIO(b'hello'))
    l = tarfile.TarInfo('link'); l.type = tarfile.SYMTYPE; l.linkname = 'x' * 180
    t.addfile(l)
    h = tarfile.TarInfo('/hard'); h.type = tarfile.LNKTYPE; h.linkname = f.name
    t.addfile(h)
    n = tarfile.TarInfo('old'); n.mtime = -5.5 if fmt == tarfile.PAX_FORMAT else -6
    t.addfile(n)
)";
  for (const char* format : {"gnu", "pax"}) {
    auto made = RunCommand({"python3", "-c", script, format, folder->Path("t.tar")});
    ASSERT_OK(made);
    ASSERT_EQ(made->exit_code, 0) << made->stderr_text;
    auto tree = ReadTar(*ReadFile(folder->Path("t.tar")));
    ASSERT_OK(tree);
    ASSERT_EQ(tree->size(), 4u);
    const TarEntry& file = (*tree)[0].entry;
    EXPECT_EQ(file.path, std::string(90, 'd') + "/" + std::string(200, 'f'));
    EXPECT_EQ((*tree)[0].content, "hello");
    EXPECT_EQ(file.uid, 3000000u);
    EXPECT_EQ(file.gid, 7u);
    EXPECT_EQ(file.mtime, 10'000'000'000);
    EXPECT_EQ(file.mode, 04711u);
    EXPECT_EQ((*tree)[1].entry.link, std::string(180, 'x'));
    EXPECT_EQ((*tree)[2].entry.path, "hard");
    EXPECT_EQ((*tree)[2].entry.type, EntryType::kHardLink);
    EXPECT_EQ((*tree)[2].entry.link, file.path);
    EXPECT_EQ((*tree)[3].entry.mtime, -6) << format;
  }
}

TEST(TarReaderTest, TarOfAFolderByGnuTarIsRead) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(MakeFolders(folder->Path("in/a/b")));
  ASSERT_OK(WriteFileAtomic(folder->Path("in/a/file"), "content"));
  for (const char* format : {"v7", "oldgnu", "gnu", "ustar", "posix"}) {
    auto made = RunCommand({"tar", fmt::format("--format={}", format), "-C", folder->Path("in"), "-cf",
                            folder->Path("t.tar"), "."});
    ASSERT_OK(made);
    ASSERT_EQ(made->exit_code, 0) << made->stderr_text;
    auto tree = ReadTar(*ReadFile(folder->Path("t.tar")));
    ASSERT_OK(tree);
    ASSERT_EQ(tree->size(), 3u) << format;  // "./" is left out.
    std::map<std::string, const SampleEntry*> by_path;
    for (const SampleEntry& sample : *tree) by_path[sample.entry.path] = &sample;
    ASSERT_TRUE(by_path.contains("a/file") && by_path.contains("a/b")) << format;
    EXPECT_EQ(by_path["a/file"]->content, "content");
    EXPECT_EQ(by_path["a/b"]->entry.type, EntryType::kDirectory) << format;
  }
}

TEST(TarReaderTest, PathsAreNormalised) {
  for (const char* path : {"a/b", "./a/b", "/a/b", "//a//./b", "a/b/."}) {
    EXPECT_EQ(ReadOne(Sealed(Block(path, '0', 0))).path, "a/b") << path;
  }
  ExpectMalformed(Sealed(Block("a/../b", '0', 0)), "'..' component");
  ExpectMalformed(Sealed(Block("..", '5', 0)), "'..' component");
  ExpectMalformed(Sealed(Block("", '0', 0)), "no name");
  ExpectMalformed(Sealed(Block("./", '2', 0, "x")), "root is not a directory");
  EXPECT_EQ(ReadOne(Sealed(Block("/", '5', 0)) + Sealed(Block("x", '0', 0))).path, "x");
  // Names that only look like ".." are names.
  EXPECT_EQ(ReadOne(Sealed(Block("..a/b..", '0', 0))).path, "..a/b..");
}

TEST(TarReaderTest, LinksAreChecked) {
  EXPECT_EQ(ReadOne(Sealed(Block("a", '1', 99, "./b"))).link, "b");
  EXPECT_EQ(ReadOne(Sealed(Block("a", '2', 0, "../../b/"))).link, "../../b/");
  ExpectMalformed(Sealed(Block("a", '1', 0, "../b")), "hard link");
  ExpectMalformed(Sealed(Block("a", '1', 0, "")), "hard link");
  ExpectMalformed(Sealed(Block("a", '2', 0, "")), "no target");
}

TEST(TarReaderTest, PaxRecordsOverrideAndGlobalOnesLast) {
  EXPECT_EQ(ReadOne(WithPax('x', "14 path=a/new\n")).path, "a/new");
  EXPECT_EQ(ReadOne(WithPax('x', "13 uid=70000\n")).uid, 70000u);
  EXPECT_EQ(ReadOne(WithPax('x', "14 mtime=-0.5\n")).mtime, -1);
  EXPECT_EQ(ReadOne(WithPax('x', "20 mtime=1234567.99\n")).mtime, 1234567);
  EXPECT_EQ(ReadOne(WithPax('x', "26 SCHILY.xattr.user.a=b\n\n")).xattrs.at("user.a"), "b\n");
  EXPECT_EQ(ReadOne(WithPax('g', "13 uid=70000\n")).uid, 70000u);
  // A local record, also an empty one, wins over the global one.
  const std::string global = Sealed(Block("g", 'g', 13)) + Padded("13 uid=70000\n");
  EXPECT_EQ(ReadOne(global + WithPax('x', "9 uid=71\n")).uid, 71u);
  EXPECT_EQ(ReadOne(global + WithPax('x', "7 uid=\n")).uid, 0u);
}

TEST(TarReaderTest, MalformedExtendedHeadersAreRefused) {
  for (const std::string& records :
       std::vector<std::string>{"x", "99 path=a\n", "0 path=a\n", "-5 path=a\n", "9 path=a", "5 a\n\n",
                                "4 =\n", "11 path=ab\n9", "18446744073709551616 path=a\n", " 9 path=a\n"}) {
    ExpectMalformed(WithPax('x', records), "pax record");
  }
  ExpectMalformed(WithPax('x', std::string("10 path=a\0\n", 11).replace(0, 2, "11")), "NUL");
  ExpectMalformed(WithPax('x', "9 uid=-1\n"), "uid");
  ExpectMalformed(WithPax('x', "18 uid=4294967295\n"), "uid");
  ExpectMalformed(WithPax('x', "30 size=9223372036854775807\n"), "pax record");
  ExpectMalformed(WithPax('x', "28 size=9223372036854775807\n"), "size");
  ExpectMalformed(WithPax('x', "22 GNU.sparse.major=1\n"), "sparse");
  ExpectMalformed(Sealed(Block("x", 'x', 5 << 20)), "extended header of");
  ExpectMalformed(Sealed(Block("x", 'L', 65 << 10)), "extended header of");
  const std::string pax = WithPax('x', "11 path=ab\n");
  ExpectMalformed(pax.substr(0, 1024), "followed by no entry");
  ExpectMalformed(pax.substr(0, 1024) + std::string(1024, '\0'), "followed by no entry");
}

TEST(TarReaderTest, MalformedHeadersAreRefused) {
  ExpectMalformed(Block("a", '0', 0), "checksum");
  ExpectMalformed(std::string(512, 'x'), "checksum");
  ExpectMalformed(std::string(100, 'x'), "ends early");
  ExpectMalformed(Sealed(Block("a", 'S', 0)), "type 'S'");
  ExpectMalformed(Sealed(Block("a", 'V', 0)), "type 'V'");
  std::string bad = Block("a", '0', 0);
  bad[ustar::kSize.position] = '9';
  ExpectMalformed(Sealed(bad), "size is not a number");
  std::string negative = Block("a", '0', 0);
  std::memset(negative.data() + ustar::kSize.position, 0xff, ustar::kSize.length);
  ExpectMalformed(Sealed(negative), "size -1 is out of range");
  std::string huge = Block("a", '0', 0);
  std::memset(huge.data() + ustar::kSize.position, 0x7f, ustar::kSize.length);
  huge[ustar::kSize.position] = '\x80';
  ExpectMalformed(Sealed(huge), "size is not a number");
  ExpectMalformed(std::string(512, '\0') + Sealed(Block("a", '0', 0)), "followed by more");
}

TEST(TarReaderTest, EveryTruncationIsNoticedOrAtABlockBoundary) {
  const auto [tar, manifest] = WriteLayer(SampleTree());
  for (size_t size = 0; size < tar.size(); size += 37) {
    auto tree = ReadTar(std::string_view(tar).substr(0, size));
    if (tree.ok()) {
      EXPECT_EQ(size % ustar::kBlock, 0u);
    } else {
      EXPECT_EQ(tree.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST(TarReaderTest, SkippedContentAndSmallReadsGiveTheSameEntries) {
  const std::vector<SampleEntry> tree = SampleTree();
  const auto [tar, manifest] = WriteLayer(tree);
  std::string_view rest = tar;
  TarReader reader([&rest](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    const size_t count = rest.copy(buffer, std::min<size_t>(size, 7));
    rest.remove_prefix(count);
    return count;
  });
  size_t count = 0;
  while (true) {
    auto entry = reader.Next();
    ASSERT_OK(entry);
    if (!entry->has_value()) break;
    ++count;
  }
  EXPECT_EQ(count, tree.size());
}

TEST(TarReaderTest, SourceIsReadToItsEnd) {
  // So that a blob's reader can say that the digest is wrong.
  std::string tar(10240, '\0');
  bool asked = false;
  std::string_view rest = tar;
  TarReader reader([&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    const size_t count = rest.copy(buffer, std::min<size_t>(size, 512));
    rest.remove_prefix(count);
    if (count == 0) asked = true;
    if (count == 0) return absl::DataLossError("wrong digest");
    return count;
  });
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace crossmill::layer
