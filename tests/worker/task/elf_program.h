// A program as far as its loader is looked at.
#pragma once

#include <cstdint>
#include <string>

namespace crossmill::worker {

// ELF of 64 bits that asks for this loader; empty: linked statically.
inline std::string ProgramOf(const std::string& loader) {
  constexpr size_t kHeader = 64;
  constexpr size_t kEntry = 56;
  std::string bytes(kHeader + 2 * kEntry, '\0');
  const auto set = [&](size_t at, uint64_t value) {
    for (; value != 0; value >>= 8) bytes[at++] = static_cast<char>(value & 0xff);
  };
  bytes.replace(0, 6,
                std::string("\x7f"
                            "ELF\x02\x01",
                            6));
  set(0x20, kHeader);
  set(0x36, kEntry);
  set(0x38, 2);
  set(kHeader, 1);  // what is loaded
  if (loader.empty()) return bytes;
  const size_t entry = kHeader + kEntry;
  set(entry, 3);
  set(entry + 0x08, bytes.size());
  set(entry + 0x20, loader.size() + 1);
  return bytes + loader + '\0';
}

}  // namespace crossmill::worker
