#include "common/base/boot_id.h"

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {

absl::StatusOr<std::string> ReadBootId(const std::string& path) {
  ASSIGN_OR_RETURN(std::string id, ReadFile(path, 4096));
  id.erase(id.find_last_not_of(" \n") + 1);
  return id;
}

}  // namespace crossmill
