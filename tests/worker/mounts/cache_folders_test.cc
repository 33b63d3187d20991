#include "worker/mounts/cache_folders.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

class CacheFoldersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    Open();
    request_.id = "apt";
    request_.uid = getuid();
    request_.gid = getgid();
  }
  void Open() {
    auto caches = CacheFolders::Create(folder_->Path("caches"));
    ASSERT_OK(caches);
    caches_ = std::move(*caches);
  }
  std::unique_ptr<CacheFolders::Use> Take(v1::RunMount::Sharing sharing) {
    CacheRequest request = request_;
    request.sharing = sharing;
    auto use = caches_->Acquire(request, {}, [] { FAIL() << "waits"; });
    EXPECT_OK(use);
    return use.ok() ? std::move(*use) : nullptr;
  }

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<CacheFolders> caches_;
  CacheRequest request_;
};

TEST_F(CacheFoldersTest, SharedIsOneFolderForAll) {
  const auto one = Take(v1::RunMount::SHARING_SHARED);
  const auto two = Take(v1::RunMount::SHARING_SHARED);
  EXPECT_EQ(one->path(), two->path());
}

TEST_F(CacheFoldersTest, PrivateIsOneForEachAndAFreeOneIsTakenAgain) {
  auto one = Take(v1::RunMount::SHARING_PRIVATE);
  const auto two = Take(v1::RunMount::SHARING_PRIVATE);
  EXPECT_NE(one->path(), two->path());
  const std::string path = one->path();
  one.reset();
  EXPECT_EQ(Take(v1::RunMount::SHARING_PRIVATE)->path(), path);
}

TEST_F(CacheFoldersTest, SharedDoesNotJoinWhatIsPrivate) {
  const auto one = Take(v1::RunMount::SHARING_PRIVATE);
  EXPECT_NE(Take(v1::RunMount::SHARING_SHARED)->path(), one->path());
}

TEST_F(CacheFoldersTest, LockedWaitsAndSaysSoOnce) {
  auto first = Take(v1::RunMount::SHARING_LOCKED);
  const std::string path = first->path();
  std::atomic<int> told = 0;
  std::string second;
  {
    const std::jthread other([&] {
      CacheRequest request = request_;
      request.sharing = v1::RunMount::SHARING_LOCKED;
      const auto use = caches_->Acquire(request, {}, [&] { ++told; });
      ASSERT_OK(use);
      EXPECT_EQ(first, nullptr);
      second = (*use)->path();
    });
    while (told == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    EXPECT_EQ(second, "");
    auto released = std::move(first);
    released.reset();
  }
  EXPECT_EQ(second, path);
  EXPECT_EQ(told, 1);
}

TEST_F(CacheFoldersTest, StopEndsTheWaiting) {
  const auto first = Take(v1::RunMount::SHARING_LOCKED);
  std::stop_source stop;
  request_.sharing = v1::RunMount::SHARING_LOCKED;
  const auto use = caches_->Acquire(request_, stop.get_token(), [&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(use.status())) << use.status();
}

TEST_F(CacheFoldersTest, ContentOutlivesTheWorker) {
  ASSERT_OK(WriteFileAtomic(Take(v1::RunMount::SHARING_SHARED)->path() + "/file", "kept"));
  caches_.reset();
  Open();
  EXPECT_EQ(*ReadFile(Take(v1::RunMount::SHARING_SHARED)->path() + "/file"), "kept");
}

TEST_F(CacheFoldersTest, NewFolderHasModeAndContentOfItsRequest) {
  request_.mode = 0700;
  request_.content = "digest";
  request_.fill = [](const std::string& path) -> absl::Status {
    RETURN_IF_ERROR(MakeFolders(path));
    EXPECT_EQ(chmod(path.c_str(), 01770), 0);
    return WriteFileAtomic(path + "/seed", "seed");
  };
  const auto use = Take(v1::RunMount::SHARING_SHARED);
  struct stat state {};
  ASSERT_EQ(stat(use->path().c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 01770u) << "content comes with its folder's mode";
  EXPECT_TRUE(Exists(use->path() + "/seed"));
  // Others of that id that do not want it have their own.
  request_.mode = 0755;
  request_.content.clear();
  request_.fill = nullptr;
  const auto empty = Take(v1::RunMount::SHARING_SHARED);
  EXPECT_FALSE(Exists(empty->path() + "/seed"));
  ASSERT_EQ(stat(empty->path().c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 0755u);
}

TEST_F(CacheFoldersTest, BuildWithoutCacheFindsOnlyWhatItsOwnStepsLeft) {
  ASSERT_OK(WriteFileAtomic(Take(v1::RunMount::SHARING_SHARED)->path() + "/old", ""));
  request_.fresh = "build 7";
  {
    const auto use = Take(v1::RunMount::SHARING_SHARED);
    EXPECT_FALSE(Exists(use->path() + "/old"));
    ASSERT_OK(WriteFileAtomic(use->path() + "/new", ""));
  }
  EXPECT_TRUE(Exists(Take(v1::RunMount::SHARING_SHARED)->path() + "/new"))
      << "a later step of the same build";
  caches_.reset();
  Open();
  EXPECT_TRUE(Exists(Take(v1::RunMount::SHARING_SHARED)->path() + "/new")) << "after a restart of the worker";
  request_.fresh = "build 8";
  EXPECT_FALSE(Exists(Take(v1::RunMount::SHARING_SHARED)->path() + "/new")) << "the next build without cache";
  // Builds that trust caches go on with what it made.
  ASSERT_OK(WriteFileAtomic(Take(v1::RunMount::SHARING_SHARED)->path() + "/last", ""));
  request_.fresh.clear();
  EXPECT_TRUE(Exists(Take(v1::RunMount::SHARING_SHARED)->path() + "/last"));
}

TEST_F(CacheFoldersTest, CacheInUseStaysWithItsStepAndIsGoneAfterIt) {
  for (const auto sharing : {v1::RunMount::SHARING_SHARED, v1::RunMount::SHARING_LOCKED}) {
    request_.fresh.clear();
    auto old = Take(sharing);
    const std::string path = old->path();
    ASSERT_OK(WriteFileAtomic(path + "/old", ""));
    request_.fresh = fmt::format("build {}", static_cast<int>(sharing));
    const auto use = Take(sharing);
    EXPECT_NE(use->path(), path);
    EXPECT_FALSE(Exists(use->path() + "/old"));
    EXPECT_TRUE(Exists(path + "/old"));
    old.reset();
    EXPECT_FALSE(Exists(path));
    EXPECT_FALSE(Exists(path + ".stale"));
  }
}

TEST_F(CacheFoldersTest, CacheInUseWhenTheWorkerWasKilledIsGoneAfterwards) {
  const auto old = Take(v1::RunMount::SHARING_SHARED);
  ASSERT_OK(WriteFileAtomic(old->path() + "/old", ""));
  request_.fresh = "build 7";
  const auto use = Take(v1::RunMount::SHARING_SHARED);
  ASSERT_OK(WriteFileAtomic(use->path() + "/new", ""));
  // Another worker on the same folder, as if this one had died.
  auto next = CacheFolders::Create(folder_->Path("caches"));
  ASSERT_OK(next);
  EXPECT_FALSE(Exists(old->path()));
  EXPECT_TRUE(Exists(use->path() + "/new"));
}

TEST_F(CacheFoldersTest, FailedContentLeavesNoCache) {
  request_.content = "digest";
  request_.fill = [](const std::string&) { return absl::UnavailableError("no blob"); };
  EXPECT_TRUE(absl::IsUnavailable(caches_->Acquire(request_, {}, [] {}).status()));
  request_.fill = [](const std::string& path) { return MakeFolders(path); };
  const auto use = Take(v1::RunMount::SHARING_LOCKED);
  EXPECT_TRUE(Exists(use->path()));
}

TEST_F(CacheFoldersTest, TheOldestThatNobodyUsesGoes) {
  EXPECT_FALSE(*caches_->RemoveOldest());
  std::string first, second;
  {
    const auto use = Take(v1::RunMount::SHARING_SHARED);
    first = use->path();
    ASSERT_OK(WriteFileAtomic(first + "/a", std::string(1 << 20, 'x')));
    EXPECT_EQ(caches_->Measure(), 0u) << "in use";
    EXPECT_FALSE(caches_->oldest());
    EXPECT_FALSE(*caches_->RemoveOldest()) << "in use";
  }
  EXPECT_GE(caches_->Measure(), 1u << 20);
  request_.id = "pip";
  auto pip = Take(v1::RunMount::SHARING_SHARED);
  second = pip->path();
  EXPECT_TRUE(*caches_->RemoveOldest());
  EXPECT_FALSE(Exists(first));
  EXPECT_FALSE(Exists(first + ".used"));
  EXPECT_TRUE(Exists(second));
  EXPECT_FALSE(*caches_->RemoveOldest());
  pip.reset();
  EXPECT_LT(caches_->Measure(), 1u << 20);
  // It comes again, empty.
  request_.id = "apt";
  const auto again = Take(v1::RunMount::SHARING_SHARED);
  EXPECT_EQ(again->path(), first);
  EXPECT_FALSE(Exists(first + "/a"));
}

TEST_F(CacheFoldersTest, AWorkerThatStartsAgainKnowsTheOrder) {
  const auto use_at = [&](const char* id, time_t when) {
    request_.id = id;
    const std::string path = Take(v1::RunMount::SHARING_SHARED)->path();
    const timespec times[2] = {{when, 0}, {when, 0}};
    EXPECT_EQ(utimensat(AT_FDCWD, (path + ".used").c_str(), times, 0), 0);
    return path;
  };
  const std::string newer = use_at("a", 2000), older = use_at("b", 1000), newest = use_at("c", 3000);
  Open();
  EXPECT_EQ(caches_->oldest(), 1000);
  EXPECT_TRUE(*caches_->RemoveOldest());
  EXPECT_FALSE(Exists(older));
  EXPECT_EQ(caches_->oldest(), 2000);
  EXPECT_TRUE(*caches_->RemoveOldest());
  EXPECT_FALSE(Exists(newer));
  EXPECT_TRUE(Exists(newest));
}

}  // namespace
}  // namespace crossmill::worker
