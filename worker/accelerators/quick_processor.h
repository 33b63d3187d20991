// The processor that an emulator of arm64 plays, where the same one is quicker in another way.
//
// Programs of newer distributions (Debian 13 is one) sign the return address of every function
// (FEAT_PAuth). The architecture lets a processor choose how it computes the signature: by QARMA, or by an
// algorithm of its own ("IMPLEMENTATION DEFINED" in the Arm ARM, DDI 0487). Emulated, QARMA is up to four
// fifths of what such a program does; until version 10 it is what qemu computes unless it is told otherwise.
// Keys are chosen by chance for every process, so nothing that a program does by the architecture depends on
// the algorithm. A program could read which it is (ID_AA64ISAR1_EL1), as it could read the processor's name.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace crossmill::worker {

// In qemu's words, as circumstances of a step have it.
std::string_view QuickProcessor();

// OK if the emulator, a file, computes QARMA by itself, and does not as QuickProcessor(); tried with a
// program in `folder`. Else FAILED_PRECONDITION with the reason, for people.
absl::Status TryQuickProcessor(const std::string& emulator, const std::string& folder);

}  // namespace crossmill::worker
