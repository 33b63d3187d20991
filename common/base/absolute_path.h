// A path for a process, or a mount, with another working folder.
#pragma once

#include <string>

namespace crossmill {

// Links and ".." stay as they are. A path that cannot be made absolute (the working folder is gone) comes
// back as it is.
std::string AbsolutePath(const std::string& path);

}  // namespace crossmill
