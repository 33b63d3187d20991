// Assertions on absl::Status and StatusOr.
#pragma once

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

}  // namespace crossmill

#define ASSERT_OK(expression)                                                    \
  do {                                                                           \
    const auto& crossmill_result = (expression);                                 \
    ASSERT_TRUE(crossmill_result.ok()) << crossmill::StatusOf(crossmill_result); \
  } while (false)
#define EXPECT_OK(expression)                                                    \
  do {                                                                           \
    const auto& crossmill_result = (expression);                                 \
    EXPECT_TRUE(crossmill_result.ok()) << crossmill::StatusOf(crossmill_result); \
  } while (false)
