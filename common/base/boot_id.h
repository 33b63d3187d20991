// The kernel's boot_id: what tells machines apart. The same in all containers of a machine.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace crossmill {

// Without the end of the line. `path` is another one in tests.
absl::StatusOr<std::string> ReadBootId(const std::string& path = "/proc/sys/kernel/random/boot_id");

}  // namespace crossmill
