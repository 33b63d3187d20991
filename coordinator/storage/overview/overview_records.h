// The wall and trends, read from what overview_index.h keeps: one short look each, whatever the record holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/overview.pb.h"

namespace crossmill::storage {

// Behind which row of the wall a page begins.
struct WallPlace {
  // As in the table wall_rows.
  int64_t calm = 0;
  int64_t unchanged = 0;
  std::string recipe;
};

// Thread safe. The connection outlives it.
class OverviewRecords {
 public:
  explicit OverviewRecords(Connection& connection) : connection_(connection) {}

  // Rows that need a look first, then whose state changed last, then by recipe.
  absl::StatusOr<std::vector<v1::WallRow>> Wall(const core::Scope& scope,
                                                const std::optional<WallPlace>& behind, int limit);
  static WallPlace PlaceOf(const v1::WallRow& row) {
    return {row.needs_look() ? 0 : 1, -row.changed_at(), row.recipe()};
  }
  // Adds the hours that begin in one of the spans to it.
  absl::Status AddHours(std::vector<v1::TrendSpan>* spans);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
