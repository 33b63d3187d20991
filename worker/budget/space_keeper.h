// Keeps what a worker holds on to for later (unpacked layers, cache mounts) within its budgets, and away from
// the disk's floor.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::worker {

// What can be removed one by one.
struct Stock {
  const char* name = "";
  // 0: no limit but the disk's.
  uint64_t budget = 0;
  std::function<uint64_t()> bytes;
  // When that was last used that may go first; Unix time in seconds. Nothing: all of it is needed.
  std::function<std::optional<int64_t>()> oldest;
  // Removes it; false: there is nothing any more.
  std::function<absl::StatusOr<bool>()> remove_oldest;
};

struct SpaceKeeperOptions {
  std::vector<Stock> stocks;
  // Free bytes of the disk; nothing: not known.
  std::function<std::optional<uint64_t>()> free;
  // Below which the worker takes no tasks; 0: not known.
  std::function<uint64_t()> least;
  absl::Duration interval = absl::Seconds(5);
  // So many removals in one go, at most: then what is left is looked at again.
  int most_removals = 1000;
};

// Where the disk has less than this, what was used least lately goes: early enough that the worker need not
// refuse tasks.
uint64_t WantedFree(uint64_t least);

// The stock of which one thing is to go now, if any: the first that is beyond its budget, else, where the
// disk is too full, that with what was used least lately. Index into `stocks`.
std::optional<size_t> ChooseStock(const std::vector<Stock>& stocks, std::optional<uint64_t> free,
                                  uint64_t least);

// Looks now and then, on a thread of its own. What the functions use must outlive it.
class SpaceKeeper {
 public:
  explicit SpaceKeeper(SpaceKeeperOptions options);
  ~SpaceKeeper();
  SpaceKeeper(const SpaceKeeper&) = delete;
  SpaceKeeper& operator=(const SpaceKeeper&) = delete;

  // Removes until all is within its limits, or nothing more can go. How many things went.
  int KeepNow();

 private:
  void Watch();
  bool Stopping();

  const SpaceKeeperOptions options_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace crossmill::worker
