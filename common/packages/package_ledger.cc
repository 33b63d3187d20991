#include "common/packages/package_ledger.h"

#include <algorithm>
#include <utility>

namespace crossmill::packages {
namespace {

// A step that installs more than this is not one that anybody reads.
constexpr size_t kMostCounting = 20'000;
// Mentioned or counting; beyond it the oldest that were only mentioned are forgotten.
constexpr size_t kMostEntries = 2 * kMostCounting;
// Of one name: it was collected again and again in one step.
constexpr size_t kMostOfOneName = 64;

bool Counts(const PackageLedger::Entry& entry) {
  return entry.seen.arrived || entry.seen.built || entry.seen.failed || entry.building;
}

}  // namespace

std::string PackageLedger::Key(std::string_view normalised, bool build_dependency) {
  std::string key(build_dependency ? "b" : "r");
  key += normalised;
  return key;
}

PackageLedger::Id PackageLedger::Find(std::string_view name, bool build_dependency) const {
  if (!IsPackageName(name)) return kNone;
  const auto found = by_name_.find(Key(NormalisePackageName(name), build_dependency));
  return found == by_name_.end() || found->second.empty() ? kNone : found->second.back();
}

void PackageLedger::Index(Id id, const std::string& key) {
  std::deque<Id>& ids = by_name_[key];
  ids.push_back(id);
  if (ids.size() > kMostOfOneName) Forget(ids.front());
}

PackageLedger::Id PackageLedger::New(std::string_view name, bool build_dependency, int64_t now_ns) {
  if (!name.empty() && !IsPackageName(name)) return kNone;
  if (full_ || (entries_.size() >= kMostEntries && !MakeRoom())) return kNone;
  const Id id = next_++;
  Entry& entry = entries_[id];
  entry.failure = PackageFailureReader(rules_);
  entry.seen.build_dependency = build_dependency;
  entry.first_ns = now_ns;
  if (name.empty()) {
    unnamed_[build_dependency ? 1 : 0].push_back(id);
  } else {
    entry.seen.name = NormalisePackageName(name);
    Index(id, Key(entry.seen.name, build_dependency));
  }
  return id;
}

PackageLedger::Id PackageLedger::NewRun(int64_t now_ns) {
  const Id id = New("", /*build_dependency=*/false, now_ns);
  if (Entry* entry = Get(id)) entry->seen.name = kUnnamed;
  return id;
}

PackageLedger::Id PackageLedger::FindOrNew(std::string_view name, bool build_dependency, int64_t now_ns) {
  if (const Id found = Find(name, build_dependency); found != kNone) return found;
  if (!IsPackageName(name)) return kNone;
  std::deque<Id>& unnamed = unnamed_[build_dependency ? 1 : 0];
  while (!unnamed.empty()) {
    const Id id = unnamed.front();
    unnamed.pop_front();
    Entry* entry = Get(id);
    if (entry == nullptr || !entry->seen.name.empty()) continue;
    entry->seen.name = NormalisePackageName(name);
    Index(id, Key(entry->seen.name, build_dependency));
    return id;
  }
  return New(name, build_dependency, now_ns);
}

PackageLedger::Entry* PackageLedger::Get(Id id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void PackageLedger::Forget(Id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto named = by_name_.find(Key(found->second.seen.name, found->second.seen.build_dependency));
  if (named != by_name_.end()) {
    std::erase(named->second, id);
    if (named->second.empty()) by_name_.erase(named);
  }
  building_.erase(id);
  entries_.erase(found);
}

bool PackageLedger::MakeRoom() {
  // The newest stay: their turn may not be over.
  const Id newest = next_ - std::min<Id>(next_, kMostCounting / 2);
  std::vector<Id> idle;
  for (const auto& [id, entry] : entries_) {
    if (id < newest && !Counts(entry)) idle.push_back(id);
  }
  for (const Id id : idle) Forget(id);
  // Room for less than a quarter would mean another look at all of them soon, and so a square.
  full_ = entries_.size() > kMostEntries - kMostEntries / 4;
  return !full_;
}

void PackageLedger::Remove(std::string_view name, std::string_view version) {
  const std::string normalised = NormalisePackageName(name);
  const auto named = by_name_.find(Key(normalised, /*build_dependency=*/false));
  if (named == by_name_.end()) return;
  const std::string wanted = CanonicalVersion(version);
  const std::vector<Id> ids(named->second.begin(), named->second.end());
  for (const Id id : ids) {
    const Entry* entry = Get(id);
    if (entry->seen.arrived && CanonicalVersion(entry->seen.version) == wanted) Forget(id);
  }
}

void PackageLedger::SetBuilding(Id id, bool building) {
  Entry* entry = Get(id);
  if (entry == nullptr) return;
  entry->building = building;
  if (building) {
    building_.insert(id);
  } else {
    building_.erase(id);
  }
}

std::vector<PackageLedger::Entry> PackageLedger::Take() {
  std::vector<Entry> entries;
  entries.reserve(entries_.size());
  for (auto& [id, entry] : entries_) entries.push_back(std::move(entry));
  *this = PackageLedger(rules_);
  return entries;
}

void PackageLedger::ChooseFile(Entry* entry) {
  PackageObservation& seen = entry->seen;
  const std::string version = CanonicalVersion(seen.version);
  const Candidate* chosen = nullptr;
  for (const Candidate& candidate : entry->files) {
    if (seen.version.empty() || CanonicalVersion(candidate.file.version) == version) chosen = &candidate;
  }
  if (chosen == nullptr) return;
  if (seen.origin == PackageOrigin::kUnknown) seen.origin = chosen->origin;
  if (seen.file_name.empty()) seen.file_name = chosen->file_name;
  if (seen.version.empty()) seen.version = chosen->file.version;
}

}  // namespace crossmill::packages
