#include "worker/mounts/cache_folders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/room/folder_size.h"
#include "common/base/status.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {
namespace {

// How soon a stop ends the waiting for a locked cache.
constexpr std::chrono::milliseconds kStopPatience{100};
constexpr std::string_view kFresh = "fresh";
constexpr std::string_view kStale = ".stale";
constexpr std::string_view kUsed = ".used";

int64_t Now() { return absl::ToUnixSeconds(absl::Now()); }

// 0: there is none, as of a worker that did not note it.
int64_t TimeOf(const std::string& path) {
  struct stat state {};
  return stat(path.c_str(), &state) == 0 ? state.st_mtim.tv_sec : 0;
}

std::optional<size_t> NumberOf(std::string_view name) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

CacheFolders::Use::~Use() { owner_.Release(key_, number_); }

absl::StatusOr<std::unique_ptr<CacheFolders>> CacheFolders::Create(std::string folder) {
  std::unique_ptr<CacheFolders> caches(new CacheFolders(std::move(folder)));
  RETURN_IF_ERROR(caches->Load());
  return caches;
}

absl::Status CacheFolders::Load() {
  RETURN_IF_ERROR(MakeFolders(folder_, 0700));
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, ListFolder(folder_));
  MutexLock lock(mutex_);
  for (const std::string& key : keys) RETURN_IF_ERROR(LoadCache(key, caches_[key]));
  return absl::OkStatus();
}

absl::Status CacheFolders::LoadCache(const std::string& key, Cache& cache) const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(fmt::format("{}/{}", folder_, key)));
  const std::set<std::string> all(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = fmt::format("{}/{}/{}", folder_, key, name);
    const std::optional<size_t> number = NumberOf(name);
    if (name == kFresh) {
      ASSIGN_OR_RETURN(cache.fresh, ReadFile(path));
    } else if (name.ends_with(kUsed)) {
      continue;
    } else if (!number || all.contains(name + std::string(kStale))) {
      // Half made, half removed, or due to be removed when its worker was killed.
      if (name != "id") RETURN_IF_ERROR(RemoveTree(path));
    } else {
      while (cache.folders.size() <= *number) cache.folders.push_back({.missing = true});
      cache.folders[*number].missing = false;
      cache.folders[*number].used_at = TimeOf(path + std::string(kUsed));
    }
  }
  return absl::OkStatus();
}

std::string CacheFolders::KeyOf(const CacheRequest& request) {
  return DigestOf(fmt::format("{} {:o} {} {} {}", request.id.size(), request.mode, request.uid, request.gid,
                              request.id + request.content))
      .hash.substr(0, 32);
}

std::string CacheFolders::PathOf(const std::string& key, size_t number) const {
  return fmt::format("{}/{}/{}", folder_, key, number);
}

absl::Status CacheFolders::Make(const CacheRequest& request, const std::string& key,
                                const std::string& path) const {
  RETURN_IF_ERROR(MakeFolders(fmt::format("{}/{}", folder_, key), 0700));
  RETURN_IF_ERROR(WriteFileAtomic(fmt::format("{}/{}/id", folder_, key), request.id + "\n"));
  const std::string made = path + ".new";
  RETURN_IF_ERROR(RemoveTree(made));
  if (request.fill) {
    RETURN_IF_ERROR(request.fill(made));
  } else if (mkdir(made.c_str(), 0700) != 0) {
    return ErrnoStatus(errno, made);
  }
  if (!request.fill && chown(made.c_str(), request.uid, request.gid) != 0) {
    return ErrnoStatus(errno,
                       fmt::format("owner {}:{} of the cache '{}'", request.uid, request.gid, request.id));
  }
  if (!request.fill && chmod(made.c_str(), request.mode) != 0) return ErrnoStatus(errno, path);
  return rename(made.c_str(), path.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, path);
}

absl::Status CacheFolders::Freshen(const std::string& key, const std::string& fresh,
                                   std::vector<std::string>& gone) {
  Cache& cache = caches_[key];
  if (fresh.empty() || cache.fresh == fresh) return absl::OkStatus();
  for (size_t i = 0; i < cache.folders.size(); ++i) {
    Folder& folder = cache.folders[i];
    const std::string path = PathOf(key, i);
    if (folder.users > 0) {
      RETURN_IF_ERROR(WriteFileAtomic(path + std::string(kStale), ""));
      folder.stale = true;
    } else if (!folder.missing) {
      gone.push_back(fmt::format("{}.old{}", path, discarded_++));
      if (rename(path.c_str(), gone.back().c_str()) != 0) return ErrnoStatus(errno, path);
      folder.missing = true;
    }
  }
  // Last: a worker that is killed before it begins again.
  RETURN_IF_ERROR(MakeFolders(fmt::format("{}/{}", folder_, key), 0700));
  RETURN_IF_ERROR(WriteFileAtomic(fmt::format("{}/{}/{}", folder_, key, kFresh), fresh));
  cache.fresh = fresh;
  return absl::OkStatus();
}

CacheFolders::Choice CacheFolders::Choose(const std::vector<Folder>& folders, v1::RunMount::Sharing sharing) {
  Choice choice;
  for (size_t i = 0; i < folders.size(); ++i) {
    const Folder& folder = folders[i];
    if (folder.stale) continue;
    if (folder.users > 0 && folder.shared && sharing == v1::RunMount::SHARING_SHARED && !choice.joined) {
      choice.joined = i;
    }
    if (folder.users > 0) choice.taken = true;
    if (folder.users == 0 && folder.missing && !choice.unused) choice.unused = i;
    if (folder.users == 0 && !folder.missing && !choice.free) choice.free = i;
  }
  return choice;
}

absl::StatusOr<std::unique_ptr<CacheFolders::Use>> CacheFolders::Acquire(
    const CacheRequest& request, const std::stop_token& stop, const std::function<void()>& on_wait) {
  const std::string key = KeyOf(request);
  const bool shared = request.sharing == v1::RunMount::SHARING_SHARED;
  std::vector<std::string> gone;
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(Freshen(key, request.fresh, gone));
  }
  for (const std::string& path : gone) RETURN_IF_ERROR(RemoveTree(path));
  size_t chosen = 0;
  bool told = false;
  {
    MutexLock lock(mutex_);
    std::vector<Folder>& folders = caches_[key].folders;
    while (true) {
      if (stop.stop_requested()) return absl::CancelledError("cancelled");
      const auto [joined, free, unused, taken] = Choose(folders, request.sharing);
      if (joined && folders[*joined].ready) {
        ++folders[*joined].users;
        return std::unique_ptr<Use>(new Use(*this, key, *joined, PathOf(key, *joined)));
      }
      if (!joined && free) {
        folders[*free].users = 1;
        folders[*free].shared = shared;
        return std::unique_ptr<Use>(new Use(*this, key, *free, PathOf(key, *free)));
      }
      if (!joined && !(request.sharing == v1::RunMount::SHARING_LOCKED && taken)) {
        chosen = unused.value_or(folders.size());
        if (!unused) folders.emplace_back();
        folders[chosen] = {.users = 1, .shared = shared, .ready = false, .missing = true};
        break;
      }
      if (!joined && !told) {
        told = true;
        mutex_.Unlock();
        on_wait();
        mutex_.Lock();
        continue;
      }
      changed_.WaitFor(mutex_, kStopPatience);
    }
  }
  const std::string path = PathOf(key, chosen);
  const absl::Status made = Make(request, key, path);
  MutexLock lock(mutex_);
  Folder& folder = caches_[key].folders[chosen];
  folder.ready = true;
  folder.missing = !made.ok();
  if (!made.ok()) {
    (void)RemoveTree(path + std::string(kStale));
    folder = {.missing = true};
  }
  changed_.NotifyAll();
  if (!made.ok()) return made;
  return std::unique_ptr<Use>(new Use(*this, key, chosen, path));
}

void CacheFolders::Release(const std::string& key, size_t number) {
  const std::string path = PathOf(key, number);
  // So that workers that come know the order; without it the folder counts as the oldest.
  (void)WriteFileAtomic(path + std::string(kUsed), "");
  {
    MutexLock lock(mutex_);
    Folder& folder = caches_[key].folders[number];
    folder.bytes.reset();
    folder.used_at = Now();
    if (--folder.users > 0 || !folder.stale) return changed_.NotifyAll();
    // Still nobody's until it is gone.
    folder.users = 1;
  }
  absl::Status removed = RemoveTree(path);
  removed.Update(RemoveTree(path + std::string(kStale)));
  if (!removed.ok()) LogWarning("a stale cache stays: {}", Sv(removed.message()));
  MutexLock lock(mutex_);
  Folder& folder = caches_[key].folders[number];
  // One that could not be removed keeps its mark, and its number, until the worker starts again.
  if (removed.ok()) folder = {.missing = true};
  changed_.NotifyAll();
}

uint64_t CacheFolders::Measure() {
  std::vector<Place> unknown;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, cache] : caches_) {
      for (size_t i = 0; i < cache.folders.size(); ++i) {
        const Folder& folder = cache.folders[i];
        if (!folder.missing && folder.users == 0 && !folder.bytes) unknown.emplace_back(key, i);
      }
    }
  }
  std::vector<uint64_t> measured;
  for (const auto& [key, number] : unknown) {
    const absl::StatusOr<FolderSize> size = MeasureFolder(PathOf(key, number));
    measured.push_back(size.ok() ? static_cast<uint64_t>(size->bytes) : 0);
  }
  MutexLock lock(mutex_);
  for (size_t i = 0; i < unknown.size(); ++i) {
    Folder& folder = caches_[unknown[i].first].folders[unknown[i].second];
    if (!folder.missing && folder.users == 0) folder.bytes = measured[i];
  }
  uint64_t bytes = 0;
  for (const auto& [key, cache] : caches_) {
    for (const Folder& folder : cache.folders) bytes += folder.missing ? 0 : folder.bytes.value_or(0);
  }
  return bytes;
}

std::optional<CacheFolders::Place> CacheFolders::FindOldest() const {
  std::optional<Place> oldest;
  int64_t used_at = 0;
  for (const auto& [key, cache] : caches_) {
    for (size_t i = 0; i < cache.folders.size(); ++i) {
      const Folder& folder = cache.folders[i];
      if (folder.missing || folder.users > 0 || folder.stale || (oldest && used_at <= folder.used_at))
        continue;
      oldest = Place(key, i);
      used_at = folder.used_at;
    }
  }
  return oldest;
}

std::optional<int64_t> CacheFolders::oldest() const {
  MutexLock lock(mutex_);
  const auto place = FindOldest();
  if (!place) return std::nullopt;
  return caches_.at(place->first).folders[place->second].used_at;
}

absl::StatusOr<bool> CacheFolders::RemoveOldest() {
  std::optional<Place> place;
  std::string gone;
  {
    MutexLock lock(mutex_);
    place = FindOldest();
    if (!place) return false;
    Folder& folder = caches_[place->first].folders[place->second];
    // Nobody's until it is gone: whoever wants a cache meanwhile gets another folder, or waits.
    folder.users = 1;
    folder.shared = false;
    gone = fmt::format("{}.old{}", PathOf(place->first, place->second), discarded_++);
  }
  const std::string path = PathOf(place->first, place->second);
  const absl::Status moved =
      rename(path.c_str(), gone.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, path);
  if (moved.ok()) (void)unlink((path + std::string(kUsed)).c_str());
  {
    MutexLock lock(mutex_);
    Folder& folder = caches_[place->first].folders[place->second];
    folder.users = 0;
    if (moved.ok()) {
      // A build without cache may have marked it meanwhile; the mark must not meet the next folder of this
      // number.
      if (folder.stale) (void)unlink((path + std::string(kStale)).c_str());
      folder = {.missing = true};
    } else {
      folder.used_at = Now();
    }
    changed_.NotifyAll();
  }
  RETURN_IF_ERROR(moved);
  RETURN_IF_ERROR(RemoveTree(gone));
  return true;
}

}  // namespace crossmill::worker
