// The folders of RUN --mount=type=cache: kept between steps, builds and restarts of the worker, which alone
// uses them.
//
//   KEY/id       the cache's id, for people; KEY is a hash of it and of what a new folder of it looks like
//   KEY/0, ...   its folders: one, and more where steps at the same time need their own
//   KEY/fresh    the last build without cache (--no-cache) that used it: folders are younger than that
//   KEY/0.stale  folder 0 is older than that and goes when the step that has it is over
//   KEY/0.old... a folder that is being removed
//   KEY/0.used   its time is when folder 0 was last given back
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::worker {

struct CacheRequest {
  std::string id;
  v1::RunMount::Sharing sharing = v1::RunMount::SHARING_SHARED;
  // A new folder's mode and owner, unless it is filled. A step that wants others than before gets another
  // cache, as with BuildKit: it could not write to that of somebody else.
  uint32_t mode = 0755;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Names the initial content; empty: none. Part of what the cache is, too.
  std::string content;
  // Puts the initial content at `path`, which does not exist, with mode and owner; unset: an empty folder.
  std::function<absl::Status(const std::string& path)> fill;
  // Names a build that trusts no cache: it finds the cache empty, or as its own steps left it. Empty: any
  // other.
  std::string fresh;
};

// Thread safe.
class CacheFolders {
 public:
  // A folder in use; given back when the object dies, which must be before CacheFolders does.
  class Use {
   public:
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    const std::string& path() const { return path_; }

   private:
    friend class CacheFolders;
    Use(CacheFolders& owner, std::string key, size_t number, std::string path)
        : owner_(owner), key_(std::move(key)), number_(number), path_(std::move(path)) {}
    CacheFolders& owner_;
    const std::string key_;
    const size_t number_;
    const std::string path_;
  };

  // Finds the caches of earlier workers again. Call inside the worker's namespaces; nobody else uses
  // `folder`.
  static absl::StatusOr<std::unique_ptr<CacheFolders>> Create(std::string folder);

  // The same for equal requests: what names a cache on disk. Of several caches take that with the smallest
  // key first, so that two steps never wait for each other.
  static std::string KeyOf(const CacheRequest& request);

  // SHARED: what others share, else a free folder, else a new one. PRIVATE: a free one, else a new one.
  // LOCKED: as PRIVATE, but where others have one it waits; `on_wait` is called before that. CANCELLED at a
  // stop.
  absl::StatusOr<std::unique_ptr<Use>> Acquire(const CacheRequest& request, const std::stop_token& stop,
                                               const std::function<void()>& on_wait);

  // Bytes on the disk of the folders that nobody uses; those that were used since the last time are looked
  // through, so this may take a while.
  uint64_t Measure() ABSL_LOCKS_EXCLUDED(mutex_);
  // When the folder was last used that nobody uses and that was used least lately; Unix time in seconds.
  std::optional<int64_t> oldest() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Removes that one: a step that asks for its cache gets a new one. False: all are in use, or there are
  // none.
  absl::StatusOr<bool> RemoveOldest() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Folder {
    int users = 0;
    // With users: others may join.
    bool shared = false;
    // Being made: who may join waits.
    bool ready = true;
    // It could not be made or is gone, and the number is free again.
    bool missing = false;
    // A build without cache came while it was in use: nobody else gets it, and it is removed afterwards.
    bool stale = false;
    // On the disk; unset: used since it was looked through.
    std::optional<uint64_t> bytes = {};
    // Unix time in seconds.
    int64_t used_at = 0;
  };
  // A cache's key, and the number of a folder.
  using Place = std::pair<std::string, size_t>;
  struct Cache {
    std::vector<Folder> folders;
    // Name of the last build without cache.
    std::string fresh;
  };

  // Numbers of folders: one to share, one that is free, a number without folder; and whether others have one.
  struct Choice {
    std::optional<size_t> joined, free, unused;
    bool taken = false;
  };
  static Choice Choose(const std::vector<Folder>& folders, v1::RunMount::Sharing sharing);

  explicit CacheFolders(std::string folder) : folder_(std::move(folder)) {}
  absl::Status Load();
  absl::Status LoadCache(const std::string& key, Cache& cache) const;
  // Takes everything that is older than the build out of the cache; `gone` gets the paths to be removed.
  absl::Status Freshen(const std::string& key, const std::string& fresh, std::vector<std::string>& gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Make(const CacheRequest& request, const std::string& key, const std::string& path) const;
  void Release(const std::string& key, size_t number);
  std::string PathOf(const std::string& key, size_t number) const;
  std::optional<Place> FindOldest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Cache> caches_ ABSL_GUARDED_BY(mutex_);
  uint64_t discarded_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::worker
