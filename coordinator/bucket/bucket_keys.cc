#include "coordinator/bucket/bucket_keys.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kFolder = "blobs/";

}  // namespace

std::string KeyOf(const std::string& hash) {
  return fmt::format("{}{}/{}", kFolder, std::string_view(hash).substr(0, 2), hash);
}

Digest DigestOfKey(const std::string& key, int64_t size) {
  if (!key.starts_with(kFolder) || key.size() != kFolder.size() + 3 + 64) return {};
  std::string hash = key.substr(kFolder.size() + 3);
  if (!IsSha256Hex(hash) || key != KeyOf(hash) || size <= 0) return {};
  return {std::move(hash), size};
}

}  // namespace crossmill::coordinator
