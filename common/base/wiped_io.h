// Secrets read from files and written as JSON, with no copy of them left behind.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/base/json.h"
#include "common/base/wiping.h"

namespace crossmill {

// ReadAll (files.h). RESOURCE_EXHAUSTED beyond `limit` bytes.
absl::StatusOr<WipedBytes> ReadAllWiped(int fd, int64_t limit);

// WriteJson (json.h).
WipedBytes WriteJsonWiped(const Json& value);

}  // namespace crossmill
