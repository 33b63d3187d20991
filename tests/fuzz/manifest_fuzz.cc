// Any text: a layer manifest that parses is written back byte for byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/layer/layer_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto manifest = crossmill::layer::LayerManifest::Parse(text);
  if (manifest.ok() && manifest->Serialize() != text) std::abort();
  return 0;
}
