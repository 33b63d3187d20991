// A task in a file, executed without a coordinator: how a failure is reproduced by hand.
#pragma once

#include <iosfwd>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "worker/stage_executor.h"

namespace crossmill::worker {

// A Task in protobuf's binary form or in its JSON form; INVALID_ARGUMENT names the file.
absl::StatusOr<v1::Task> ReadTaskFile(const std::string& path);

// Protobuf's JSON form, indented, with a newline at the end.
std::string TaskResultJson(const v1::TaskResult& result);

// 0 succeeded, 1 failed, 5 infrastructure, 130 cancelled.
int ExitCodeOf(const v1::TaskResult& result);

// Writes the console as it comes and one line per step.
class PrintingObserver final : public ExecutionObserver {
 public:
  // Both must outlive it; `console` gets everything.
  PrintingObserver(const v1::Task& task, std::ostream& console);
  void OnStepStarted(const v1::StepStarted& started) override;
  void OnLog(const v1::LogChunk& chunk) override;
  void OnStepFinished(const v1::StepResult& result) override;

 private:
  const v1::Task& task_;
  Mutex mutex_;
  std::ostream& console_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::worker
