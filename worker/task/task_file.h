// A task in a file, executed without a coordinator: how a failure is reproduced by hand.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "worker/mounts/task_secrets.h"
#include "worker/task/stage_executor.h"

namespace crossmill::worker {

// A Task in protobuf's binary form or in its JSON form; INVALID_ARGUMENT names the file.
absl::StatusOr<v1::Task> ReadTaskFile(const std::string& path);

// Where the value of a secret comes from.
struct SecretSource {
  std::string id;
  // A variable of this process; empty: the file.
  std::string variable;
  UniqueFd file;
};

// --secret id=ID,src=FILE or id=ID,env=NAME (without either, the variable or else the file named ID, as
// docker does it). Files are opened, not read: that is for the process that is to hold the values, which may
// no longer be allowed to open them. INVALID_ARGUMENT names the flag.
absl::StatusOr<std::vector<SecretSource>> OpenSecrets(const std::vector<std::string>& flags);
absl::StatusOr<std::shared_ptr<const TaskSecrets>> ReadSecrets(const std::vector<SecretSource>& sources);

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
