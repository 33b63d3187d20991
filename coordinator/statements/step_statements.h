// The statements that workers sign about their steps: checked before they are kept.
#pragma once

#include "absl/status/status.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/storage/statement_records.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// Not thread safe: only used in the transaction loop.
class StepStatements {
 public:
  explicit StepStatements(storage::Connection& connection) : records_(connection) {}

  // A worker that states other layers below a step than the attempt has there says by that the result is none
  // of this step: FAILED_PRECONDITION, whoever signed it. OK: it says the same, or nothing that can be read.
  static absl::Status CheckParents(const core::Attempt& attempt, const v1::StepResult& result);

  // Keeps what `result` brings with it, if its signature is that of the key which the worker told, and it
  // says of the running step of `attempt` what the result and the task say. INVALID_ARGUMENT tells why it is
  // not kept; then the result counts as if it had come without one, since nothing that the farm does rests on
  // a worker's signature: it is evidence for others, and evidence that is doubtful is worth less than none.
  // Other errors are the record's.
  absl::Status Keep(const core::Attempt& attempt, const v1::StepResult& result, const v1::WorkerInfo& worker,
                    int64_t now_ns);

 private:
  absl::Status CheckAndSave(const core::Attempt& attempt, const v1::StepResult& result,
                            const v1::WorkerInfo& worker, int64_t now_ns);
  absl::Status NoteKey(const storage::SigningKeyRow& key);

  storage::StatementRecords records_;
};

}  // namespace crossmill::coordinator
