// Results of finished tasks, on disk until the coordinator has acknowledged them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// One file per lease. Thread safe for different leases.
class UndeliveredResults {
 public:
  // Makes the folder.
  static absl::StatusOr<UndeliveredResults> Open(std::string folder);

  // Durable when it returns.
  absl::Status Save(uint64_t lease, const v1::TaskResult& result);
  // A lease that is not there is fine.
  absl::Status Forget(uint64_t lease);
  // What an earlier process left. A file that cannot be read back is removed with a warning in the log:
  // its lease runs again.
  absl::StatusOr<std::map<uint64_t, v1::TaskResult>> Load();

 private:
  explicit UndeliveredResults(std::string folder) : folder_(std::move(folder)) {}
  std::string PathOf(uint64_t lease) const;

  std::string folder_;
};

}  // namespace crossmill::worker
