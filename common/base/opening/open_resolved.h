// Opening below a folder that somebody else changes (openat2): how far links and ".." may lead is the
// kernel's to keep, whoever swaps what while a path is followed.
#pragma once

#include <linux/openat2.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/base/files.h"

namespace crossmill {

// `path` from `folder` on. `flags` are those of open, with O_CLOEXEC added; `mode` of
// what is made; `resolve`: RESOLVE_BENEATH and its like. Not valid, with errno set, where it cannot be
// opened.
UniqueFd OpenResolved(int folder, const std::string& path, int flags, uint64_t resolve, mode_t mode = 0);

}  // namespace crossmill
