// Recipes over time: their builds, where they went bad, and what was given otherwise there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/storage/history_records.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class RecipeHistory {
 public:
  // `committed`: a store of its own, for questions.
  RecipeHistory(FarmReader& reader, std::unique_ptr<storage::RecordStore> committed, BlobStore& blobs)
      : reader_(reader),
        committed_(std::move(committed)),
        history_(committed_->connection()),
        blobs_(blobs) {}

  // How long it takes follows from the rows that are asked for, and from the two builds of each regression.
  // NOT_FOUND: no build that has ended and that the scope sees has the name; INVALID_ARGUMENT: a limit below
  // 0.
  absl::StatusOr<v1::BuildHistoryResponse> List(const core::Scope& scope,
                                                const v1::BuildHistoryRequest& request);

 private:
  absl::StatusOr<std::vector<std::string>> RecipesOf(const core::Scope& scope,
                                                     const v1::BuildHistoryRequest& request);
  // nullopt: it was never bad.
  absl::StatusOr<std::optional<v1::Regression>> FindRegression(const std::string& recipe,
                                                               const std::string& platform);
  // What the first bad build says, and what was given otherwise to it than to the last good one.
  absl::Status Explain(const std::string& platform, v1::Regression* regression);

  FarmReader& reader_;
  const std::unique_ptr<storage::RecordStore> committed_;
  storage::HistoryRecords history_;
  BlobStore& blobs_;
};

}  // namespace crossmill::coordinator
