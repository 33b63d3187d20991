// Files whose content is known because it was just copied from blobs.
#pragma once

#include <map>
#include <string>

#include "common/base/digest.h"

namespace crossmill::worker {

// By path, relative to the root. What the blob holds was compared with its digest on the way into the file.
using KnownContents = std::map<std::string, Digest>;

}  // namespace crossmill::worker
