// What a bench does with an error: it ends.
#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "tests/bench/coordinator_process.h"

namespace crossmill {

inline void Check(const absl::Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

template <typename T>
T Checked(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

}  // namespace crossmill
