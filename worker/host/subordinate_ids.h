// Reads /etc/subuid and /etc/subgid: which ids a user may map into a user namespace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::worker {

// A worker's user namespace has the ids 0 (the user itself) and 1..N, N the number of its subordinate ids. At
// least kLeastMappedIds have to be there: what a container of 65,536 ids has besides root and the worker's
// own user. An image with an owner above them is refused by name. Whoever is asked for ids is asked for all
// of 16 bits: every image is made for these, few use more.
constexpr uint32_t kLeastMappedIds = 65534;
constexpr uint32_t kUsualMappedIds = 65535;

struct IdRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

// All ranges of the user in the text of /etc/subuid or /etc/subgid (see subuid(5)): lines NAME:FIRST:COUNT,
// where NAME may also be the numeric uid. In the file's order, because that is the order in which they are
// mapped: a range that is added later leaves what earlier ones mean. No id occurs twice, and `own`, which is
// mapped to 0, not at all. At most as many ranges as the kernel takes at once. `existing`: /proc/self/uid_map
// or gid_map, because in a container the file may promise ids that are not there.
std::vector<IdRange> FindRanges(std::string_view text, std::string_view user, uint32_t uid, uint32_t own,
                                std::string_view existing = "0 0 4294967295");

uint64_t CountIds(const std::vector<IdRange>& ranges);

// A start for a new range that overlaps nothing in `text`: what the message to the operator proposes.
uint32_t FreeRangeStart(std::string_view text);

struct SubordinateIds {
  std::vector<IdRange> users;
  std::vector<IdRange> groups;
};

// `gid`: the user's own group. FAILED_PRECONDITION names what is missing and the command that adds it.
absl::StatusOr<SubordinateIds> ReadSubordinateIds(std::string_view user, uint32_t uid, uint32_t gid);

}  // namespace crossmill::worker
