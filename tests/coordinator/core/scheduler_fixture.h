// Workers and tasks for tests of the scheduler.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "coordinator/core/scheduler.h"
#include "tests/coordinator/core/messages.h"

namespace crossmill::core {

inline v1::WorkerInfo Worker(const std::string& name, const std::string& host, int slots,
                             const std::string& native, const std::string& emulated = "") {
  v1::WorkerInfo info;
  info.set_name(name);
  info.set_host_id(host);
  info.set_slots(slots);
  *info.add_platforms()->mutable_platform() = PlatformOf(native);
  if (!emulated.empty()) {
    v1::PlatformSupport& support = *info.add_platforms();
    *support.mutable_platform() = PlatformOf(emulated);
    support.set_emulated(true);
  }
  return info;
}

inline Requirements On(const std::string& architecture) {
  Requirements requirements;
  requirements.platform = PlatformOf(architecture);
  requirements.description = "stage x";
  return requirements;
}

// Leases from 1 on.
inline Scheduler::NewLease CountedLeases() {
  return [last = LeaseNumber{0}](TaskId, const std::string&) mutable { return ++last; };
}

class SchedulerTest : public ::testing::Test {
 protected:
  void Connect(const v1::WorkerInfo& info, std::set<LeaseNumber> reported = {}) {
    scheduler_.Connect(info, reported, false, now_);
  }

  Scheduler scheduler_{SchedulerOptions{}, CountedLeases()};
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

inline v1::WorkerInfo WorkerByLoad(const std::string& name, const std::string& host, uint32_t cpus) {
  v1::WorkerInfo info = Worker(name, host, 100, "amd64");
  info.set_cpus(cpus);
  info.set_slots_by_load(true);
  return info;
}

inline Requirements Using(std::optional<double> cpus) {
  Requirements requirements = On("amd64");
  requirements.use.cpus = cpus;
  return requirements;
}

}  // namespace crossmill::core
