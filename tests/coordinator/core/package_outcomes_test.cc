// Outcomes of recorded consoles (tests/golden/packages, made by tests/support/record_packages.py) and of the
// combinations that no recording shows.
#include "coordinator/core/package_outcomes.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "coordinator/core/package_failures.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::core {
namespace {

const std::string kFolder = std::string(CROSSMILL_GOLDEN_FOLDER) + "/packages";

// record_console.py writes each piece as latin-1 text in JSON: one character per byte.
std::string Bytes(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    if (first < 0x80) {
      bytes.push_back(utf8[i]);
    } else {
      bytes.push_back(
          static_cast<char>(((first & 0x03) << 6) | (static_cast<unsigned char>(utf8.at(++i)) & 0x3f)));
    }
  }
  return bytes;
}

std::vector<v1::LogChunk> ReadConsole(const std::string& path) {
  std::vector<v1::LogChunk> chunks;
  const auto text = ReadFile(path);
  EXPECT_OK(text);
  const std::vector<std::string> recorded = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  for (const std::string& line : recorded) {
    if (line.rfind("exit ", 0) == 0) break;
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    const auto piece = ParseJson(fields.at(2));
    EXPECT_OK(piece);
    v1::LogChunk chunk;
    chunk.set_time(std::stoll(fields[0]) * 1'000'000);
    chunk.set_stream(fields[1] == "out" ? v1::LogChunk::STREAM_STDOUT : v1::LogChunk::STREAM_STDERR);
    chunk.set_data(Bytes(piece->get<std::string>()));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

std::vector<v1::DistInfo> ReadInfos(const std::string& path) {
  std::vector<v1::DistInfo> infos;
  const auto text = ReadFile(path);
  EXPECT_OK(text);
  const auto document = ParseJson(*text);
  EXPECT_OK(document);
  for (const Json& item : *document) {
    v1::DistInfo info;
    info.set_path(item.at("path").get<std::string>());
    info.set_name(item.at("name").get<std::string>());
    info.set_version(item.at("version").get<std::string>());
    for (const Json& tag : item.at("tags")) info.add_tags(tag.get<std::string>());
    info.set_generator(item.at("generator").get<std::string>());
    info.set_installer(item.at("installer").get<std::string>());
    info.set_direct_url(item.at("direct_url").get<std::string>());
    info.set_uv_build(item.at("uv_build").get<bool>());
    info.set_requested(item.at("requested").get<bool>());
    infos.push_back(std::move(info));
  }
  return infos;
}

std::string Describe(const std::vector<v1::PackageOutcome>& outcomes) {
  std::string text;
  for (const v1::PackageOutcome& outcome : outcomes) {
    text += fmt::format("{} {} {} {}\n", outcome.scope(), outcome.name(), outcome.version(),
                        v1::Outcome_Name(outcome.outcome()));
    const auto line = [&](const char* name, const std::string& value) {
      if (!value.empty()) text += fmt::format("  {}: {}\n", name, value);
    };
    line("tag", outcome.tag());
    line("file", outcome.file_name());
    line("seconds", outcome.seconds() < 0 ? "" : fmt::format("{:.3f}", outcome.seconds()));
    line("built", outcome.built_sha256().empty()
                      ? ""
                      : fmt::format("{} ({} bytes)", outcome.built_sha256(), outcome.built_size()));
    line("failure", outcome.failure_class());
    line("failure line", outcome.failure_line());
    line("remedy", outcome.remedy());
    std::string witnesses;
    for (const std::string& witness : outcome.witnesses())
      witnesses += (witnesses.empty() ? "" : ", ") + witness;
    line("witnesses", witnesses);
    line("conflict", outcome.conflict());
  }
  return text;
}

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  if (DIR* folder = opendir(kFolder.c_str())) {
    while (const dirent* entry = readdir(folder)) {
      if (entry->d_name[0] != '.') cases.emplace_back(entry->d_name);
    }
    closedir(folder);
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

class RecordedPackagesTest : public testing::TestWithParam<std::string> {};

TEST_P(RecordedPackagesTest, GiveTheirOutcomes) {
  const std::string folder = kFolder + "/" + GetParam();
  const auto lines = SplitConsole(ReadConsole(folder + "/console.txt"));
  const auto outcomes = DerivePackages(lines, ReadInfos(folder + "/dist_infos.json"), /*emulated=*/false);
  ExpectGolden(kFolder, GetParam() + "/outcomes.txt", Describe(outcomes));
}

TEST_P(RecordedPackagesTest, DoNotDependOnHowTheConsoleWasCut) {
  const std::string folder = kFolder + "/" + GetParam();
  std::vector<v1::LogChunk> bytes;
  for (const v1::LogChunk& chunk : ReadConsole(folder + "/console.txt")) {
    for (const char c : chunk.data()) {
      bytes.push_back(chunk);
      bytes.back().set_data(std::string(1, c));
    }
  }
  const auto whole = SplitConsole(ReadConsole(folder + "/console.txt"));
  const auto infos = ReadInfos(folder + "/dist_infos.json");
  EXPECT_EQ(Describe(DerivePackages(SplitConsole(bytes), infos, false)),
            Describe(DerivePackages(whole, infos, false)));
}

INSTANTIATE_TEST_SUITE_P(Golden, RecordedPackagesTest, testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(PackageOutcomesTest, ThereAreRecordings) { EXPECT_GE(Cases().size(), 15u); }

// ---- combinations ----

v1::DistInfo Info(const std::string& name, const std::string& version, const std::string& tag,
                  const std::string& installer = "pip") {
  v1::DistInfo info;
  info.set_path("usr/lib/python3/site-packages/" + name + "-" + version + ".dist-info");
  info.set_name(name);
  info.set_version(version);
  info.add_tags(tag);
  info.set_installer(installer);
  return info;
}

std::vector<ConsoleLine> Lines(std::initializer_list<const char*> texts) {
  std::vector<ConsoleLine> lines;
  for (const char* text : texts) lines.push_back({static_cast<int64_t>(lines.size()) * 1'000'000'000, text});
  return lines;
}

TEST(PackageOutcomesTest, LayerAloneTellsCompiledFromPublished) {
  const auto outcomes =
      DerivePackages({},
                     std::vector<v1::DistInfo>{Info("compiled", "1", "cp311-cp311-linux_aarch64"),
                                               Info("published", "1", "cp311-cp311-manylinux_2_17_aarch64"),
                                               Info("pure", "1", "py3-none-any")},
                     /*emulated=*/true);
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_SOURCE);
  EXPECT_EQ(outcomes[1].outcome(), v1::OUTCOME_WHEEL);
  EXPECT_EQ(outcomes[2].outcome(), v1::OUTCOME_WHEEL);
  EXPECT_TRUE(outcomes[0].emulated());
  EXPECT_LT(outcomes[0].seconds(), 0);
  EXPECT_THAT(outcomes[0].witnesses(), testing::ElementsAre("layer"));
}

TEST(PackageOutcomesTest, DistributionPackagesHaveNoInstaller) {
  v1::DistInfo info = Info("six", "1.16.0", "py3-none-any", "");
  info.set_path("usr/lib/python3/dist-packages/six-1.16.0.dist-info");
  EXPECT_EQ(DerivePackages({}, std::vector{info}, false)[0].outcome(), v1::OUTCOME_DISTRO);
}

TEST(PackageOutcomesTest, DirectUrlsSayVcsLocalAndEditable) {
  const struct {
    const char* text;
    v1::Outcome outcome;
  } kCases[] = {
      {R"({"url": "https://host/r.git", "vcs_info": {"vcs": "git", "commit_id": "00"}})", v1::OUTCOME_VCS},
      {R"({"url": "file:///src", "dir_info": {}})", v1::OUTCOME_LOCAL},
      {R"({"url": "file:///src", "dir_info": {"editable": true}})", v1::OUTCOME_EDITABLE},
      {R"({"url": "https://host/x-1-py3-none-any.whl", "archive_info": {}})", v1::OUTCOME_WHEEL},
      {R"({"url": "https://host/x-1.tar.gz", "archive_info": {}})", v1::OUTCOME_SOURCE},
      {R"({"url": 5, "dir_info": []})", v1::OUTCOME_LOCAL},
      {"not json", v1::OUTCOME_WHEEL},
      {"[]", v1::OUTCOME_WHEEL},
  };
  for (const auto& test : kCases) {
    v1::DistInfo info = Info("x", "1", "py3-none-any");
    info.set_direct_url(test.text);
    EXPECT_EQ(DerivePackages({}, std::vector{info}, false)[0].outcome(), test.outcome) << test.text;
  }
}

TEST(PackageOutcomesTest, DisagreementIsKeptAndTheConsoleDecides) {
  const auto lines = Lines({"Collecting x", "  Downloading x-1-cp311-cp311-manylinux_2_17_x86_64.whl (1 kB)",
                            "Successfully installed x-1"});
  const auto outcomes = DerivePackages(lines, std::vector{Info("x", "1", "cp311-cp311-linux_x86_64")}, false);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_WHEEL);
  EXPECT_EQ(outcomes[0].conflict(), "console: wheel; layer: source");
}

TEST(PackageOutcomesTest, AnotherVersionInTheLayerIsAConflict) {
  const auto lines =
      Lines({"Collecting x", "  Downloading x-1-py3-none-any.whl (1 kB)", "Successfully installed x-1"});
  const auto outcomes = DerivePackages(lines, std::vector{Info("x", "2", "py3-none-any")}, false);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].version(), "2");
  EXPECT_EQ(outcomes[0].conflict(), "console: version 1; layer: version 2");
}

TEST(PackageOutcomesTest, InstalledPerConsoleButNotInTheLayer) {
  const auto lines =
      Lines({"Collecting x", "  Downloading x-1-py3-none-any.whl (1 kB)", "Successfully installed x-1"});
  const auto outcomes = DerivePackages(lines, std::vector{Info("y", "2", "py3-none-any")}, false);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].conflict(), "console: installed; layer: no dist-info");
}

TEST(PackageOutcomesTest, SeveralTagsAreCompressed) {
  v1::DistInfo info = Info("x", "1", "cp311-cp311-manylinux_2_17_x86_64");
  info.add_tags("cp311-cp311-manylinux2014_x86_64");
  EXPECT_EQ(DerivePackages({}, std::vector{info}, false)[0].tag(),
            "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64");
}

TEST(PackageOutcomesTest, SourceWheelOfAnEarlierRunIsCached) {
  const auto lines = Lines({"Processing /wheels/x-1-cp311-cp311-linux_x86_64.whl",
                            "Installing collected packages: x", "Successfully installed x-1"});
  EXPECT_EQ(
      DerivePackages(lines, std::vector{Info("x", "1", "cp311-cp311-linux_x86_64")}, false)[0].outcome(),
      v1::OUTCOME_SOURCE_CACHED);
}

// ---- failures ----

TEST(PackageFailureTest, TheMostSpecificLineGivesTheClass) {
  const struct {
    std::vector<std::string> lines;
    const char* failure_class;
    const char* remedy;
  } kCases[] = {
      {{"error: command 'gcc' failed: No such file or directory"}, "no-compiler", "build-essential"},
      {{"[Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'"}, "no-compiler", "build-essential"},
      {{"a.c:1:10: fatal error: Python.h: No such file or directory",
        "error: command 'gcc' failed with exit code 1"},
       "python-header",
       "python3-dev"},
      {{"src/a.c:3:10: fatal error: openssl/ssl.h: No such file or directory"},
       "header",
       "libssl-dev (apk add openssl-dev)"},
      {{"a.c:3:10: fatal error: lber.h: No such file or directory"}, "header", "libldap2-dev libsasl2-dev"},
      {{"a.c:3:10: fatal error: 'ffi.h' file not found"}, "header", "libffi-dev"},
      {{"a.c:3:10: fatal error: never/heard.h: No such file or directory"}, "header", "never/heard.h"},
      {{"/usr/bin/ld: cannot find -lpq: No such file or directory"}, "linker", "libpq-dev"},
      {{"/usr/bin/ld: cannot find -lfoo"}, "linker", "libfoo"},
      {{"Error: pg_config executable not found."}, "config-tool", "libpq-dev"},
      {{"/bin/sh: 1: pkg-config: not found", "Exception: Can not find valid pkg-config name."},
       "pkg-config",
       "libmysqlclient"},
      {{"error: can't find Rust compiler"}, "rust", "rustc"},
      {{"a.c:1:10: fatal error: longintrepr.h: No such file or directory"},
       "python-too-new",
       "newer release"},
      {{"ModuleNotFoundError: No module named 'distutils'"}, "python-too-new", "newer release"},
      {{"ModuleNotFoundError: No module named 'numpy'"}, "undeclared-dependency", "--no-build-isolation"},
      {{"ModuleNotFoundError: No module named 'pkg_resources'"}, "setuptools-too-new", "setuptools<82"},
      {{"pip._vendor.pyproject_hooks._impl.BackendUnavailable: Cannot import 'x'"},
       "build-backend",
       "backend"},
      {{"error: invalid command 'bdist_wheel'"}, "build-backend", "wheel"},
      {{"AttributeError: cython_sources"}, "cython-too-new", "cython<3"},
      {{"gcc: fatal error: Killed signal terminated program cc1plus"}, "out-of-memory", "fewer jobs"},
      {{"ERROR: No matching distribution found for x",
        "ERROR: Could not find a version that satisfies the requirement x (from versions: none)"},
       "no-distribution",
       "no such package"},
      {{"error: externally-managed-environment"}, "externally-managed", "virtual environment"},
  };
  for (const auto& test : kCases) {
    const auto failure = ClassifyPackageFailure(test.lines);
    ASSERT_TRUE(failure.has_value()) << test.lines[0];
    EXPECT_EQ(failure->failure_class, test.failure_class) << test.lines[0];
    EXPECT_THAT(failure->remedy, testing::HasSubstr(test.remedy)) << test.lines[0];
  }
  EXPECT_FALSE(ClassifyPackageFailure(std::vector<std::string>{"all is well", ""}).has_value());
}

TEST(PackageFailureTest, OfEqualClassesTheLastLineCounts) {
  const auto failure = ClassifyPackageFailure(
      std::vector<std::string>{"a.c:1:1: fatal error: one.h: No such file or directory",
                               "a.c:1:1: fatal error: two.h: No such file or directory"});
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->line, "a.c:1:1: fatal error: two.h: No such file or directory");
}

}  // namespace
}  // namespace crossmill::core
