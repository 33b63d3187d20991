// What clients ask about builds and workers: answered from memory for what is under way, else from the
// record.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/transaction_loop.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// A package with the step that brought it.
struct LocatedPackage {
  v1::Platform platform;
  uint32_t stage = 0;
  std::string stage_name;
  uint32_t step_number = 0;
  int64_t execution = 0;
  v1::PackageOutcome outcome;
};

// Thread safe: each question is answered between two changes, in the transaction loop.
class FarmReader {
 public:
  FarmReader(TransactionLoop& loop, storage::RecordStore& records, const RunningBuilds& builds,
             const core::AttemptBoard& board, const core::Scheduler& scheduler)
      : loop_(loop), records_(records), builds_(builds), board_(board), scheduler_(scheduler) {}

  // 0: the latest build, here and below. NOT_FOUND: there is no such build.
  absl::StatusOr<v1::BuildView> Get(int64_t build);
  // As it was submitted.
  absl::StatusOr<v1::BuildSubmission> Submission(int64_t build);
  // Newest first, without stages.
  absl::StatusOr<std::vector<v1::BuildView>> List(int64_t before, int limit);
  absl::StatusOr<std::vector<LocatedPackage>> Packages(int64_t build);
  // The execution has not ended. NOT_FOUND: there is no such execution.
  absl::StatusOr<bool> IsRunning(int64_t execution);
  std::vector<core::WorkerStatus> Workers() const { return scheduler_.Workers(); }
  // What runs under the tasks of a worker, for display.
  absl::StatusOr<std::map<core::TaskId, std::string>> TaskNames();

  // Only in the loop.
  absl::StatusOr<v1::BuildView> Load(int64_t build);

 private:
  TransactionLoop& loop_;
  storage::RecordStore& records_;
  const RunningBuilds& builds_;
  const core::AttemptBoard& board_;
  const core::Scheduler& scheduler_;
};

}  // namespace crossmill::coordinator
