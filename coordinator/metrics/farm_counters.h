// What happened on the farm since the coordinator started, counted for those who watch it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "coordinator/metrics/counted_events.h"
#include "coordinator/metrics/platform_words.h"
#include "crossmill/v1/farm_numbers.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::coordinator {

// How often a time was in which range.
class TimeHistogram {
 public:
  TimeHistogram();
  void Add(double seconds);
  void CopyTo(v1::TimeCounts* to) const;
  // Upper ends of the ranges, in seconds.
  static const std::vector<double>& Ends();

 private:
  std::vector<int64_t> counts_;
  double sum_ = 0;
};

// Thread safe; each call takes a moment. Whoever changes the record tells it after the commit, so that
// nothing is counted that did not happen.
class FarmCounters {
 public:
  void AddSteps(const std::map<std::string, StepCounts>& steps);
  // Packages that a step on `platform` brought.
  void AddPackages(const std::string& platform, const std::vector<v1::PackageOutcome>& packages);
  void AddBuild(const BuildTimes& times);
  void AddReceived(int64_t bytes) { received_ += bytes; }
  void AddSent(int64_t bytes) { sent_ += bytes; }
  // Of a build that ended, where traces go anywhere.
  void AddTrace(bool sent) { ++(sent ? traces_sent_ : traces_dropped_); }

  // Of every platform that is known here or to the words, and every outcome.
  void CopyTo(v1::FarmCounters* to) const;
  // Under which platforms are counted, here and wherever else numbers are told by platform.
  PlatformWords& words() { return words_; }

 private:
  struct Platform {
    StepCounts steps;
    std::map<v1::Outcome, int64_t> packages;
  };

  PlatformWords words_;
  mutable Mutex mutex_;
  std::map<std::string, Platform> platforms_ ABSL_GUARDED_BY(mutex_);
  TimeHistogram waits_ ABSL_GUARDED_BY(mutex_);
  TimeHistogram times_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> received_ = 0;
  std::atomic<int64_t> sent_ = 0;
  std::atomic<int64_t> traces_sent_ = 0;
  std::atomic<int64_t> traces_dropped_ = 0;
};

}  // namespace crossmill::coordinator
