// The preloaded library in real programs of this machine.
#include "worker/preload/preload_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <sstream>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

constexpr int64_t kShift = 90'061;
#if defined(__aarch64__)
constexpr std::string_view kOwn = "arm64";
#else
constexpr std::string_view kOwn = "amd64";
#endif

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class PreloadLibraryTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
  }

  // What the program prints under the library; without settings, without it.
  std::string Run(std::vector<std::string> argv, const std::optional<PreloadSettings>& settings) {
    ProcessOptions options;
    options.argv = std::move(argv);
    options.env = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
    options.time_limit = absl::Seconds(30);
    if (settings) {
      const auto library = PreloadLibrary(kOwn, *settings);
      EXPECT_TRUE(library.has_value());
      const std::string path = folder_->Path("library.so");
      EXPECT_OK(WriteFileAtomic(path, library.value_or(""), 0644));
      options.env->push_back("LD_PRELOAD=" + path);
    }
    const auto result = RunProcess(options);
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_code, 0) << result->stderr_text;
    EXPECT_THAT(result->stderr_text, IsEmpty());
    return result->stdout_text;
  }

  std::string Probe() const { return std::string(CROSSMILL_BINARY_FOLDER) + "/preload_probe"; }

  std::string FolderOf(int files) {
    const std::string path = folder_->Path("files");
    EXPECT_OK(MakeFolders(path, 0755));
    for (int i = 0; i < files; ++i) EXPECT_OK(WriteFileAtomic(fmt::format("{}/file-{}", path, i), ""));
    return path;
  }

  std::optional<TemporaryFolder> folder_;
};

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TEST_F(PreloadLibraryTest, ShiftsEveryWayToReadTheWallClock) {
  const int64_t now = Now();
  const auto lines = LinesOf(Run({Probe(), "clocks"}, PreloadSettings{.clock_shift = kShift}));
  std::map<std::string, int64_t> told;
  for (const std::string& line : lines) {
    const size_t blank = line.find(' ');
    told[line.substr(0, blank)] = std::atoll(line.c_str() + blank);
  }
  for (const char* name :
       {"realtime", "coarse", "tai", "timespec_get", "gettimeofday", "ftime", "time", "syscall"}) {
    // TAI is up to 37 s ahead.
    EXPECT_GE(told[name], now + kShift - 1) << name;
    EXPECT_LE(told[name], now + kShift + 60) << name;
  }
  EXPECT_LT(told["monotonic"], now / 2);
  EXPECT_THAT(lines, testing::Contains("bad -1 1"));
}

TEST_F(PreloadLibraryTest, WithoutShiftTheClockIsTheMachines) {
  const int64_t now = Now();
  for (const std::string& line : LinesOf(Run({Probe(), "clocks"}, PreloadSettings{}))) {
    if (line.starts_with("monotonic") || line.starts_with("bad")) continue;
    EXPECT_LE(std::atoll(line.c_str() + line.find(' ')), now + 60) << line;
  }
}

TEST_F(PreloadLibraryTest, AbsoluteWaitsEndWhenTheyShould) {
  const auto plain = LinesOf(Run({Probe(), "waits"}, std::nullopt));
  const auto shifted = LinesOf(Run({Probe(), "waits"}, PreloadSettings{.clock_shift = kShift}));
  ASSERT_THAT(shifted, SizeIs(plain.size()));
  ASSERT_THAT(shifted, SizeIs(17));
  for (size_t i = 0; i < shifted.size(); ++i) {
    // Name and result are the same; 200 ms that may last longer on a busy machine, but not a day and not
    // nothing.
    EXPECT_EQ(shifted[i].substr(0, shifted[i].rfind(' ')), plain[i].substr(0, plain[i].rfind(' ')));
    const int ms = std::atoi(shifted[i].c_str() + shifted[i].rfind(' '));
    EXPECT_GE(ms, 190) << shifted[i];
    EXPECT_LE(ms, 5000) << shifted[i];
  }
}

TEST_F(PreloadLibraryTest, ReadsFoldersBackwardsWithTheDotsInFront) {
  for (const int files : {0, 1, 2, 5000}) {
    const std::string path = FolderOf(files);
    auto plain = LinesOf(Run({Probe(), "folder", path}, std::nullopt));
    std::erase_if(plain, [](const std::string& name) { return name == "." || name == ".."; });
    const auto reversed = LinesOf(Run({Probe(), "folder", path}, PreloadSettings{.reverse_folders = true}));
    ASSERT_THAT(reversed, SizeIs(plain.size() + 2));
    std::vector<std::string> names(reversed.begin() + 2, reversed.end());
    std::reverse(names.begin(), names.end());
    EXPECT_EQ(names, plain) << files;
  }
}

TEST_F(PreloadLibraryTest, PlacesInAFolderAreKept) {
  const auto lines = LinesOf(Run({Probe(), "seek", FolderOf(4)}, PreloadSettings{.reverse_folders = true}));
  // All six, then the last three once more from the place, then all six, and no error at the end.
  ASSERT_THAT(lines, SizeIs(6 + 1 + 3 + 1 + 6 + 1));
  EXPECT_EQ(lines[6], "back");
  EXPECT_EQ(std::vector(lines.begin() + 7, lines.begin() + 10),
            std::vector(lines.begin() + 3, lines.begin() + 6));
  EXPECT_EQ(std::vector(lines.begin() + 11, lines.begin() + 17),
            std::vector(lines.begin(), lines.begin() + 6));
  EXPECT_EQ(lines.back(), "errno 0 at the end");
}

TEST_F(PreloadLibraryTest, TheFarmsOwnFileIsNotShown) {
  const std::string path = FolderOf(2);
  ASSERT_OK(WriteFileAtomic(path + "/.crossmill-preload.so", ""));
  // A file of this name is only the farm's in /etc.
  ASSERT_OK(WriteFileAtomic(path + "/ld.so.preload", ""));
  const PreloadSettings backwards = {.reverse_folders = true, .hide_list = true};
  const PreloadSettings forwards = {.clock_shift = 1, .hide_list = true};
  for (const PreloadSettings& settings : {backwards, forwards}) {
    EXPECT_THAT(LinesOf(Run({Probe(), "folder", path}, settings)),
                UnorderedElementsAreArray({".", "..", "file-0", "file-1", "ld.so.preload"}));
  }
}

TEST_F(PreloadLibraryTest, ProgramsBehaveUnderIt) {
  const PreloadSettings both = {.clock_shift = kShift, .reverse_folders = true};
  EXPECT_EQ(Run({"sh", "-c", "timeout 0.2 sleep 5; echo $?"}, both), "124\n");
  EXPECT_EQ(Run({"sh", "-c", "sleep 0.1 & wait; find /usr/bin | sort | sha256sum"}, both),
            Run({"sh", "-c", "find /usr/bin | sort | sha256sum"}, std::nullopt));
  const std::string path = FolderOf(300);
  EXPECT_EQ(Run({"sh", "-c", fmt::format("cp -a {0} {0}2 && rm -r {0} && ls {0}2 | wc -l", path)}, both),
            "300\n");
}

TEST(PreloadLibraryBytesTest, HaveWhatEveryGlibcHas) {
  for (const EmbeddedPreload& library : EmbeddedPreloads()) {
    // No other library is needed, and no version of anything: names of versions begin so.
    EXPECT_THAT(std::string(library.bytes), Not(HasSubstr("GLIBC_")));
    EXPECT_THAT(std::string(library.bytes), Not(HasSubstr("libc.so")));
    EXPECT_TRUE(PreloadLibrary(library.architecture, {.clock_shift = 1}).has_value());
  }
  EXPECT_FALSE(PreloadLibrary("s390x", {}).has_value());
}

TEST(PreloadLibraryBytesTest, SettingsChangeNothingElse) {
  const auto plain = PreloadLibrary(kOwn, {});
  const auto shifted = PreloadLibrary(kOwn, {.clock_shift = -1, .reverse_folders = true, .hide_list = true});
  ASSERT_TRUE(plain.has_value() && shifted.has_value());
  ASSERT_EQ(plain->size(), shifted->size());
  size_t different = 0;
  for (size_t i = 0; i < plain->size(); ++i) different += (*plain)[i] != (*shifted)[i] ? 1 : 0;
  EXPECT_EQ(different, 9u);
}

}  // namespace
}  // namespace crossmill::worker
