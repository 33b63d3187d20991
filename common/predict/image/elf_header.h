// What the head of an ELF file says: for which processor it is, and which loader runs it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace crossmill::predict {

struct ElfHeader {
  // As the kernel calls it: x86_64, i686, aarch64, armv7l, armv6l (a soft-float or older ABI), ppc64le,
  // ppc64, s390x, riscv64, loongarch64; empty for others.
  std::string machine;
  bool bits32 = false;
  // PT_INTERP: "/lib64/ld-linux-x86-64.so.2"; empty for a static program, and where it lies behind what was
  // read.
  std::string loader;
};

// Of the first bytes of a file (4 KiB are enough for what compilers make). nullopt: no ELF file.
std::optional<ElfHeader> ReadElfHeader(std::string_view head);

}  // namespace crossmill::predict
