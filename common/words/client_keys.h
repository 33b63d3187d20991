// Idempotency keys belong to the client that gave them: another's same key is another key. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/status.h"

namespace crossmill {

constexpr size_t kLongestIdempotencyKey = 256;

inline absl::Status CheckIdempotencyKey(std::string_view key) {
  if (key.size() <= kLongestIdempotencyKey) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("idempotency_key: longer than {} characters", kLongestIdempotencyKey));
}

// What it is recorded as; empty for no key. An owner has no blanks, so what stands behind the last one is the
// owner, also where that is nobody: else a key of the socket could be spelled like that of a token.
inline std::string KeyOfClient(std::string_view owner, std::string_view key) {
  if (key.empty()) return "";
  return fmt::format("{} of {}", key, owner);
}

}  // namespace crossmill
