#include "worker/normalize/normalizer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/normalize_rules.h"
#include "tests/support/status_matchers.h"
#include "worker/tree/file_metadata.h"

namespace crossmill::worker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kDay = 86'400;
constexpr int64_t kToday = 20'784;
constexpr int64_t kEpochDay = 19'700;
constexpr NormalizeTimes kTimes = {
    .clamp_time = kEpochDay * kDay, .started_at = kToday * kDay + 7, .finished_at = kToday * kDay + 9};
const char kMachineId[] = "0123456789abcdef0123456789abcdef\n";

class NormalizerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: removals are devices";
    ASSERT_OK(MakeFolders(Upper("")));
    ASSERT_OK(MakeFolders(Lower("")));
  }
  std::string Upper(std::string_view path) const { return folder_.Path(fmt::format("upper/{}", path)); }
  std::string Lower(std::string_view path) const { return folder_.Path(fmt::format("lower/{}", path)); }

  void Write(const std::string& file, std::string_view bytes) {
    ASSERT_OK(MakeFolders(file.substr(0, file.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(file, bytes));
  }
  // Of the step, as it left it.
  void Step(std::string_view path, std::string_view bytes = "noise of today\n") { Write(Upper(path), bytes); }
  void Base(std::string_view path, std::string_view bytes) { Write(Lower(path), bytes); }

  // The rules as the executor applies them; nullopt in a test that failed.
  void Apply(std::string_view rules) {
    auto names = ParseNormalize(rules);
    ASSERT_OK(names);
    normalizer_.emplace(*names, kTimes);
    const std::vector<std::string> lowers = {folder_.Path("lower")};
    auto diff = DiffUpper(folder_.Path("upper"), lowers, {.clamp_time = kTimes.clamp_time});
    ASSERT_OK(diff);
    auto edited = normalizer_->Edit(folder_.Path("upper"), lowers, *diff);
    ASSERT_OK(edited);
    edited_ = *edited;
    diff = DiffUpper(folder_.Path("upper"), lowers, {.clamp_time = kTimes.clamp_time});
    ASSERT_OK(diff);
    paths_.clear();
    Collect(diff->nodes);
  }

  // What the layer has at the path: "removed" where it takes away what is below, "" for nothing.
  std::string InLayer(const std::string& path) const {
    const auto found = paths_.find(path);
    return found == paths_.end() ? "" : found->second;
  }
  std::string Content(std::string_view path) const {
    return ReadFile(Upper(path)).value_or("cannot be read");
  }
  struct stat Stat(std::string_view path) const {
    struct stat info {};
    EXPECT_EQ(lstat(Upper(path).c_str(), &info), 0) << path;
    return info;
  }
  std::string Told() const {
    std::string text;
    for (const v1::Normalization& one : normalizer_->normalizations())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", one.rule(), one.files());
    return text;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::optional<Normalizer> normalizer_;
  bool edited_ = false;

 private:
  void Collect(const std::vector<DiffNode>& nodes) {
    for (const DiffNode& node : nodes) {
      if (node.kept) paths_[node.entry.path] = node.whiteout ? "removed" : "there";
      Collect(node.children);
    }
  }
  std::map<std::string, std::string> paths_;
};

TEST_F(NormalizerTest, LogsOfAptAreEmptiedAndKeepModeOwnerAndTime) {
  Base("var/log/dpkg.log", "of the base\n");
  for (const char* path : {"var/log/apt/history.log", "var/log/apt/term.log", "var/log/dpkg.log",
                           "var/log/alternatives.log", "var/log/bootstrap.log", "var/log/mine.log"}) {
    Step(path);
  }
  ASSERT_EQ(chmod(Upper("var/log/apt/term.log").c_str(), 0640), 0);
  ASSERT_EQ(chown(Upper("var/log/apt/term.log").c_str(), 0, 4), 0);
  const timespec times[] = {{1'234'567'890, 987'654'321}, {1'234'567'890, 987'654'321}};
  ASSERT_EQ(utimensat(AT_FDCWD, Upper("var/log/apt/term.log").c_str(), times, 0), 0);
  Apply("apt-logs");
  EXPECT_TRUE(edited_);
  EXPECT_EQ(Told(), "apt-logs 5");
  EXPECT_EQ(Content("var/log/apt/history.log"), "");
  EXPECT_EQ(Content("var/log/dpkg.log"), "");
  EXPECT_EQ(Content("var/log/mine.log"), "noise of today\n");
  const struct stat term = Stat("var/log/apt/term.log");
  EXPECT_EQ(term.st_size, 0);
  EXPECT_EQ(term.st_mode & 07777, 0640u);
  EXPECT_EQ(term.st_gid, 4u);
  EXPECT_EQ(term.st_mtim.tv_sec, 1'234'567'890);
  EXPECT_EQ(term.st_mtim.tv_nsec, 987'654'321);
  EXPECT_EQ(InLayer("var/log/apt/term.log"), "there");
}

TEST_F(NormalizerTest, OnlyWhatTheStepChangedIsTouched) {
  Base("var/log/dpkg.log", "of the base\n");
  Base("var/cache/ldconfig/aux-cache", "of the base");
  // Copied up and otherwise as it was.
  Step("var/log/dpkg.log", "of the base\n");
  ASSERT_OK(SetMtime(Upper("var/log/dpkg.log"), 1000));
  ASSERT_OK(SetMtime(Lower("var/log/dpkg.log"), 1000));
  Apply("all");
  EXPECT_FALSE(edited_);
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(Content("var/log/dpkg.log"), "of the base\n");
  EXPECT_EQ(InLayer("var/cache/ldconfig/aux-cache"), "");
}

TEST_F(NormalizerTest, WithoutRulesNothingHappens) {
  Step("var/log/dpkg.log");
  normalizer_.emplace(std::vector<std::string>(), kTimes);
  const std::vector<std::string> lowers = {folder_.Path("lower")};
  const auto diff = DiffUpper(folder_.Path("upper"), lowers, {});
  ASSERT_OK(diff);
  EXPECT_FALSE(normalizer_->Edit(folder_.Path("upper"), lowers, *diff).value());
  EXPECT_EQ(Content("var/log/dpkg.log"), "noise of today\n");
}

TEST_F(NormalizerTest, LinksAndOtherKindsOfFilesAreLeftAlone) {
  const std::string outside = folder_.Path("outside");
  Write(outside, "of the host\n");
  ASSERT_OK(MakeFolders(Upper("var/log/apt")));
  ASSERT_OK(MakeFolders(Upper("var/log/dpkg.log")));
  ASSERT_OK(MakeFolders(Upper("var/cache/ldconfig")));
  ASSERT_OK(MakeFolders(Upper("etc")));
  ASSERT_EQ(symlink(outside.c_str(), Upper("var/log/apt/history.log").c_str()), 0);
  ASSERT_EQ(symlink(outside.c_str(), Upper("etc/machine-id").c_str()), 0);
  ASSERT_EQ(symlink(outside.c_str(), Upper("etc/shadow").c_str()), 0);
  ASSERT_EQ(symlink(outside.c_str(), Upper("var/cache/ldconfig/aux-cache").c_str()), 0);
  ASSERT_EQ(mkfifo(Upper("var/log/alternatives.log").c_str(), 0600), 0);
  // A folder of the path is a link that leads out.
  ASSERT_OK(MakeFolders(folder_.Path("elsewhere/man")));
  Write(folder_.Path("elsewhere/man/index.db"), "of the host\n");
  ASSERT_EQ(symlink(folder_.Path("elsewhere/man").c_str(), Upper("var/cache/man").c_str()), 0);
  Apply("all");
  EXPECT_FALSE(edited_);
  EXPECT_EQ(ReadFile(outside).value(), "of the host\n");
  EXPECT_EQ(ReadFile(folder_.Path("elsewhere/man/index.db")).value(), "of the host\n");
  EXPECT_TRUE(S_ISLNK(Stat("var/cache/ldconfig/aux-cache").st_mode));
  EXPECT_TRUE(S_ISDIR(Stat("var/log/dpkg.log").st_mode));
}

TEST_F(NormalizerTest, AFileWithOtherNamesIsNotWrittenIntoAndThatIsSaid) {
  Step("var/log/dpkg.log");
  ASSERT_EQ(link(Upper("var/log/dpkg.log").c_str(), Upper("precious").c_str()), 0);
  Step("var/cache/ldconfig/aux-cache");
  ASSERT_EQ(link(Upper("var/cache/ldconfig/aux-cache").c_str(), Upper("copy").c_str()), 0);
  Apply("apt-logs,ldconfig-cache");
  EXPECT_EQ(Content("precious"), "noise of today\n");
  EXPECT_THAT(
      normalizer_->warnings(),
      ElementsAre("--normalize=apt-logs: /var/log/dpkg.log was left as it is: the file has other names"));
  // A name can go without the others.
  EXPECT_EQ(Told(), "ldconfig-cache 1");
  EXPECT_EQ(InLayer("var/cache/ldconfig/aux-cache"), "");
  EXPECT_EQ(Content("copy"), "noise of today\n");
}

TEST_F(NormalizerTest, CachesAreRemovedAlsoFromWhatWasBelow) {
  Base("var/cache/apt/pkgcache.bin", "of the base");
  Base("var/cache/man/de/index.db", "of the base");
  for (const char* path :
       {"var/cache/apt/pkgcache.bin", "var/cache/apt/srcpkgcache.bin", "var/cache/apt/archives/lock",
        "var/cache/ldconfig/aux-cache", "var/cache/man/index.db", "var/cache/man/de/index.db",
        "var/cache/man/de/CACHEDIR.TAG", "var/cache/fontconfig/0123-le64.cache-7",
        "root/.cache/fontconfig/0123-le64.cache-8", "var/cache/fontconfig/CACHEDIR.TAG",
        "var/log/fontconfig.log", "root/.cargo/.global-cache", "usr/local/cargo/.global-cache",
        "usr/local/cargo/.package-cache", "srv/.global-cache"}) {
    Step(path);
  }
  Apply("all");
  EXPECT_EQ(Told(), "apt-caches 2, ldconfig-cache 1, man-db 2, fontconfig 3, cargo-cache 2");
  EXPECT_EQ(InLayer("var/cache/apt/pkgcache.bin"), "removed");
  EXPECT_EQ(InLayer("var/cache/apt/srcpkgcache.bin"), "");
  EXPECT_EQ(InLayer("var/cache/apt/archives/lock"), "there");
  EXPECT_EQ(InLayer("var/cache/man/index.db"), "");
  EXPECT_EQ(InLayer("var/cache/man/de/index.db"), "removed");
  EXPECT_EQ(InLayer("var/cache/man/de/CACHEDIR.TAG"), "there");
  EXPECT_EQ(InLayer("var/cache/fontconfig/0123-le64.cache-7"), "");
  EXPECT_EQ(InLayer("root/.cache/fontconfig/0123-le64.cache-8"), "");
  EXPECT_EQ(InLayer("var/cache/fontconfig/CACHEDIR.TAG"), "there");
  EXPECT_EQ(Content("var/log/fontconfig.log"), "");
  EXPECT_EQ(InLayer("root/.cargo/.global-cache"), "");
  EXPECT_EQ(InLayer("usr/local/cargo/.global-cache"), "");
  EXPECT_EQ(InLayer("usr/local/cargo/.package-cache"), "there");
  EXPECT_EQ(InLayer("srv/.global-cache"), "there");
}

TEST_F(NormalizerTest, ListsOfAptGetATimeThatIsNeverNewerThanTheirServers) {
  Step("var/lib/apt/lists/deb_dists_stable_InRelease");
  Step("var/lib/apt/lists/auxfiles/x");
  Apply("apt-caches");
  EXPECT_EQ(Told(), "apt-caches 2");
  EXPECT_EQ(Stat("var/lib/apt/lists/deb_dists_stable_InRelease").st_mtim.tv_sec, 0);
  EXPECT_EQ(Content("var/lib/apt/lists/auxfiles/x"), "noise of today\n");
}

TEST_F(NormalizerTest, MachineIdsThatTheStepMadeGo) {
  Step("etc/machine-id", kMachineId);
  Step("var/lib/dbus/machine-id", kMachineId);
  Apply("machine-id");
  EXPECT_EQ(Told(), "machine-id 2");
  EXPECT_EQ(Content("etc/machine-id"), "");
  EXPECT_EQ(InLayer("etc/machine-id"), "there");
  EXPECT_EQ(InLayer("var/lib/dbus/machine-id"), "");
}

TEST_F(NormalizerTest, MachineIdsThatAreTheBasesOrNoneStay) {
  Base("etc/machine-id", kMachineId);
  Step("etc/machine-id", kMachineId);
  ASSERT_EQ(chmod(Upper("etc/machine-id").c_str(), 0444), 0);
  Step("var/lib/dbus/machine-id", "0123456789ABCDEF0123456789abcdef\n");
  Apply("machine-id");
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(Content("etc/machine-id"), kMachineId);
  for (const std::string& content :
       {std::string("uninitialized\n"), std::string(), std::string(1 << 20, 'a')}) {
    Step("etc/machine-id", content);
    Apply("machine-id");
    EXPECT_EQ(Told(), "") << content.size();
    EXPECT_EQ(Content("etc/machine-id"), content);
  }
}

TEST_F(NormalizerTest, PasswordsOfTheStepHaveTheEpochsDay) {
  const std::string base = fmt::format("root:*:{}:0:99999:7:::\n", kToday);
  Base("etc/shadow", base);
  Step("etc/shadow", base + fmt::format("web:!:{0}:0:99999:7:::\ndb:!:{0}:0:90:7:::\n", kToday));
  Step("etc/shadow-", base + fmt::format("web:!:{}:0:99999:7:::\n", kToday));
  ASSERT_EQ(chmod(Upper("etc/shadow").c_str(), 0640), 0);
  Apply("shadow-dates");
  EXPECT_EQ(Told(), "shadow-dates 2");
  EXPECT_EQ(Content("etc/shadow"),
            base + fmt::format("web:!:{}:0:99999:7:::\ndb:!:{}:0:90:7:::\n", kEpochDay, kToday));
  EXPECT_EQ(Content("etc/shadow-"), base + fmt::format("web:!:{}:0:99999:7:::\n", kEpochDay));
  EXPECT_EQ(Stat("etc/shadow").st_mode & 07777, 0640u);
  EXPECT_THAT(normalizer_->warnings(), ElementsAre(HasSubstr("/etc/shadow: db: the day")));
}

TEST_F(NormalizerTest, AShadowFileThatIsTooLargeStaysAndThatIsSaid) {
  Step("etc/shadow", fmt::format("web:!:{}:0:99999:7:::\n", kToday));
  ASSERT_EQ(truncate(Upper("etc/shadow").c_str(), (16 << 20) + 1), 0);
  Apply("shadow-dates");
  EXPECT_FALSE(edited_);
  EXPECT_THAT(normalizer_->warnings(), ElementsAre(HasSubstr("more than 16 MiB")));
}

std::string Pyc(uint32_t time, uint32_t size) {
  std::string bytes = {'\xa7', '\x0d', '\r', '\n', 0, 0, 0, 0};
  for (const uint32_t number : {time, size})
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(number >> shift);
  return bytes + "code";
}

TEST_F(NormalizerTest, CompiledFilesWithoutTheirSourceHaveNoTime) {
  constexpr uint32_t kTime = 1'700'000'000;
  Step("app/m.py", "x = 1\n");
  ASSERT_OK(SetMtime(Upper("app/m.py"), kTime));
  Step("app/__pycache__/m.cpython-311.pyc", Pyc(kTime, 6));
  Step("app/__pycache__/m.cpython-312.pyc", Pyc(kTime - 5, 6));
  Step("app/alone.pyc", Pyc(kTime, 9));
  Base("lib/b.py", "y = 2\n");
  ASSERT_OK(SetMtime(Lower("lib/b.py"), kTime));
  Step("lib/__pycache__/b.cpython-311.pyc", Pyc(kTime, 6));
  std::string by_hash = Pyc(kTime, 9);
  by_hash[4] = 3;
  Step("app/hashed.pyc", by_hash);
  Apply("pyc-times");
  EXPECT_EQ(Told(), "pyc-times 2");
  EXPECT_EQ(Content("app/__pycache__/m.cpython-311.pyc"), Pyc(kTime, 6));
  EXPECT_EQ(Content("app/__pycache__/m.cpython-312.pyc"), Pyc(1, 6));
  EXPECT_EQ(Content("app/alone.pyc"), Pyc(1, 9));
  EXPECT_EQ(Content("lib/__pycache__/b.cpython-311.pyc"), Pyc(kTime, 6));
  EXPECT_EQ(Content("app/hashed.pyc"), by_hash);
}

TEST_F(NormalizerTest, AFileOfAPackageIsNamed) {
  Base("var/lib/dpkg/info/gone.list", "/var/cache/man/index.db\n");
  Base("var/lib/dpkg/info/python3-foo:amd64.list", "/.\n/lib\n/lib/foo/alone.pyc\n");
  Step("var/lib/dpkg/info/manuals.list", "/var/cache/man/index.db");
  ASSERT_EQ(mknod(Upper("var/lib/dpkg/info/gone.list").c_str(), S_IFCHR, makedev(0, 0)), 0);
  Step("usr/lib/foo/alone.pyc", Pyc(7, 7));
  Step("var/cache/man/index.db");
  Step("var/log/dpkg.log");
  Apply("all");
  EXPECT_EQ(Told(), "apt-logs 1, pyc-times 1, man-db 1");
  const auto& told = normalizer_->normalizations();
  EXPECT_THAT(told[0].package_files(), IsEmpty());
  EXPECT_THAT(told[1].package_files(), ElementsAre("usr/lib/foo/alone.pyc"));
  EXPECT_THAT(told[2].package_files(), ElementsAre("var/cache/man/index.db"));
  EXPECT_THAT(
      normalizer_->warnings(),
      Contains("--normalize=pyc-times changed /usr/lib/foo/alone.pyc of python3-foo, which a package owns"));
  EXPECT_THAT(
      normalizer_->warnings(),
      Contains("--normalize=man-db changed /var/cache/man/index.db of manuals, which a package owns"));
}

TEST_F(NormalizerTest, FilesOfApksPackagesAreNamedAndOfRpmsNothingIsClaimed) {
  Base("lib/apk/db/installed",
       "C:Q1\nP:py3-foo\nV:1\nF:usr\nF:usr/lib/foo\nR:alone.pyc\nZ:Q1\n\nP:other\nF:\nR:top\n");
  Step("usr/lib/foo/alone.pyc", Pyc(7, 7));
  Apply("all");
  EXPECT_THAT(normalizer_->normalizations()[0].package_files(), ElementsAre("usr/lib/foo/alone.pyc"));
  EXPECT_THAT(
      normalizer_->warnings(),
      ElementsAre("--normalize=pyc-times changed /usr/lib/foo/alone.pyc of py3-foo, which a package owns"));
  Base("var/lib/rpm/rpmdb.sqlite", "SQLite");
  Step("var/log/dpkg.log");
  Apply("all");
  EXPECT_THAT(normalizer_->warnings(),
              ElementsAre(HasSubstr("is not known: rpm's record of packages is not read")));
}

TEST(CheckRulesTest, ARuleOfANewerCoordinatorIsRefused) {
  EXPECT_OK(CheckRules(ParseNormalize("all").value()));
  const absl::Status status = CheckRules({"apt-logs", "moon"});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(Sv(status.message())), HasSubstr("'moon'"));
}

}  // namespace
}  // namespace crossmill::worker
