// The layer format: golden bytes, round trips, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/common/layer/command.h"
#include "tests/common/layer/sample_tree.h"
#include "tests/support/golden.h"

namespace crossmill::layer {
namespace {

const std::string kGolden = std::string(CROSSMILL_GOLDEN_FOLDER) + "/layers";

TEST(LayerTest, AllTypesHaveTheGoldenBytes) {
  const auto [tar, manifest] = WriteLayer(SampleTree());
  ExpectGolden(kGolden, "all_types.manifest", manifest.Serialize());
  ExpectGolden(kGolden, "all_types.sha256",
               fmt::format("tar {}\nmanifest {}\n", ToString(DigestOf(tar)),
                           ToString(DigestOf(manifest.Serialize()))));
}

TEST(LayerTest, EmptyLayerIsTwoZeroBlocks) {
  const auto [tar, manifest] = WriteLayer({});
  EXPECT_EQ(tar, std::string(1024, '\0'));
  EXPECT_EQ(manifest.Serialize(), "crossmill-manifest 1\n");
  // The digest every tool knows as "empty layer".
  EXPECT_EQ(DigestOf(tar).hash, "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

TEST(LayerTest, ReaderGivesBackWhatWasWritten) {
  const std::vector<SampleEntry> tree = SampleTree();
  const auto [tar, manifest] = WriteLayer(tree);
  auto read = ReadTar(tar);
  ASSERT_OK(read);
  ASSERT_EQ(read->size(), tree.size());
  for (size_t i = 0; i < tree.size(); ++i) {
    TarEntry expected = tree[i].entry;
    if (tree[i].whiteout) {
      expected.path = WhiteoutPath(expected.path);
      expected.mtime = 1'000'000'001;
    }
    EXPECT_EQ((*read)[i].entry, expected) << Printable(expected.path);
    EXPECT_EQ((*read)[i].content, tree[i].content) << Printable(expected.path);
  }
}

TEST(LayerTest, WritingWhatWasReadGivesTheSameBytes) {
  const auto [tar, manifest] = WriteLayer(SampleTree());
  auto read = ReadTar(tar);
  ASSERT_OK(read);
  std::string again;
  CanonicalTarWriter writer(AppendTo(&again));
  for (const SampleEntry& sample : *read) {
    ASSERT_OK(writer.Add(sample.entry));
    ASSERT_OK(writer.Data(sample.content));
  }
  ASSERT_OK(writer.Finish());
  EXPECT_EQ(again, tar);
}

TEST(LayerTest, ManifestRoundTripIsExact) {
  const auto [tar, manifest] = WriteLayer(SampleTree());
  auto parsed = LayerManifest::Parse(manifest.Serialize());
  ASSERT_OK(parsed);
  EXPECT_EQ(*parsed, manifest);
  EXPECT_EQ(parsed->ContentBytes(), manifest.ContentBytes());
}

TEST(LayerTest, OtherProgramsReadTheSame) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::vector<SampleEntry> tree = SampleTree();
  const auto [tar, manifest] = WriteLayer(tree);
  ASSERT_OK(WriteFileAtomic(folder->Path("layer.tar"), tar));
  const char* script = R"(
import sys, tarfile
for m in tarfile.open(sys.argv[1], errors='surrogateescape'):
    print(m.name.encode(errors='surrogateescape').hex(), '%o' % m.mode, m.uid, m.gid, m.size, int(m.mtime),
          m.linkname.encode(errors='surrogateescape').hex(), m.uname + m.gname + '.')
)";
  auto python = RunCommand({"python3", "-c", script, folder->Path("layer.tar")});
  ASSERT_OK(python);
  ASSERT_EQ(python->exit_code, 0) << python->stderr_text;
  const auto hex = [](std::string_view text) {
    std::string out;
    for (const char c : text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
  };
  std::string expected;
  for (const SampleEntry& sample : tree) {
    const TarEntry& e = sample.entry;
    const std::string path = sample.whiteout ? WhiteoutPath(e.path) : e.path;
    expected += fmt::format("{} {:o} {} {} {} {} {} .\n", hex(path), e.mode, e.uid, e.gid, e.size,
                            sample.whiteout ? 1'000'000'001 : e.mtime, hex(e.link));
  }
  EXPECT_EQ(python->stdout_text, expected);
  auto gnu = RunCommand({"tar", "tvf", folder->Path("layer.tar")});
  ASSERT_OK(gnu);
  EXPECT_EQ(gnu->exit_code, 0);
  EXPECT_EQ(gnu->stderr_text, "");
  EXPECT_EQ(static_cast<size_t>(std::count(gnu->stdout_text.begin(), gnu->stdout_text.end(), '\n')),
            tree.size());
}

// Adds the entries; the status of the last one.
absl::Status AddAll(const std::vector<SampleEntry>& tree) {
  std::string tar;
  LayerWriter writer(AppendTo(&tar), 5);
  absl::Status status;
  for (const SampleEntry& sample : tree) {
    EXPECT_OK(status);
    status = sample.whiteout ? writer.AddWhiteout(sample.entry.path)
                             : writer.Add(sample.entry, SourceOf(sample.content));
  }
  return status;
}

void ExpectRefused(const std::vector<SampleEntry>& tree, std::string_view reason) {
  const absl::Status status = AddAll(tree);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(Sv(status.message()).find(reason), std::string_view::npos) << status;
}

TEST(LayerTest, DisorderIsRefused) {
  ExpectRefused({File("b", ""), File("a", "")}, "cannot follow 'b'");
  ExpectRefused({File("a", ""), File("a", "")}, "cannot follow 'a'");
  // Component order: what is in "a" comes before "a-b".
  ExpectRefused({Folder("a"), File("a-b", ""), File("a/b", "")}, "cannot follow 'a-b'");
  EXPECT_OK(AddAll({Folder("a"), File("a/b", ""), File("a-b", "")}));
  // The removal sorts by the name it has in the tar.
  ExpectRefused({File("a/b", ""), Whiteout("a/c")}, "cannot follow 'a/b'");
  EXPECT_OK(AddAll({Whiteout("a/c"), File("a/b", "")}));
}

TEST(LayerTest, EntryBelowAFileIsRefused) {
  ExpectRefused({File("a", ""), File("a/b", "")}, "cannot follow 'a'");
  ExpectRefused({File("a", ""), Whiteout("a/b")}, "cannot follow 'a'");
}

TEST(LayerTest, WhiteoutNamesAreReserved) {
  ExpectRefused({File(".wh.a", "")}, ".wh.");
  ExpectRefused({Folder("a/.wh.b")}, ".wh.");
  ExpectRefused({File(".wh.a/b", "")}, ".wh.");
  EXPECT_OK(AddAll({File("x.wh.a", "")}));
}

TEST(LayerTest, HardLinkFollowsItsTarget) {
  ExpectRefused({Special("b", EntryType::kHardLink, "a")}, "no such entry");
  ExpectRefused({Folder("a"), Special("b", EntryType::kHardLink, "a", 0755)}, "target is a directory");
  ExpectRefused(
      {File("a", ""), Special("b", EntryType::kHardLink, "a"), Special("c", EntryType::kHardLink, "b")},
      "target is a hard link");
  ExpectRefused({File("a", "", 0600), Special("b", EntryType::kHardLink, "a")}, "differ");
  EXPECT_OK(AddAll({Special("a", EntryType::kFifo), Special("b", EntryType::kHardLink, "a")}));
}

TEST(LayerTest, EntriesOutOfFormAreRefused) {
  for (const char* path : {"", "/a", "a/", "a//b", "./a", "a/..", ".."}) {
    EXPECT_EQ(AddAll({File(path, "")}).code(), absl::StatusCode::kInvalidArgument) << path;
  }
  ExpectRefused({File(std::string("a\0b", 3), "")}, "NUL");
  SampleEntry early = File("a", "");
  early.entry.mtime = -1;
  ExpectRefused({early}, "before 1970");
  SampleEntry link = Special("a", EntryType::kSymlink, "x");
  link.entry.mode = 0644;
  ExpectRefused({link}, "mode 0777");
  SampleEntry sized = Folder("a");
  sized.entry.size = 1;
  ExpectRefused({sized}, "size 1");
  SampleEntry named = File("a", "");
  named.entry.xattrs["user.a=b"] = "";
  ExpectRefused({named}, "xattr");
  SampleEntry nobody = File("a", "");
  nobody.entry.uid = 4294967295;
  ExpectRefused({nobody}, "owner");
}

TEST(LayerTest, FileThatChangesWhileReadIsReported) {
  for (const char* content : {"short", "much longer than said"}) {
    std::string tar;
    LayerWriter writer(AppendTo(&tar), 5);
    SampleEntry sample = File("log", "ten bytes!");
    const absl::Status status = writer.Add(sample.entry, SourceOf(content));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(Sv(status.message()).find("'log' changed while it was read"), std::string_view::npos) << status;
  }
}

TEST(LayerTest, SinkErrorsComeBack) {
  CanonicalTarWriter writer([](std::string_view) { return absl::ResourceExhaustedError("disk full"); });
  SampleEntry file = File("a", std::string(1 << 20, 'x'));
  ASSERT_OK(writer.Add(file.entry));
  EXPECT_EQ(writer.Data(file.content).code(), absl::StatusCode::kResourceExhausted);
}

TEST(LayerTest, MissingContentIsNoticed) {
  std::string tar;
  CanonicalTarWriter writer(AppendTo(&tar));
  ASSERT_OK(writer.Add(File("a", "abc").entry));
  ASSERT_OK(writer.Data("ab"));
  EXPECT_EQ(writer.Add(File("b", "").entry).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writer.Finish().code(), absl::StatusCode::kInvalidArgument);
}

TEST(LayerManifestTest, OnlyTheCanonicalFormParses) {
  const std::string header = "crossmill-manifest 1\n";
  const std::string hash(64, 'a');
  const auto parse = [&](const std::string& lines) { return LayerManifest::Parse(header + lines).status(); };
  EXPECT_OK(parse("f 0644 0 0 1 5 " + hash + " a\n"));
  EXPECT_OK(parse("w 0000 0 0 0 5 - a\n"));
  const std::vector<std::string> bad = {
      "f 644 0 0 1 5 " + hash + " a\n",                   // Mode without its zero.
      "f 0644 00 0 1 5 " + hash + " a\n",                 // Leading zero.
      "f 0644 0 0 1 5 " + hash + " a",                    // No line end.
      "f 0644 0 0 1 5 " + hash + " a \n",                 // Trailing space.
      "f 0644 0 0 1 5 - a\n",                             // File without digest.
      "d 0755 0 0 0 5 " + hash + " a\n",                  // Directory with one.
      "f 0644 0 0 1 5 " + std::string(64, 'A') + " a\n",  // Upper case.
      "f 0644 0 0 1 5 " + hash + " \\x61\n",              // Needless escape.
      "f 0644 0 0 1 5 " + hash + " \\xFF\n",              // Upper-case escape.
      "f 0644 0 0 1 5 " + hash + " \xff\n",               // Missing escape.
      "f 0644 0 0 -1 5 " + hash + " a\n",                 // Negative size.
      "f 0644 0 0 1 -5 " + hash + " a\n",                 // Negative time.
      "f 0644 4294967296 0 1 5 " + hash + " a\n",         // Owner over 32 bits.
      "l 0777 0 0 0 5 - a\n",                             // Symlink without target.
      "c 0644 0 0 0 5 - a\n",                             // Device without numbers.
      "f 0644 0 0 1 5 " + hash + " a -> b\n",             // File with a target.
      "d 0755 0 0 0 5 - a xattr\n",                       // No xattr after the word.
      "d 0755 0 0 0 5 - a xattr user.b= user.a=\n",       // Unsorted.
      "d 0755 0 0 0 5 - a xattr user.a= user.a=\n",       // Twice.
      "d 0755 0 0 0 5 - a xattr user.a=YQ\n",             // Base64 without padding.
      "w 0644 0 0 0 5 - a\n",                             // Whiteout with metadata.
      "w 0000 0 0 0 5 - a xattr user.a=\n",               //
      "s 0644 0 0 0 5 - a\n",                             // Unknown type.
      "d 0755 0 0 0 5 - ../a\n",                          //
      "d 0755 0 0 0 5 - b\nd 0755 0 0 0 5 - a\n",         // Disorder.
      "\n",
  };
  for (const std::string& line : bad) {
    const absl::Status status = parse(line);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_NE(Sv(status.message()).find("line "), std::string_view::npos) << status;
  }
  EXPECT_FALSE(LayerManifest::Parse("").ok());
  EXPECT_FALSE(LayerManifest::Parse("crossmill-manifest 2\n").ok());
}

TEST(PathsTest, ComponentsAreComparedBytewise) {
  const std::vector<std::string> ordered = {"\x01", " ",  "a", "a/a",  "a/b",  "a/b/c", "a/b!",
                                            "a!",   "a-", "b", "\x7f", "\x80", "\xff"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j) {
      const int expected = i < j ? -1 : i > j ? 1 : 0;
      EXPECT_EQ(ComparePaths(ordered[i], ordered[j]), expected) << ordered[i] << " " << ordered[j];
    }
  }
}

TEST(PathsTest, TimesAreClampedToTheirRange) {
  EXPECT_EQ(ClampTime(-5, 100), 0);
  EXPECT_EQ(ClampTime(50, 100), 50);
  EXPECT_EQ(ClampTime(500, 100), 100);
}

}  // namespace
}  // namespace crossmill::layer
