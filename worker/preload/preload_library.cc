#include "worker/preload/preload_library.h"

#include <cstddef>
#include <cstring>

#include "worker/preload/settings.h"

namespace crossmill::worker {

std::optional<std::string> PreloadLibrary(std::string_view architecture, const PreloadSettings& settings) {
  for (const EmbeddedPreload& library : EmbeddedPreloads()) {
    if (library.architecture != architecture) continue;
    std::string bytes(library.bytes);
    preload_settings block = {CROSSMILL_PRELOAD_MAGIC, settings.clock_shift, 0};
    if (settings.reverse_folders) block.flags |= CROSSMILL_PRELOAD_REVERSE;
    if (settings.hide_list) block.flags |= CROSSMILL_PRELOAD_HIDE_LIST;
    const size_t place = bytes.find(std::string_view(block.magic, sizeof(block.magic)));
    if (place == std::string::npos || bytes.size() - place < sizeof(block)) return std::nullopt;
    std::memcpy(bytes.data() + place, &block, sizeof(block));
    return bytes;
  }
  return std::nullopt;
}

}  // namespace crossmill::worker
