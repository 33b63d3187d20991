// The folders of RUN --mount=type=cache: kept between steps, builds and restarts of the worker, which alone
// uses them.
//
//   KEY/id       the cache's id, for people; KEY is a hash of it and of what a new folder of it looks like
//   KEY/0, ...   its folders: one, and more where steps at the same time need their own
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::worker {

struct CacheRequest {
  std::string id;
  v1::RunMount::Sharing sharing = v1::RunMount::SHARED;
  // Of a new folder. A step that wants others than before gets another cache, as with BuildKit: it could
  // not write to that of somebody else.
  uint32_t mode = 0755;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Names the initial content; empty: none. Part of what the cache is, too.
  std::string content;
  // Puts the initial content at `path`, which does not exist; unset: an empty folder.
  std::function<absl::Status(const std::string& path)> fill;
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

 private:
  struct Folder {
    int users = 0;
    // With users: others may join.
    bool shared = false;
    // Being made: who may join waits.
    bool ready = true;
    // It could not be made, and the number is free again.
    bool missing = false;
  };

  explicit CacheFolders(std::string folder) : folder_(std::move(folder)) {}
  absl::Status Load();
  absl::Status Make(const CacheRequest& request, const std::string& key, const std::string& path) const;
  void Release(const std::string& key, size_t number);
  std::string PathOf(const std::string& key, size_t number) const;

  const std::string folder_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::vector<Folder>> caches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::worker
