// Errors: absl::Status everywhere, with context added on the way up and the code kept.
//
//   INVALID_ARGUMENT     bad input; for a recipe the message begins with FILE:LINE[:COLUMN]
//   NOT_FOUND            what was named does not exist
//   FAILED_PRECONDITION  right request, wrong state; the message says what to do
//   UNAVAILABLE          infrastructure; may be retried
//   DATA_LOSS            a blob whose bytes do not have its digest
//   ABORTED              a lease that is no longer held
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill {

// Debian's absl::string_view is a type of its own; these are the two ways across.
inline std::string_view Sv(absl::string_view text) { return {text.data(), text.size()}; }
inline absl::string_view Av(std::string_view text) { return {text.data(), text.size()}; }

// `status` with "context: " before its message; OK stays OK, the code and payloads stay.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// Status for a failed system call: code from `error` (an errno value), message "what: strerror".
// Where RESOURCE_EXHAUSTED means that a request is over a limit: a full disk, or too many open files, as
// UNAVAILABLE with the same words.
absl::Status NoLimit(const absl::Status& status);

absl::Status ErrnoStatus(int error, std::string_view what);

}  // namespace crossmill

#define CROSSMILL_CONCAT_INNER(a, b) a##b
#define CROSSMILL_CONCAT(a, b) CROSSMILL_CONCAT_INNER(a, b)

// Returns the status of `expression` from the function if it is not OK.
#define RETURN_IF_ERROR(expression)                      \
  do {                                                   \
    absl::Status crossmill_status = (expression);        \
    if (!crossmill_status.ok()) return crossmill_status; \
  } while (false)

// ASSIGN_OR_RETURN(auto value, Compute()): declares or assigns, or returns the error.
#define ASSIGN_OR_RETURN(left, expression) \
  ASSIGN_OR_RETURN_IMPL(CROSSMILL_CONCAT(crossmill_value_, __LINE__), left, expression)
#define ASSIGN_OR_RETURN_IMPL(value, left, expression) \
  auto value = (expression);                           \
  if (!value.ok()) return std::move(value).status();   \
  left = *std::move(value)
