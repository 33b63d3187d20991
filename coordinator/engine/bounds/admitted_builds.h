// Which builds there may be at a time beside those that have not ended: how many of a project, and confined
// to how many different realms. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "coordinator/core/fairness/project_terms.h"
#include "coordinator/core/placement/realm.h"

namespace crossmill::coordinator {

// Not thread safe: only used in the transaction loop.
class AdmittedBuilds {
 public:
  // Of realms: the scheduler has an index of workers for each.
  static constexpr size_t kMostRealms = 64;

  // `terms` null: no project has a limit.
  explicit AdmittedBuilds(const core::ProjectTerms* terms) : terms_(terms) {}

  // Whether there may be `count` more. RESOURCE_EXHAUSTED says which limit it is, and what to do.
  absl::Status Check(const std::string& project, const core::Realm& realm, size_t count = 1) const;
  void Add(int64_t build, const std::string& project, const core::Realm& realm);
  // Nothing for one that was not added.
  void Remove(int64_t build);

 private:
  const core::ProjectTerms* const terms_;
  // Project and realm (KeyOf).
  std::map<int64_t, std::pair<std::string, std::string>> builds_;
  std::map<std::string, size_t> projects_;
  std::map<std::string, size_t> realms_;
};

}  // namespace crossmill::coordinator
