// What a message takes in memory once it is parsed, told from its bytes beforehand: two bytes on the wire can
// become a hundred, so that a limit on the bytes is none on the memory. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace crossmill::plan {

// An estimate, rather too high, for a message of this type, in bytes; counting ends at `most`, and what is
// more is returned as that or more. INVALID_ARGUMENT: the bytes are no message at all.
absl::StatusOr<int64_t> ParsedSize(std::string_view bytes, const google::protobuf::Descriptor& type,
                                   int64_t most);

}  // namespace crossmill::plan
