#include "worker/budget/space_keeper.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/threads.h"

namespace crossmill::worker {

// A worker gets tasks again a tenth above its floor; a quarter is room for the task that it then gets.
uint64_t WantedFree(uint64_t least) { return least + least / 4; }

std::optional<size_t> ChooseStock(const std::vector<Stock>& stocks, std::optional<uint64_t> free,
                                  uint64_t least) {
  std::optional<size_t> chosen;
  int64_t oldest = 0;
  for (size_t i = 0; i < stocks.size(); ++i) {
    const std::optional<int64_t> used = stocks[i].oldest();
    if (!used) continue;
    if (stocks[i].budget > 0 && stocks[i].bytes() > stocks[i].budget) return i;
    const bool full = free && least > 0 && *free < WantedFree(least);
    if (!full || (chosen && oldest <= *used)) continue;
    chosen = i;
    oldest = *used;
  }
  return chosen;
}

SpaceKeeper::SpaceKeeper(SpaceKeeperOptions options) : options_(std::move(options)) {
  auto thread = StartThread([this] { Watch(); });
  if (thread.ok()) {
    thread_ = *std::move(thread);
  } else {
    LogWarning("budgets of the worker's disk are not kept: {}", Sv(thread.status().message()));
  }
}

SpaceKeeper::~SpaceKeeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
}

bool SpaceKeeper::Stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

int SpaceKeeper::KeepNow() {
  int removed = 0;
  while (removed < options_.most_removals && !Stopping()) {
    const auto chosen = ChooseStock(options_.stocks, options_.free ? options_.free() : std::nullopt,
                                    options_.least ? options_.least() : 0);
    if (!chosen) break;
    const Stock& stock = options_.stocks[*chosen];
    const absl::StatusOr<bool> went = stock.remove_oldest();
    if (!went.ok()) {
      LogWarning("what the worker keeps of {} could not be removed: {}", stock.name,
                 Sv(went.status().message()));
      break;
    }
    if (!*went) break;
    ++removed;
  }
  if (removed > 0) LogInfo("removed={} of what the worker keeps, for want of room", removed);
  return removed;
}

void SpaceKeeper::Watch() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(options_.interval));
      if (stopping_) return;
    }
    KeepNow();
  }
}

}  // namespace crossmill::worker
