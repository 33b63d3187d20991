#include "cli/recipe/context_origin.h"

#include <sys/utsname.h>

#include "common/base/status.h"

namespace crossmill::cli {

std::string OriginOfFolder(std::string_view absolute_folder) {
  utsname name;
  // It fails only for a bad address.
  if (uname(&name) != 0) return std::string(absolute_folder);
  return fmt::format("{}:{}", name.nodename, absolute_folder);
}

}  // namespace crossmill::cli
