// Builds that their project lets all others read.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe. The connection outlives it.
class BuildShares {
 public:
  explicit BuildShares(Connection& connection) : connection_(connection) {}

  // `by`: whose token; `at`: Unix time in nanoseconds. Once more is OK and changes nothing. NOT_FOUND: there
  // is no such build. True: it was not shared before.
  absl::StatusOr<bool> Share(int64_t build, const std::string& by, int64_t at);
  // False: it was not shared.
  absl::StatusOr<bool> Unshare(int64_t build);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
