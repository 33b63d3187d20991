// Layers that are removed for want of room: never one that is needed, and each comes again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "common/base/status.h"
#include "tests/support/namespaces.h"
#include "tests/support/status_matchers.h"
#include "worker/layers/overlay_snapshotter.h"

namespace crossmill::worker {
namespace {

class KeptLayers {
 public:
  explicit KeptLayers(const std::string& folder) : folder_(folder), blobs_(MakeMemoryBlobStore()) { Open(); }
  void Open() {
    snapshotter_.reset();
    auto opened = OverlaySnapshotter::Create(folder_, *blobs_);
    ASSERT_OK(opened);
    snapshotter_ = *std::move(opened);
  }
  // With one file of that name.
  Digest Add(const std::string& name) {
    auto snapshot = snapshotter_->Prepare({});
    EXPECT_OK(snapshot);
    if (!snapshot.ok()) return {};
    EXPECT_OK(WriteFileAtomic((*snapshot)->root() + "/" + name, name));
    const auto layer = (*snapshot)->Commit({});
    EXPECT_OK(layer);
    return layer.ok() ? FromProto(layer->layer.tar()) : Digest{};
  }
  std::string Link(const Digest& tar) const {
    return fmt::format("{}/index/{}-{}", folder_, tar.hash, tar.size);
  }
  void SetUsed(const Digest& tar, time_t when) const {
    const timespec times[2] = {{when, 0}, {when, 0}};
    ASSERT_EQ(0, utimensat(AT_FDCWD, Link(tar).c_str(), times, AT_SYMLINK_NOFOLLOW)) << strerror(errno);
  }
  bool IsHere(const Digest& tar) const {
    struct stat state {};
    return lstat(Link(tar).c_str(), &state) == 0;
  }
  OverlaySnapshotter& operator*() { return *snapshotter_; }
  OverlaySnapshotter* operator->() { return snapshotter_.get(); }
  const std::string& folder() const { return folder_; }

 private:
  const std::string folder_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<OverlaySnapshotter> snapshotter_;
};

void InNamespaces(const std::function<void(const std::string& folder)>& body) {
  if (auto reason = RunInNamespaces(Privilege::kUserNamespace, Disk::kTemporaryFolder, body))
    GTEST_SKIP() << *reason;
}

TEST(OverlayBudgetTest, WhatWasUsedLeastLatelyGoesAndComesAgain) {
  InNamespaces([](const std::string& folder) {
    KeptLayers layers(folder + "/w");
    const Digest a = layers.Add("a"), b = layers.Add("b"), c = layers.Add("c");
    layers.SetUsed(a, 2000);
    layers.SetUsed(b, 1000);
    layers.SetUsed(c, 3000);
    // A worker that starts again knows the order.
    layers.Open();
    EXPECT_EQ(layers->bytes(), static_cast<uint64_t>(a.size + b.size + c.size));
    EXPECT_EQ(layers->oldest(), 1000);
    EXPECT_TRUE(*layers->RemoveOldest());
    EXPECT_FALSE(layers.IsHere(b));
    EXPECT_TRUE(layers.IsHere(a) && layers.IsHere(c));
    // Held, so the next is c; then nothing is left that could go.
    const auto hold = layers->Hold({&a, 1});
    EXPECT_EQ(layers->oldest(), 3000);
    {
      const auto mounted = layers->View({{c}});
      ASSERT_OK(mounted);
      EXPECT_FALSE(*layers->RemoveOldest()) << "mounted or held";
    }
    EXPECT_TRUE(*layers->RemoveOldest());
    EXPECT_EQ(layers->bytes(), static_cast<uint64_t>(a.size));
    {
      const auto view = layers->View({{a, b, c}});
      ASSERT_OK(view);
      EXPECT_EQ(ReadFile((*view)->root() + "/b").value_or("gone"), "b");
    }
    EXPECT_TRUE(std::filesystem::is_empty(layers.folder() + "/work"))
        << "something is left of what was removed";
  });
}

TEST(OverlayBudgetTest, RootsAreWholeWhileLayersAreRemovedAllTheTime) {
  InNamespaces([](const std::string& folder) {
    KeptLayers layers(folder + "/w");
    const std::vector<Digest> tars = {layers.Add("a"), layers.Add("b"), layers.Add("c"), layers.Add("d")};
    std::atomic<bool> done = false;
    std::atomic<int> removed = 0;
    std::thread remover([&] {
      while (!done) {
        const auto went = layers->RemoveOldest();
        EXPECT_OK(went);
        if (went.ok() && *went) ++removed;
      }
    });
    // Some rounds, and until something went at all: the other thread may come late.
    for (int i = 0; i < 40 || (removed == 0 && i < 10'000); ++i) {
      const auto view = layers->View(tars);
      EXPECT_OK(view);
      if (!view.ok()) break;
      for (const char* name : {"a", "b", "c", "d"})
        EXPECT_EQ(ReadFile((*view)->root() + "/" + name).value_or("gone"), name);
    }
    done = true;
    remover.join();
    EXPECT_GT(removed, 0);
  });
}

}  // namespace
}  // namespace crossmill::worker
