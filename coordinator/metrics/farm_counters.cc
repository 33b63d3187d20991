#include "coordinator/metrics/farm_counters.h"

#include <algorithm>

namespace crossmill::coordinator {

const std::vector<double>& TimeHistogram::Ends() {
  static const auto& ends =
      *new std::vector<double>{0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600};
  return ends;
}

TimeHistogram::TimeHistogram() : counts_(Ends().size() + 1) {}

void TimeHistogram::Add(double seconds) {
  const auto end = std::lower_bound(Ends().begin(), Ends().end(), seconds);
  ++counts_[static_cast<size_t>(end - Ends().begin())];
  sum_ += seconds;
}

void TimeHistogram::CopyTo(v1::TimeCounts* to) const {
  to->mutable_ends()->Assign(Ends().begin(), Ends().end());
  to->mutable_counts()->Assign(counts_.begin(), counts_.end());
  to->set_sum_seconds(sum_);
}

void FarmCounters::AddSteps(const std::map<std::string, StepCounts>& steps) {
  for (const auto& [platform, more] : steps) {
    const std::string word = words_.Of(platform);
    MutexLock lock(mutex_);
    StepCounts& counts = platforms_[word].steps;
    counts.executed += more.executed;
    counts.failed += more.failed;
    counts.interrupted += more.interrupted;
    counts.cached += more.cached;
    counts.shared += more.shared;
    counts.missed += more.missed;
  }
}

void FarmCounters::AddPackages(const std::string& platform, const std::vector<v1::PackageOutcome>& packages) {
  const std::string word = words_.Of(platform);
  MutexLock lock(mutex_);
  for (const v1::PackageOutcome& package : packages) ++platforms_[word].packages[package.outcome()];
}

void FarmCounters::AddBuild(const BuildTimes& times) {
  MutexLock lock(mutex_);
  if (times.wait_seconds) waits_.Add(*times.wait_seconds);
  times_.Add(times.seconds);
}

void FarmCounters::CopyTo(v1::FarmCounters* to) const {
  std::vector<std::string> words = words_.All();
  MutexLock lock(mutex_);
  std::map<std::string, Platform> all = platforms_;
  for (const std::string& word : words) all[word];
  for (const auto& [word, platform] : all) {
    v1::PlatformCounters& row = *to->add_platforms();
    row.set_platform(word);
    row.set_steps_executed(platform.steps.executed);
    row.set_steps_failed(platform.steps.failed);
    row.set_steps_interrupted(platform.steps.interrupted);
    row.set_steps_cached(platform.steps.cached);
    row.set_steps_shared(platform.steps.shared);
    row.set_steps_missed(platform.steps.missed);
    for (const auto& [outcome, packages] : platform.packages) {
      v1::PackageCount& count = *row.add_packages();
      count.set_outcome(outcome);
      count.set_packages(packages);
    }
  }
  waits_.CopyTo(to->mutable_build_waits());
  times_.CopyTo(to->mutable_build_times());
  to->set_blob_bytes_received(received_);
  to->set_blob_bytes_sent(sent_);
  to->set_traces_sent(traces_sent_);
  to->set_traces_dropped(traces_dropped_);
}

}  // namespace crossmill::coordinator
