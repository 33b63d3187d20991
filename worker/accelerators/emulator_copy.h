// A copy of an emulator with the stub in front of it (stub/): it begins there, and the stub goes on to the
// emulator's own entry unless it has put a native program in its place.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::worker {

// The stub for this machine, linked into the worker; empty where there is none (it is for x86_64).
std::string_view EmbeddedStub();

// Pure. `emulator` is a static position-independent ELF program of this machine, `stub` as EmbeddedStub()
// gives it: its first eight bytes are to be the way to the emulator's entry, its code begins 16 bytes behind.
// The stub becomes a segment in the place of a note, which no loader needs. INVALID_ARGUMENT if the program
// is none of that kind.
absl::StatusOr<std::string> AddStub(std::string_view emulator, std::string_view stub);

}  // namespace crossmill::worker
