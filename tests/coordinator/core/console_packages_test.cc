#include "coordinator/core/console_packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::LogChunk Chunk(int64_t time, const std::string& data,
                   v1::LogChunk::Stream stream = v1::LogChunk::STREAM_STDOUT) {
  v1::LogChunk chunk;
  chunk.set_time(time);
  chunk.set_data(data);
  chunk.set_stream(stream);
  return chunk;
}

std::vector<std::string> Texts(const std::vector<v1::LogChunk>& chunks) {
  std::vector<std::string> texts;
  for (const ConsoleLine& line : SplitConsole(chunks)) texts.push_back(line.text);
  return texts;
}

TEST(SplitConsoleTest, LinesAcrossChunksHaveTheTimeTheyWereComplete) {
  const auto lines = SplitConsole(
      std::vector<v1::LogChunk>{Chunk(1, "Coll"), Chunk(2, "ecting six\nDown"), Chunk(3, "loading")});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "Collecting six");
  EXPECT_EQ(lines[0].time_ns, 2);
  EXPECT_EQ(lines[1].text, "Downloading");
  EXPECT_EQ(lines[1].time_ns, 3);
}

TEST(SplitConsoleTest, StreamsDoNotBreakEachOthersLines) {
  EXPECT_THAT(Texts({Chunk(1, "out "), Chunk(2, "err\n", v1::LogChunk::STREAM_STDERR), Chunk(3, "put\n")}),
              ElementsAre("err", "out put"));
}

TEST(SplitConsoleTest, CarriageReturnsOverwrite) {
  EXPECT_THAT(Texts({Chunk(1, "10%\r50%"), Chunk(2, "\r100%\n")}), ElementsAre("100%"));
  EXPECT_THAT(Texts({Chunk(1, "dos line\r"), Chunk(2, "\nnext\r\n")}), ElementsAre("dos line", "next"));
}

TEST(SplitConsoleTest, ControlSequencesAreRemovedEvenAcrossChunks) {
  EXPECT_THAT(Texts({Chunk(1, "\x1b[1;31mERR"), Chunk(2, "OR\x1b"), Chunk(3, "[0m: no\x1b]0;title\x07!\n")}),
              ElementsAre("ERROR: no!"));
  EXPECT_THAT(Texts({Chunk(1, "\x1b]8;;link\x1b\\text\x1b]8;;\x1b\\\n")}), ElementsAre("text"));
}

TEST(SplitConsoleTest, LongLinesAreCutAndBytesMadeText) {
  const auto lines =
      SplitConsole(std::vector<v1::LogChunk>{Chunk(1, std::string(1 << 20, 'x') + "\n\xff\n")});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text.size(), 16u << 10);
  EXPECT_EQ(lines[1].text, "\xef\xbf\xbd");
}

TEST(PackageFileTest, NamesOfWheelsAndSourceDistributions) {
  const struct {
    const char* file;
    const char* name;
    const char* version;
    const char* tag;
  } kCases[] = {
      {"six-1.17.0-py2.py3-none-any.whl", "six", "1.17.0", "py2.py3-none-any"},
      {"Foo_Bar-1.0-2b-cp311-cp311-linux_x86_64.whl", "foo-bar", "1.0", "cp311-cp311-linux_x86_64"},
      {"https://host/files/a-1.tar.gz#sha256=00", "a", "1", ""},
      {"python-dateutil-2.9.0.zip", "python-dateutil", "2.9.0", ""},
      {"nothing.whl", "", "", ""},
      {"README.tar.gz", "", "", ""},
      {"-1.tar.gz", "", "", ""},
  };
  for (const auto& test : kCases) {
    const PackageFile file = ParsePackageFile(test.file);
    EXPECT_EQ(file.name, test.name) << test.file;
    EXPECT_EQ(file.version, test.version) << test.file;
    EXPECT_EQ(file.tag, test.tag) << test.file;
  }
}

TEST(PackageFileTest, OnlyPlainLinuxTagsAreCompiledHere) {
  EXPECT_TRUE(IsLocallyCompiledTag("cp311-cp311-linux_aarch64"));
  EXPECT_FALSE(IsLocallyCompiledTag("cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64"));
  EXPECT_FALSE(IsLocallyCompiledTag("cp311-cp311-linux_armv7l"));
  EXPECT_FALSE(IsLocallyCompiledTag("py3-none-any"));
  EXPECT_FALSE(IsLocallyCompiledTag(""));
}

TEST(PackageFileTest, NamesAreNormalised) {
  EXPECT_EQ(NormalisePackageName("Zope.Interface"), "zope-interface");
  EXPECT_EQ(NormalisePackageName("a__b--c"), "a-b-c");
}

std::vector<ConsoleLine> Lines(std::initializer_list<const char*> texts) {
  std::vector<ConsoleLine> lines;
  for (const char* text : texts) lines.push_back({static_cast<int64_t>(lines.size()) * 1'000'000'000, text});
  return lines;
}

TEST(PackageConsoleTest, SecondsOfABuildAreThoseOfMakingItsWheel) {
  const auto seen = ParsePackageConsole(Lines(
      {"Collecting x", "  Downloading x-1.tar.gz (1 kB)", "  Preparing metadata (pyproject.toml): started",
       "  Preparing metadata (pyproject.toml): finished with status 'done'",
       "Building wheels for collected packages: x", "  Building wheel for x (pyproject.toml): started",
       "  Building wheel for x (pyproject.toml): still running...",
       "  Building wheel for x (pyproject.toml): finished with status 'done'",
       "  Created wheel for x: filename=x-1-cp311-cp311-linux_x86_64.whl size=12 sha256=ab",
       "Successfully installed x-1"}));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_DOUBLE_EQ(seen[0].build_seconds, 2);
  EXPECT_DOUBLE_EQ(seen[0].fetch_seconds, 4);
  EXPECT_EQ(seen[0].built_sha256, "ab");
  EXPECT_EQ(seen[0].built_size, 12);
  EXPECT_TRUE(seen[0].arrived);
}

TEST(PackageConsoleTest, UninstalledPackagesAreForgotten) {
  EXPECT_THAT(ParsePackageConsole(Lines({"Collecting x", "  Downloading x-1-py3-none-any.whl (1 kB)",
                                         "Successfully installed x-1", "Found existing installation: x 1",
                                         "Uninstalling x-1:", "  Successfully uninstalled x-1"})),
              IsEmpty());
  const auto upgraded = ParsePackageConsole(
      Lines({"Collecting x", "  Downloading x-2-py3-none-any.whl (1 kB)", "  Attempting uninstall: x",
             "    Successfully uninstalled x-1", "Successfully installed x-2"}));
  ASSERT_EQ(upgraded.size(), 1u);
  EXPECT_EQ(upgraded[0].version, "2");
}

TEST(PackageConsoleTest, LinesOfOtherProgramsAreNotPackages) {
  EXPECT_THAT(
      ParsePackageConsole(Lines({"Building foo", "Downloading index", "   Building bar (release)",
                                 "Collecting", "Saved", "Successfully built 5f2c", "Created wheel for",
                                 "Processing triggers for libc-bin (2.36) ..."})),
      testing::Each(testing::Field(&PackageObservation::arrived, false)));
}

TEST(PackageConsoleTest, HalfLinesOfEveryKindDoNoHarm) {
  const std::string kinds[] = {"Collecting git+",
                               "Building wheel for ",
                               "Created wheel for x: size=99999999999999999999999",
                               "Successfully installed - -1 x-",
                               " + ",
                               " + x==",
                               "   Building x @ ",
                               "ERROR: Failed to build '",
                               "error: Failed to build `",
                               "Processing /",
                               "Successfully uninstalled -"};
  for (const std::string& kind : kinds) {
    for (size_t length = 0; length <= kind.size(); ++length) {
      ParsePackageConsole(std::vector<ConsoleLine>{{1, kind.substr(0, length)}, {2, kind}});
    }
  }
}

}  // namespace
}  // namespace crossmill::core
