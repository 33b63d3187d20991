// Reads /etc/subuid and /etc/subgid: which ranges of ids a user may map into a user namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::worker {

// Inside a worker's user namespace there are ids 0 (the user itself) and 1..kMappedIds. Always the same
// number, so that a step finds the same ids on every host.
constexpr uint32_t kMappedIds = 65535;

struct IdRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

// The user's first range with at least kMappedIds ids in the text of /etc/subuid or /etc/subgid (see
// subuid(5)): lines NAME:FIRST:COUNT where NAME may also be the numeric uid. nullopt if there is none.
std::optional<IdRange> FindRange(std::string_view text, std::string_view user, uint32_t uid);

// A start for a new range that overlaps nothing in `text`: what the message to the operator proposes.
uint32_t FreeRangeStart(std::string_view text);

struct SubordinateIds {
  IdRange users;
  IdRange groups;
};

// FAILED_PRECONDITION names what is missing and the command that adds it.
absl::StatusOr<SubordinateIds> ReadSubordinateIds(std::string_view user, uint32_t uid);

}  // namespace crossmill::worker
