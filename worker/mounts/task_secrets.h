// Values of the secrets that a task's steps may mount: in memory only, never part of a Task, and wiped when
// the last holder lets go.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/wiping.h"

namespace crossmill::worker {

// As long as one object with a value lives, this process leaves no core dump and no other process of the
// same user may read its memory (PR_SET_DUMPABLE). Fill it before it is shared; then thread safe.
class TaskSecrets {
 public:
  TaskSecrets() = default;
  ~TaskSecrets();
  TaskSecrets(const TaskSecrets&) = delete;
  TaskSecrets& operator=(const TaskSecrets&) = delete;

  void Add(const std::string& id, std::string_view value);
  // nullptr: the build was not given this id.
  const std::string* Find(const std::string& id) const;

 private:
  std::map<std::string, std::string> values_;
};

// An execution gets this beside its task, and no record of the task may hold it.
struct TaskContext {
  // Under which the coordinator knows the execution; 0: none (a task from a file).
  uint64_t lease = 0;
  // nullptr: none.
  std::shared_ptr<const TaskSecrets> secrets;
};

}  // namespace crossmill::worker
