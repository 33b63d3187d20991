// Checks of a machine that is to be worker and coordinator: one for each thing that it needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/doctor/check.h"

namespace crossmill::cli {

// Pure parts, for texts of files and facts.
Check CheckKernel(std::string_view release);
// `text` of /etc/subuid or /etc/subgid, called `file`.
Check CheckSubordinateRange(std::string_view file, std::string_view text, std::string_view user,
                            uint32_t uid);
// A registration of binfmt_misc (empty: there is none) for programs of `architecture`.
Check CheckBinfmt(std::string_view architecture, std::string_view registration);
Check CheckDisk(std::string_view folder, int64_t free_bytes);

// Checks this machine; looks only, except for one mount in a namespace of its own that ends with the
// check. `user`: whom workers run as.
std::vector<Check> CheckMachine(const std::string& user, bool as_root, const std::string& data_folder,
                                const std::string& path_variable);

}  // namespace crossmill::cli
