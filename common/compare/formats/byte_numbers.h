// Numbers in bytes. Internal to common/compare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crossmill::compare {

// The unsigned number of `width` bytes (at most 8) at `at`, which all are within `bytes`.
inline uint64_t NumberAt(std::string_view bytes, size_t at, size_t width, bool little) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + (little ? width - 1 - i : i)]);
  }
  return value;
}

}  // namespace crossmill::compare
