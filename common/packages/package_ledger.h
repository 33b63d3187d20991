// The packages that a console has named so far, found by name without a search, and bounded in number.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/packages/console_packages.h"

namespace crossmill::packages {

class PackageLedger {
 public:
  explicit PackageLedger(std::shared_ptr<const failures::FailureRules> rules) : rules_(std::move(rules)) {}

  using Id = uint64_t;
  static constexpr Id kNone = UINT64_MAX;

  // A file that was fetched; backtracking fetches several versions of one package.
  struct Candidate {
    PackageFile file;
    std::string file_name;
    PackageOrigin origin = PackageOrigin::kUnknown;
  };

  struct Entry {
    PackageObservation seen;
    int64_t first_ns = 0;
    int64_t building_since_ns = 0;
    bool building = false;
    std::vector<Candidate> files;
    PackageFailureReader failure;
  };

  // The latest of that name. `name` in any spelling; an empty one finds nothing.
  Id Find(std::string_view name, bool build_dependency) const;
  // An empty name: one that will be known later (a URL, a folder). kNone: what is no name, or no room.
  Id New(std::string_view name, bool build_dependency, int64_t now_ns);
  // A run of an installer that ends before it names a package: kUnnamed, and nothing else ever takes it.
  Id NewRun(int64_t now_ns);
  // The latest of that name, else the oldest without a name, which gets this one, else a new one.
  Id FindOrNew(std::string_view name, bool build_dependency, int64_t now_ns);
  // nullptr for kNone, and for what was forgotten.
  Entry* Get(Id id);
  // Forgets what was installed of this name and version: it was uninstalled.
  void Remove(std::string_view name, std::string_view version);
  void SetBuilding(Id id, bool building);
  // The one that began to build last and still does; kNone: nobody.
  Id Building() const { return building_.empty() ? kNone : *building_.rbegin(); }
  // Every entry by the order in which it was made. Leaves the ledger empty.
  std::vector<Entry> Take();

  // Of several files the one of the version that arrived, else the last.
  static void ChooseFile(Entry* entry);

 private:
  static std::string Key(std::string_view normalised, bool build_dependency);
  void Index(Id id, const std::string& key);
  void Forget(Id id);
  // Forgets what was only mentioned, to make room. False: everything counts.
  bool MakeRoom();

  // What failures are read by.
  std::shared_ptr<const failures::FailureRules> rules_;
  std::map<Id, Entry> entries_;
  Id next_ = 0;
  bool full_ = false;
  // Ids of one name, oldest first.
  std::unordered_map<std::string, std::deque<Id>> by_name_;
  // Without a name yet: runtime, build dependencies.
  std::array<std::deque<Id>, 2> unnamed_;
  std::set<Id> building_;
};

}  // namespace crossmill::packages
