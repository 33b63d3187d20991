#include "coordinator/buildkit/history/build_history.h"

#include <algorithm>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

bk::BuildHistoryRecord RecordOf(const v1::KeptClientBuild& build) {
  bk::BuildHistoryRecord record;
  record.ParseFromString(build.record());
  return record;
}

absl::Status NoSuchBuild(const std::string& reference) {
  return absl::NotFoundError(fmt::format("no record found for {}", Printable(reference)));
}

}  // namespace

std::map<std::string, std::string> ShownAttributes(const std::map<std::string, std::string>& given) {
  constexpr size_t kMost = 200, kLongest = 1000;
  std::map<std::string, std::string> shown;
  for (const auto& [key, value] : given) {
    if (shown.size() >= kMost || key.size() > kLongest) continue;
    const bool hidden = key.starts_with("build-arg:") || key == "cache-imports" || key == "cache-from";
    shown[key] = hidden ? "***" : std::string(CutBetweenCharacters(value, kLongest));
  }
  return shown;
}

std::unique_ptr<BuildHistory> BuildHistory::Open(std::string path, size_t most) {
  std::unique_ptr<BuildHistory> history(new BuildHistory(std::move(path), most));
  if (history->path_.empty() || !Exists(history->path_)) return history;
  const auto bytes = ReadFile(history->path_);
  v1::KeptClientBuilds kept;
  if (!bytes.ok() || !kept.ParseFromString(*bytes)) {
    LogWarning("buildkit_history path={} error=cannot be read", history->path_);
    return history;
  }
  MutexLock lock(history->mutex_);
  for (v1::KeptClientBuild& build : *kept.mutable_builds()) {
    const bk::BuildHistoryRecord record = RecordOf(build);
    history->entries_.push_back({std::move(build), record.ref(), true, ++history->told_});
  }
  return history;
}

void BuildHistory::Tell(v1::KeptClientBuild build) {
  const bk::BuildHistoryRecord record = RecordOf(build);
  const bool ended = record.has_completedat();
  {
    MutexLock lock(mutex_);
    std::erase_if(entries_, [&](const Entry& each) {
      return each.reference == record.ref() && each.build.caller() == build.caller();
    });
    entries_.push_back({std::move(build), record.ref(), ended, ++told_});
    while (entries_.size() > most_) entries_.pop_front();
    changed_.NotifyAll();
  }
  if (ended) Save();
}

std::string BuildHistory::Kept() {
  v1::KeptClientBuilds kept;
  for (const Entry& entry : entries_) {
    if (entry.ended) *kept.add_builds() = entry.build;
  }
  return kept.SerializeAsString();
}

void BuildHistory::Save() {
  if (path_.empty()) return;
  MutexLock saving(saving_);
  std::string bytes;
  {
    MutexLock lock(mutex_);
    bytes = Kept();
  }
  const absl::Status written = WriteFileAtomic(path_, bytes, 0600);
  if (!written.ok()) LogWarning("buildkit_history path={} error={}", path_, written.ToString());
}

std::vector<v1::KeptClientBuild> BuildHistory::List(const core::Scope& scope, bool active,
                                                    const std::string& reference) {
  std::vector<v1::KeptClientBuild> found;
  MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (!scope.Sees(entry.build.project()) || (active && entry.ended)) continue;
    if (!reference.empty() && entry.reference != reference) continue;
    found.push_back(entry.build);
  }
  return found;
}

BuildHistory::Entry* BuildHistory::FindEntry(const core::Scope& scope, const std::string& reference) {
  for (Entry& entry : entries_) {
    if (entry.reference == reference && scope.Sees(entry.build.project())) return &entry;
  }
  return nullptr;
}

absl::StatusOr<v1::KeptClientBuild> BuildHistory::Find(const core::Scope& scope,
                                                       const std::string& reference) {
  MutexLock lock(mutex_);
  const Entry* entry = FindEntry(scope, reference);
  if (entry == nullptr) return NoSuchBuild(reference);
  return entry->build;
}

absl::Status BuildHistory::Delete(const core::Scope& scope, const std::string& reference) {
  {
    MutexLock lock(mutex_);
    const Entry* entry = FindEntry(scope, reference);
    if (entry == nullptr) return NoSuchBuild(reference);
    if (!entry->ended) return absl::FailedPreconditionError("the build is running: cancel it first");
    const int64_t told = entry->told;
    std::erase_if(entries_, [told](const Entry& each) { return each.told == told; });
  }
  Save();
  return absl::OkStatus();
}

absl::Status BuildHistory::Change(const core::Scope& scope, const std::string& reference,
                                  const std::function<void(bk::BuildHistoryRecord*)>& change) {
  {
    MutexLock lock(mutex_);
    Entry* entry = FindEntry(scope, reference);
    if (entry == nullptr) return NoSuchBuild(reference);
    bk::BuildHistoryRecord record = RecordOf(entry->build);
    change(&record);
    entry->build.set_record(record.SerializeAsString());
    entry->told = ++told_;
    changed_.NotifyAll();
  }
  Save();
  return absl::OkStatus();
}

absl::Status BuildHistory::SetPinned(const core::Scope& scope, const std::string& reference, bool pinned) {
  return Change(scope, reference, [pinned](bk::BuildHistoryRecord* record) { record->set_pinned(pinned); });
}

absl::Status BuildHistory::SetTrace(const core::Scope& scope, const std::string& reference,
                                    const bk::Descriptor& trace) {
  return Change(scope, reference, [&](bk::BuildHistoryRecord* record) { *record->mutable_trace() = trace; });
}

std::vector<v1::KeptClientBuild> BuildHistory::Next(int64_t* place, std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  std::vector<v1::KeptClientBuild> found;
  MutexLock lock(mutex_);
  while (told_ <= *place && !stop.stop_requested()) changed_.Wait(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.told > *place) found.push_back(entry.build);
  }
  *place = told_;
  if (stop.stop_requested()) found.clear();
  return found;
}

int64_t BuildHistory::place() {
  MutexLock lock(mutex_);
  return told_;
}

}  // namespace crossmill::coordinator::buildkit
