// ELF: the file header and the program headers (System V ABI, chapters 4 and 5).
#include "common/predict/image/elf_header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace crossmill::predict {
namespace {

constexpr uint64_t kInterpreter = 3;
constexpr uint64_t kArm = 40;
// EABI version 5 with floats in registers: what armhf is.
constexpr uint64_t kArmVersionMask = 0xff000000;
constexpr uint64_t kArmVersion5 = 0x05000000;
constexpr uint64_t kArmHardFloat = 0x400;

// Numbers of the file's own size and byte order; 0 behind its end.
class ElfBytes {
 public:
  ElfBytes(std::string_view bytes, bool wide, bool big_endian)
      : bytes_(bytes), wide_(wide), big_endian_(big_endian) {}

  uint64_t Number(uint64_t offset, size_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return 0;
    uint64_t number = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t at = big_endian_ ? i : size - 1 - i;
      number = number << 8 | static_cast<unsigned char>(bytes_[offset + at]);
    }
    return number;
  }

  bool wide() const { return wide_; }
  bool big_endian() const { return big_endian_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
  bool wide_;
  bool big_endian_;
};

std::string MachineOf(const ElfBytes& file) {
  const uint64_t machine = file.Number(18, 2);
  if (machine == kArm) {
    const uint64_t flags = file.Number(36, 4);
    return (flags & kArmVersionMask) == kArmVersion5 && (flags & kArmHardFloat) != 0 ? "armv7l" : "armv6l";
  }
  struct Known {
    uint64_t number;
    bool wide;
    bool big_endian;
    std::string_view name;
  };
  static constexpr std::array<Known, 8> kKnown = {{{62, true, false, "x86_64"},
                                                   {3, false, false, "i686"},
                                                   {183, true, false, "aarch64"},
                                                   {21, true, false, "ppc64le"},
                                                   {21, true, true, "ppc64"},
                                                   {22, true, true, "s390x"},
                                                   {243, true, false, "riscv64"},
                                                   {258, true, false, "loongarch64"}}};
  for (const Known& known : kKnown) {
    if (known.number == machine && known.wide == file.wide() && known.big_endian == file.big_endian())
      return std::string(known.name);
  }
  return "";
}

std::string LoaderOf(const ElfBytes& file) {
  const uint64_t offset = file.wide() ? file.Number(32, 8) : file.Number(28, 4);
  const uint64_t size = file.Number(file.wide() ? 54 : 42, 2);
  const uint64_t count = file.Number(file.wide() ? 56 : 44, 2);
  for (uint64_t i = 0; i < std::min<uint64_t>(count, 64); ++i) {
    const uint64_t header = offset + i * size;
    if (header < offset || file.Number(header, 4) != kInterpreter) continue;
    const uint64_t begin = file.wide() ? file.Number(header + 8, 8) : file.Number(header + 4, 4);
    const uint64_t length = file.wide() ? file.Number(header + 32, 8) : file.Number(header + 16, 4);
    if (begin > file.bytes().size() || length > file.bytes().size() - begin) return "";
    const std::string_view text = file.bytes().substr(begin, length);
    return std::string(text.substr(0, text.find('\0')));
  }
  return "";
}

}  // namespace

std::optional<ElfHeader> ReadElfHeader(std::string_view head) {
  using namespace std::string_view_literals;
  if (head.size() < 52 || !head.starts_with("\x7f"
                                            "ELF"sv))
    return std::nullopt;
  if (head[4] < 1 || head[4] > 2 || head[5] < 1 || head[5] > 2) return std::nullopt;
  const ElfBytes file(head, head[4] == 2, head[5] == 2);
  ElfHeader header;
  header.machine = MachineOf(file);
  header.bits32 = !file.wide();
  header.loader = LoaderOf(file);
  return header;
}

}  // namespace crossmill::predict
