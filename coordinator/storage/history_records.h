// Recipes over time, and which builds are to be verified again: answered from tables that are derived for it
// in the transactions that end builds, each question from one index.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::storage {

// Thread safe. The connection outlives it. Platforms are FormatPlatform's.
class HistoryRecords {
 public:
  explicit HistoryRecords(Connection& connection) : connection_(connection) {}

  // Of a name as core::HistoryNames writes it, or of a recipe itself: those that the scope sees.
  absl::StatusOr<std::vector<std::string>> Recipes(const std::string& name, int limit,
                                                   const core::Scope& scope = core::Scope::OfFarm());
  absl::StatusOr<std::vector<std::string>> Platforms(const std::string& recipe);
  // Newest first.
  absl::StatusOr<std::vector<v1::BuildHistoryRow>> Rows(const std::string& recipe,
                                                        const std::string& platform, int limit);

  // The builds between `after` and `before`, both excluded.
  struct Between {
    int64_t after = 0;
    int64_t before = INT64_MAX;
  };
  absl::StatusOr<std::optional<int64_t>> Newest(const std::string& recipe, const std::string& platform,
                                                v1::Standing standing, const Between& between);
  absl::StatusOr<std::optional<int64_t>> Oldest(const std::string& recipe, const std::string& platform,
                                                v1::Standing standing, const Between& between);
  // At most `limit`.
  absl::StatusOr<int64_t> Count(const std::string& recipe, const std::string& platform, v1::Standing standing,
                                const Between& between, int limit);

  // Verified before `verified_before` and not submitted for it since `attempted_before`; the longest ago
  // first.
  absl::StatusOr<std::vector<v1::DueBuild>> Due(int64_t verified_before, int64_t attempted_before, int limit,
                                                const core::Scope& scope = core::Scope::OfFarm());

 private:
  Connection& connection_;
};

// A build that has ended. Once more is OK.
absl::Status IndexBuildHistory(Connection& connection, const v1::BuildSubmission& submission,
                               const v1::BuildView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());
// A rebuild that was submitted then.
absl::Status NoteRebuild(Connection& connection, const v1::Rebuild& rebuild, int64_t now_ns)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

// Everything of an older record, in the transaction of the migration that made the tables; what cannot be
// read is passed over with a warning.
absl::Status FillBuildHistory(Database& database);

// The names of recipes without image names once more, in the transaction of a migration: records of before
// were given names that were cut off at an "@" or ":", so that several repositories had the same.
absl::Status RenameOrigins(Database& database);

// The SQL of the questions: tests look at how each is answered.
absl::Span<const Sql* const> HistoryStatements();

}  // namespace crossmill::storage
