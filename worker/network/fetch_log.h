// What a step fetches, noted while it runs.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

struct FetchLimits {
  // So many are kept one by one; those after them are counted per host.
  size_t fetches = 10'000;
  // Their texts together, in bytes.
  size_t text = 2 << 20;
  // So many hosts are counted by name.
  size_t hosts = 1'000;
};

// Turns fetches into counts per host, where there are too many of them to be told one by one.
void CountByHost(const FetchLimits& limits, v1::StepFetches* fetches);

// Thread safe. Memory is bounded whatever a step does.
class FetchLog {
 public:
  explicit FetchLog(FetchLimits limits = {}) : limits_(limits) {}

  void Add(v1::Fetch fetch);
  // All of it, by the time of their beginning; the log is empty afterwards.
  v1::StepFetches Take();

 private:
  const FetchLimits limits_;
  Mutex mutex_;
  size_t text_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::Fetch> fetches_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::HostFetches> more_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::worker
