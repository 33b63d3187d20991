#include "coordinator/buildkit/files/folder_memory.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "common/base/digest.h"
#include "common/context/directory_nodes.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr int64_t kTooYoungNanos = 2'000'000'000;

}  // namespace

KnownFiles::Key KnownFiles::KeyOf(const Facts& facts) {
  Sha256 sha;
  sha.Update(fmt::format("{} {} {} ", facts.size, facts.mtime_nanos, facts.mode));
  sha.Update(facts.path);
  const context::RawSha256 raw = context::RawOf(sha.Finish().hash);
  Key key;
  std::memcpy(key.data(), raw.data(), sizeof(key));
  return key;
}

const context::RawSha256* KnownFiles::Find(const Facts& facts) const {
  const auto found = by_facts_.find(KeyOf(facts));
  return found == by_facts_.end() ? nullptr : &found->second;
}

void KnownFiles::Add(const Facts& facts, const context::RawSha256& hash) { by_facts_[KeyOf(facts)] = hash; }

std::shared_ptr<const KnownFiles> FolderMemory::Find(const std::string& folder) {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(folder);
  if (found == by_name_.end()) return nullptr;
  folders_.splice(folders_.begin(), folders_, found->second);
  return found->second->files;
}

void FolderMemory::Keep(const std::string& folder, std::shared_ptr<const KnownFiles> files) {
  if (files->size() > most_files_) return;
  MutexLock lock(mutex_);
  if (const auto found = by_name_.find(folder); found != by_name_.end()) {
    files_ -= found->second->files->size();
    folders_.erase(found->second);
    by_name_.erase(found);
  }
  files_ += files->size();
  folders_.push_front({folder, std::move(files)});
  by_name_[folder] = folders_.begin();
  // An empty one counts too, by its name.
  while (files_ > most_files_ || folders_.size() > kMostFolders) {
    files_ -= folders_.back().files->size();
    by_name_.erase(folders_.back().name);
    folders_.pop_back();
  }
}

bool FolderMemory::MayBeKnown(int64_t mtime_nanos) {
  return mtime_nanos <= UnixNanos(clock_.Now()) - kTooYoungNanos;
}

size_t FolderMemory::files() {
  MutexLock lock(mutex_);
  return files_;
}

}  // namespace crossmill::coordinator::buildkit
