#include "worker/accelerators/emulator_copy.h"

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr uint64_t kElfPage = 4096;
// Behind the way to the emulator's own entry.
constexpr uint64_t kStubEntry = 16;

uint64_t UpToPage(uint64_t number) { return (number + kElfPage - 1) / kElfPage * kElfPage; }

absl::StatusOr<Elf64_Ehdr> ElfHeader(std::string_view program) {
  Elf64_Ehdr header{};
  if (program.size() < sizeof(header)) return absl::InvalidArgumentError("the emulator is no ELF program");
  std::memcpy(&header, program.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return absl::InvalidArgumentError("the emulator is no 64-bit ELF program");
  }
  if (header.e_machine != EM_X86_64 || header.e_type != ET_DYN) {
    return absl::InvalidArgumentError(
        "the emulator is no position-independent program for x86_64 (qemu-user-static of Debian is)");
  }
  const uint64_t bytes = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff > program.size() || bytes > program.size() - header.e_phoff) {
    return absl::InvalidArgumentError("the emulator's program headers are not in it");
  }
  return header;
}

}  // namespace

absl::StatusOr<std::string> AddStub(std::string_view emulator, std::string_view stub) {
  ASSIGN_OR_RETURN(Elf64_Ehdr header, ElfHeader(emulator));
  if (stub.size() <= kStubEntry) return absl::InvalidArgumentError("there is no stub for this machine");
  std::string copy(emulator);
  uint64_t end = 0;
  std::optional<uint64_t> note;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    std::memcpy(&segment, copy.data() + at, sizeof(segment));
    if (segment.p_type == PT_INTERP)
      return absl::InvalidArgumentError(
          "the emulator is linked dynamically: in a step's root it finds no loader");
    if (segment.p_type == PT_LOAD) end = std::max(end, segment.p_vaddr + segment.p_memsz);
    // The last one: the kernel wants loaded segments in the order of their addresses.
    if (segment.p_type == PT_NOTE) note = at;
  }
  if (!note || end == 0)
    return absl::InvalidArgumentError("the emulator has no note to put the stub in the place of");
  copy.resize(UpToPage(copy.size()), '\0');
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_offset = copy.size();
  segment.p_vaddr = segment.p_paddr = UpToPage(end);
  segment.p_filesz = segment.p_memsz = stub.size();
  segment.p_align = kElfPage;
  const uint64_t way = header.e_entry - segment.p_vaddr;
  copy.append(stub);
  std::memcpy(copy.data() + segment.p_offset, &way, sizeof(way));
  std::memcpy(copy.data() + *note, &segment, sizeof(segment));
  header.e_entry = segment.p_vaddr + kStubEntry;
  std::memcpy(copy.data(), &header, sizeof(header));
  return copy;
}

}  // namespace crossmill::worker
