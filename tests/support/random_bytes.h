// Bytes that do not repeat and do not compress, the same for the same seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace crossmill {

inline std::string RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}
// Others for another size.
inline std::string RandomBytes(size_t size) { return RandomBytes(size, size); }

}  // namespace crossmill
