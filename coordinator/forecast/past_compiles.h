// How long packages were compiled on this farm the last time, for each platform.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::coordinator {

// Used by one thread. The record outlives it.
class PastCompiles {
 public:
  PastCompiles(storage::RecordStore& records, const core::Scope& scope) : records_(records), scope_(scope) {}

  // For each platform on which this version was compiled lately, in a build that the scope sees: the last
  // time natively, and the last time under emulation.
  absl::StatusOr<std::vector<v1::PastCompile>> Find(const std::string& name, const std::string& version);

 private:
  // Of a stage of a build; empty if the plan is not there any more.
  absl::StatusOr<std::string> PlatformOf(int64_t build, uint32_t stage);

  storage::RecordStore& records_;
  const core::Scope scope_;
  // Platforms of the stages, by build.
  std::map<int64_t, std::vector<std::string>> platforms_;
};

}  // namespace crossmill::coordinator
