// The emulator that Debian's package installs: tests that need it are skipped where it is not there.
#pragma once

namespace crossmill::worker {

inline constexpr const char* kQemu = "/usr/bin/qemu-aarch64-static";

}  // namespace crossmill::worker
