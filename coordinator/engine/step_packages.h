// The consoles of running steps, read for packages while they are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/failures/failure_rules.h"
#include "common/packages/console_packages.h"
#include "coordinator/storage/log_store.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::coordinator {

// One parser per running step, fed chunk by chunk: nothing is left to do when the step ends, however long its
// console is, and nothing holds the loop for longer than a chunk. A step whose beginning was not seen (the
// coordinator was restarted, or more than `most_open` steps run) is read again from its log, page by page.
// Not thread safe: the transaction loop's. The log store must outlive it.
class StepPackages {
 public:
  explicit StepPackages(
      storage::LogStore& logs,
      std::shared_ptr<const failures::FailureRules> rules = failures::FailureRules::BuiltIn(),
      size_t most_open = 256)
      : logs_(logs), rules_(std::move(rules)), most_open_(most_open) {}

  // Call it before the chunk is appended to the log.
  void Add(int64_t execution, const v1::LogChunk& chunk);
  // The step is over: what its whole console said.
  std::vector<packages::PackageObservation> Finish(int64_t execution);
  // The step was given up.
  void Forget(int64_t execution) { open_.erase(execution); }

 private:
  struct Open {
    explicit Open(const std::shared_ptr<const failures::FailureRules>& rules) : console(rules) {}
    packages::PackageConsole console;
    int64_t last_use = 0;
  };

  packages::PackageConsole& Find(int64_t execution);
  void Replay(int64_t execution, packages::PackageConsole* console);

  storage::LogStore& logs_;
  const std::shared_ptr<const failures::FailureRules> rules_;
  const size_t most_open_;
  int64_t uses_ = 0;
  std::map<int64_t, Open> open_;
};

}  // namespace crossmill::coordinator
