// Workers that get no new tasks for a while, and why: their disks are nearly full, or what they were given
// keeps failing for no fault of a recipe. Else the one that fails at once is always the emptiest and gets
// everything. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::core {

struct Unfitness {
  // For people: "its disk has 120 MB left, and it wants 1.0 GB".
  std::string reason;
  // It is tried again then; infinite: as soon as it says that it can.
  absl::Time until = absl::InfiniteFuture();
};

// Thread safe. Whoever places tasks looks at `changes` and `NextChange` to notice that others are unfit now.
class WorkerHealth {
 public:
  // A task of the build was lost with it, or ended there for no fault of its recipe. After three in a row, of
  // two builds at least, the worker rests for a minute; after each further one twice as long, half an hour at
  // most. One build whose blobs are gone therefore rests nobody.
  void Failed(const std::string& worker, int64_t build, const std::string& reason, absl::Time now);
  // A command was executed there, with whatever result: nothing before it counts any more.
  void Executed(const std::string& worker);
  // Of the disk that its work is on, in bytes; `floor` 0: it does not say.
  void ReportSpace(const std::string& worker, uint64_t free, uint64_t floor);

  std::optional<Unfitness> Find(const std::string& worker, absl::Time now) const;
  // Another number after every change.
  uint64_t changes() const;
  // When the next rest ends; infinite: none is taken.
  absl::Time NextChange(absl::Time now) const;

 private:
  struct Record {
    int failures = 0;
    // Of those.
    std::set<int64_t> builds;
    std::string reason;
    absl::Duration rest;
    absl::Time rests_until = absl::InfinitePast();
    std::string space;
  };

  mutable Mutex mutex_;
  std::map<std::string, Record> records_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::core
