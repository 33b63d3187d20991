// The worker's own table of foreign program formats. Since Linux 6.7 a user namespace may have a binfmt_misc
// of its own, which counts for what is executed in it instead of the machine's: so a worker without rights on
// the machine gives its steps another emulator.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/host/mounting.h"

namespace crossmill::worker {

// One entry of binfmt_misc.
struct ProgramFormat {
  std::string name;
  std::string interpreter;
  std::string flags;
  // Architecture of the programs, as in platforms; empty: none we know.
  std::string architecture;
  // Of the programs' names; empty: told by magic and mask, in hex digits, at `offset`.
  std::string extension;
  std::string offset = "0";
  std::string magic;
  std::string mask;
};

// The enabled entries of `folder`, sorted by name. The machine's are seen only before the worker enters its
// namespaces.
std::vector<ProgramFormat> ReadProgramFormats(const std::string& folder);

// Pure. What is written to binfmt_misc's `register`. INVALID_ARGUMENT if it cannot be said there.
absl::StatusOr<std::string> RegistrationOf(const ProgramFormat& format);

// Mounted over `folder` as long as the object lives, with all of `formats`. What the worker executes before
// is not touched. FAILED_PRECONDITION if this kernel has none for a user namespace, or if one of the
// interpreters cannot be used here: then the machine's own table counts as before. ABORTED if the kernel
// refuses one nevertheless: once a namespace had a table of its own the machine's counts no more in it, so
// that nothing foreign is executed.
absl::StatusOr<Mount> MountOwnFormats(const std::vector<ProgramFormat>& formats, const std::string& folder);

}  // namespace crossmill::worker
