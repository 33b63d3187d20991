// The policies: how long and how much a farm keeps of what it could not keep without end. Pure: names, what
// they allow, values in words.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace crossmill::coordinator {

enum class Policy {
  kBlobsBudget,
  kBlobsGrace,
  kBucketBudget,
  kBucketUnused,
  kImagesKeepPerName,
  kImagesPulled,
  kDamagedKeep,
  kLogsCompressAfter,
  kLogsKeep,
  kLogsKeepFailed,
  kEventsKeep,
  kPagesKeep,
  kFetchedKeep,
  kExportsKeep,
  kCompressedKeep,
  kUnpackedKeep,
  kWheelsKeep,
  kStatementsKeep,
  kBackupWarnAfter,
};
inline constexpr int kPolicies = 19;

enum class PolicyKind {
  kBytes,
  // In seconds.
  kAge,
  kCount,
};

// The value of a policy that sets no limit.
inline constexpr int64_t kNoLimit = INT64_MAX;

struct PolicyRule {
  Policy policy;
  // "blobs.budget"
  std::string_view name;
  PolicyKind kind;
  int64_t usual;
  // Not below; kNoLimit is above everything.
  int64_t least;
  // What stands for kNoLimit: "forever", "all", "auto".
  std::string_view no_limit;
  // For people: what is kept by it.
  std::string_view meaning;
};

// In the order of Policy.
absl::Span<const PolicyRule> PolicyRules();
const PolicyRule& RuleOf(Policy policy);
// INVALID_ARGUMENT lists those that there are.
absl::StatusOr<const PolicyRule*> FindPolicy(std::string_view name);

// INVALID_ARGUMENT: what is allowed.
absl::StatusOr<int64_t> ParsePolicy(const PolicyRule& rule, std::string_view text);
// As ParsePolicy reads it, in the largest unit that is exact: "200G", "7d", "all".
std::string PolicyText(const PolicyRule& rule, int64_t value);

// What holds now.
class Policies {
 public:
  Policies();
  // Of those that were set, by name; a name that is not known any more, or a value that is not allowed any
  // more, is passed over: the usual value holds.
  explicit Policies(const std::map<std::string, std::string>& set);

  int64_t operator[](Policy policy) const { return values_[static_cast<size_t>(policy)]; }
  void Set(Policy policy, int64_t value) { values_[static_cast<size_t>(policy)] = value; }

 private:
  std::array<int64_t, kPolicies> values_;
};

// backup.warn-after in seconds; 0: never.
int64_t BackupWarnSeconds(const Policies& policies);

// What blobs.budget "auto" means on a disk of that size where so much is kept free: four fifths without that.
int64_t AutomaticBudget(uint64_t disk_bytes, uint64_t least_space);

}  // namespace crossmill::coordinator
