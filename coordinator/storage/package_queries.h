// Questions about packages over many builds, each answered from an index: how long an answer takes depends on
// how long it is, or on how much was compiled in the time that is asked for, not on how much is on record.
// tests/bench/package_queries.cc measures them, docs/performance.md has the numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/package_history.pb.h"

namespace crossmill::storage {

// What questions have in common.
struct PackageFilter {
  // FormatPlatform; empty: all.
  std::string platform{};
  // Unix time in nanoseconds; 0: all.
  int64_t since = 0;
  // At most so many rows, from 1.
  int limit = 50;
  // Of which builds.
  core::Scope scope = core::Scope::OfFarm();
};

// Thread safe. The connection outlives it. Answers are messages of package_history.proto, which say what
// counts and when there is more. Names are normalised (PEP 503).
class PackageQueries {
 public:
  explicit PackageQueries(Connection& connection) : connection_(connection) {}

  // The package over time, newest first.
  absl::StatusOr<v1::PackageHistoryResponse> History(const std::string& name, const PackageFilter& filter);
  // All that was compiled, by release and platform.
  absl::StatusOr<v1::CompiledPackagesResponse> Compiled(v1::CompiledPackagesRequest::Order order,
                                                        const PackageFilter& filter);
  // Which builds use a version of it that `matches`, newest first. `filter.since` is about their submission.
  absl::StatusOr<v1::PackageUsesResponse> Uses(const std::string& name,
                                               const std::function<bool(std::string_view version)>& matches,
                                               const PackageFilter& filter);

  // The last time it was compiled the other way (v1.OtherWay), in a build that the scope sees; nothing unless
  // it was compiled itself, in a known time.
  absl::StatusOr<std::optional<v1::OtherWay>> FindOtherWay(const v1::PackageOutcome& package,
                                                           const std::string& platform,
                                                           const core::Scope& scope = core::Scope::OfFarm());
  // The build that one of this recipe, submitted then, is compared with (v1.EarlierBuild).
  absl::StatusOr<std::optional<v1::EarlierBuild>> FindEarlier(const std::string& recipe,
                                                              const std::string& arguments,
                                                              const std::string& platform,
                                                              int64_t submitted_at);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
