#include "common/packages/console_packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <limits>

namespace crossmill::packages {
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
  EXPECT_EQ(lines[0].text.size(), 256u << 10);
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

TEST(PackageFileTest, VersionsThatAreEqualHaveOneForm) {
  const struct {
    const char* one;
    const char* other;
  } kEqual[] = {
      {"2024.08.30", "2024.8.30"}, {"1.0", "1.0.0"},           {"v1.2", "1.2"}, {"1.0.0-alpha.1", "1.0a1"},
      {"1.0RC2", "1.0.0rc2"},      {"1.0.post0", "1.0-post0"}, {"0!1.0", "1"},  {"2.0.1+CPU", "2.0.1+cpu"},
      {"1.0.dev3", "1dev3"},       {"2.0c1", "2.0rc1"}};
  for (const auto& test : kEqual)
    EXPECT_EQ(CanonicalVersion(test.one), CanonicalVersion(test.other)) << test.one;
  const struct {
    const char* one;
    const char* other;
  } kDifferent[] = {{"1.0", "1.0.1"},   {"1.10", "1.1"},  {"10", "1"},    {"1.0a1", "1.0b1"},
                    {"1.0", "1.0+cpu"}, {"1.0", "1.0a1"}, {"20.0", "2.0"}};
  for (const auto& test : kDifferent) {
    EXPECT_NE(CanonicalVersion(test.one), CanonicalVersion(test.other)) << test.one;
  }
}

TEST(PackageFileTest, EscapedNamesAreRead) {
  const PackageFile file = ParsePackageFile("https://h/whl/torch-2.0.1%2Bcpu-cp311-cp311-linux_x86_64.whl");
  EXPECT_EQ(file.version, "2.0.1+cpu");
  EXPECT_TRUE(IsPackageName("zope.interface"));
  EXPECT_FALSE(IsPackageName("a b"));
  EXPECT_FALSE(IsPackageName(""));
  EXPECT_FALSE(IsPackageName("x-"));
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

// ---- growth ----

// Processor time of this thread for a console of so many lines, of the better of two.
double SecondsToRead(int lines, const std::function<std::string(int)>& line) {
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 2; ++round) {
    const double begin = now();
    PackageConsole console;
    for (int i = 0; i < lines; ++i) console.Add(ConsoleLine{i, line(i)});
    console.Finish();
    best = std::min(best, now() - begin);
  }
  return best;
}

TEST(PackageConsoleTest, TimeGrowsWithTheLinesAndNotWithTheirSquare) {
  const std::function<std::string(int)> kKinds[] = {
      [](int i) { return "Collecting p" + std::to_string(i); },
      [](int i) { return "Collecting git+https://host/p" + std::to_string(i); },
      [](int i) { return "  Building wheel for p" + std::to_string(i) + " (setup.py): started"; },
      [](int i) { return "ERROR: Failed building wheel for p" + std::to_string(i); },
      [](int i) { return "Successfully installed p" + std::to_string(i) + "-1"; },
      [](int i) {
        return i % 2 == 0 ? std::string("Successfully installed p-1") : "  Successfully uninstalled p-2";
      },
      [](int i) { return "  Downloading p-1." + std::to_string(i) + "-py3-none-any.whl (1 kB)"; },
      [](int i) { return " + p" + std::to_string(i) + "==1"; },
      [](int i) { return "[" + std::to_string(i) + "] Collecting p" + std::to_string(i); },
  };
  for (const auto& kind : kKinds) {
    const double few = SecondsToRead(3'000, kind);
    const double many = SecondsToRead(24'000, kind);
    // Eight times as many; a square would be 64 times.
    EXPECT_LT(many, few * 24) << kind(7);
  }
}

TEST(PackageConsoleTest, WhatIsOnlyMentionedIsKeptInBounds) {
  PackageConsole console;
  for (int i = 0; i < 60'000; ++i) console.Add(ConsoleLine{i, "Collecting p" + std::to_string(i)});
  console.Add(ConsoleLine{1, "Successfully installed p59999-1 p5-1"});
  const auto seen = console.Finish();
  EXPECT_LE(seen.size(), 40'000u);
  // Those that count are there, also one that was forgotten in the meantime.
  std::vector<std::string> arrived;
  for (const PackageObservation& observation : seen) {
    if (observation.arrived) arrived.push_back(observation.name);
  }
  EXPECT_THAT(arrived, testing::UnorderedElementsAre("p59999", "p5"));
}

TEST(PackageConsoleTest, PackagesThatCountAreBoundedToo) {
  PackageConsole console;
  for (int i = 0; i < 45'000; ++i) {
    console.Add(ConsoleLine{i, "  Building wheel for p" + std::to_string(i) + " (setup.py): started"});
    console.Add(ConsoleLine{i, "ERROR: Failed building wheel for p" + std::to_string(i)});
  }
  EXPECT_LE(console.Finish().size(), 40'000u);
}

TEST(PackageConsoleTest, OnePackageAgainAndAgainIsBounded) {
  PackageConsole console;
  for (int i = 0; i < 10'000; ++i)
    console.Add(ConsoleLine{i, "Successfully installed x-1"}), console.Add(ConsoleLine{i, "Collecting x"});
  EXPECT_LE(console.Finish().size(), 64u);
}

// ---- filters, several installers, frames ----

TEST(PackageConsoleTest, APrefixBeforeEveryLineIsTakenOff) {
  for (const std::string prefix : {"[pip] ", "  1\t", "12:00:01 ", "Nov 26 14:19:00 host: ", "web | "}) {
    PackageConsole console;
    int number = 9;
    for (const char* text :
         {"Collecting blinker==1.8.2", "  Downloading blinker-1.8.2-py3-none-any.whl (9.5 kB)",
          "Installing collected packages: blinker", "Successfully installed blinker-1.8.2"}) {
      // Line numbers and times change.
      std::string changed = prefix;
      const size_t digit = changed.find('1');
      if (digit != changed.npos) changed.replace(digit, 1, std::to_string(number++));
      console.Add(ConsoleLine{number, changed + text});
    }
    const auto seen = console.Finish();
    ASSERT_EQ(seen.size(), 1u) << prefix;
    EXPECT_EQ(seen[0].origin, PackageOrigin::kWheel) << prefix;
    EXPECT_TRUE(seen[0].arrived) << prefix;
  }
}

TEST(PackageConsoleTest, DownloadsAreNotInstalledAndWheelsAreSaved) {
  const auto seen =
      ParsePackageConsole(Lines({"Collecting toml", "  Downloading toml-0.10.2-py2.py3-none-any.whl (16 kB)",
                                 "Saved /d2/toml-0.10.2-py2.py3-none-any.whl", "Successfully downloaded toml",
                                 "Collecting six", "  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)",
                                 "Saved /wh/six-1.17.0-py2.py3-none-any.whl"}));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_FALSE(seen[0].arrived);
  EXPECT_TRUE(seen[1].arrived);
  EXPECT_TRUE(seen[1].only_saved);
}

TEST(PackageConsoleTest, WhatABackendPrintedNamesNoPackages) {
  const auto seen = ParsePackageConsole(
      Lines({"Collecting x", "  Downloading x-1.tar.gz (1 kB)", "  Installing build dependencies: started",
             "  Installing build dependencies: finished with status 'error'",
             "  error: subprocess-exited-with-error", "  ",
             "  × pip subprocess to install build dependencies did not run successfully.", "  │ exit code: 1",
             "  ╰─> [3 lines of output]", "      Collecting setuptools>=40",
             "      ERROR: Could not find a version that satisfies the requirement nothing>=3 (from "
             "versions: none)",
             "      ERROR: No matching distribution found for nothing>=3", "      [end of output]", "  ",
             "  note: This error originates from a subprocess, and is likely not a problem with pip.",
             "Collecting y"}));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].name, "x");
  EXPECT_TRUE(seen[0].failed);
  EXPECT_EQ(seen[0].failure.failure_class, "no-distribution");
  EXPECT_EQ(seen[1].name, "y");
}

TEST(PackageConsoleTest, AFrameWhoseEndIsMissingEndsWithItsIndentation) {
  const auto seen = ParsePackageConsole(
      Lines({"Collecting x", "  ╰─> [3 lines of output]", "      Collecting inner", "Collecting y"}));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].name, "y");
}

TEST(PackageConsoleTest, AFailureThatWasMendedInTheStepIsNone) {
  const auto seen = ParsePackageConsole(
      Lines({"Collecting x", "  Downloading x-1.tar.gz (1 kB)", "Building wheels for collected packages: x",
             "  Building wheel for x (setup.py): started",
             "  Building wheel for x (setup.py): finished with status 'error'",
             "  ERROR: Failed building wheel for x", "Installing collected packages: x",
             "  Running setup.py install for x: started",
             "  Running setup.py install for x: finished with status 'done'", "Successfully installed x-1"}));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_FALSE(seen[0].failed);
  EXPECT_TRUE(seen[0].built);
}

TEST(PackageConsoleTest, UvNamesItsEnvironmentAndItsReinstalls) {
  const auto seen = ParsePackageConsole(
      Lines({"Using Python 3.11.2 environment at: /a", "Installed 1 package in 1ms", " + six==1.17.0",
             "Using Python 3.11.2 environment at: /b", "Installed 1 package in 1ms", " ~ six==1.17.0"}));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].environment, "/a");
  EXPECT_EQ(seen[1].environment, "/b");
}

TEST(PackageConsoleTest, UvsFailuresNameTheirPackage) {
  const struct {
    const char* line;
    const char* name;
    const char* failure_class;
  } kCases[] = {
      {"  ╰─▶ Because there is no version of numpy==99.1 and you require numpy==99.1, we can conclude",
       "numpy", "no-distribution"},
      {"  ╰─▶ Because no-such was not found in the package registry and you require no-such", "no-such",
       "no-distribution"},
      {"  ╰─▶ Because only six<=1.17.0 is available and you require six>2", "six", "no-distribution"},
      {"  ╰─▶ Because the requested Python version (>=3.11.2) does not satisfy Python>=3.7,<3.11 and "
       "numpy==1.21.0 "
       "depends on Python>=3.7,<3.11",
       "numpy", "requires-python"},
      {"  × Failed to download `six==1.17.0`", "six", "unknown"},
      {"error: Failed to fetch: `https://host/simple/six/`", "six", "unknown"},
  };
  for (const auto& test : kCases) {
    const auto seen = ParsePackageConsole(Lines({test.line}));
    ASSERT_EQ(seen.size(), 1u) << test.line;
    EXPECT_EQ(seen[0].name, test.name);
    EXPECT_EQ(seen[0].failure.failure_class, test.failure_class) << test.line;
  }
  const auto fetch = ParsePackageConsole(Lines(
      {"error: Failed to fetch: `https://host/simple/six/`", "  Caused by: Request failed after 3 retries",
       "  Caused by: error sending request for url (https://host/simple/six/)"}));
  ASSERT_EQ(fetch.size(), 1u);
  EXPECT_EQ(fetch[0].failure.failure_class, "network");
}

TEST(PackageConsoleTest, ALostConnectionIsNoMissingRelease) {
  const char* kNone =
      "ERROR: Could not find a version that satisfies the requirement six==1.16.0 (from versions: none)";
  const char* kSome =
      "ERROR: Could not find a version that satisfies the requirement six==1.16.0 (from versions: 1.17.0)";
  const char* kRetry =
      "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError("
      "'<pip._vendor.urllib3.connection.HTTPSConnection object>: Failed to establish a new connection: "
      "[Errno 111] "
      "Connection refused')': /simple/six/";
  const auto Class = [](std::initializer_list<const char*> texts) {
    const auto seen = ParsePackageConsole(Lines(texts));
    return seen.size() == 1 ? seen[0].failure.failure_class : "of " + std::to_string(seen.size());
  };
  EXPECT_EQ(Class({kRetry, kNone, "ERROR: No matching distribution found for six==1.16.0"}), "network");
  // It answered at the second try.
  EXPECT_EQ(Class({kRetry, kSome, "ERROR: No matching distribution found for six==1.16.0"}),
            "no-distribution");
  EXPECT_EQ(Class({kNone}), "no-distribution");
  // Without retries pip says nothing of the connection; in a step nobody else listens on loopback.
  EXPECT_EQ(Class({"Looking in indexes: https://127.0.0.1:9/simple", kNone}), "network");
  EXPECT_EQ(Class({"Looking in indexes: https://index.example/simple", kNone}), "no-distribution");
}

TEST(PackageConsoleTest, IgnoredReleasesAreTheReasonOnlyIfTheyWereAskedFor) {
  const char* kIgnored =
      "ERROR: Ignored the following versions that require a different python version: 1.21.0 Requires-Python "
      ">=3.7,<3.11; 1.21.2 Requires-Python >=3.7,<3.11";
  const auto Class = [&](const char* line) {
    const auto seen = ParsePackageConsole(Lines({kIgnored, line}));
    return seen.size() == 1 ? seen[0].failure.failure_class : "of " + std::to_string(seen.size());
  };
  EXPECT_EQ(Class("ERROR: Could not find a version that satisfies the requirement numpy==1.21.2 (from "
                  "versions: 1.3.0)"),
            "requires-python");
  EXPECT_EQ(Class("ERROR: Could not find a version that satisfies the requirement numpy==99.1 (from "
                  "versions: 1.3.0)"),
            "no-distribution");
  EXPECT_EQ(
      Class("ERROR: Could not find a version that satisfies the requirement numpy (from versions: none)"),
      "requires-python");
}

}  // namespace
}  // namespace crossmill::packages
