#include "common/base/absolute_path.h"

#include <filesystem>

namespace crossmill {

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

}  // namespace crossmill
