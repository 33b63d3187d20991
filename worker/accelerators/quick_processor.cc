#include "worker/accelerators/quick_processor.h"

#include <elf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "worker/accelerators/table_format.h"

namespace crossmill::worker {
namespace {

constexpr absl::Duration kProbePatience = absl::Seconds(30);
constexpr uint64_t kProbeAddress = 0x400000;
// exit((ID_AA64ISAR1_EL1 >> 4) & 0xff): the low half is not 0 if addresses are signed by QARMA (field APA),
// the high half if they are by an algorithm of the processor's own (field API).
constexpr uint32_t kProbe[] = {
    0xd5380620,  // mrs x0, id_aa64isar1_el1
    0xd3442c00,  // ubfx x0, x0, #4, #8
    0xd2800ba8,  // mov x8, #93
    0xd4000001,  // svc #0
};

std::string ProbeProgram() {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_AARCH64;
  header.e_version = EV_CURRENT;
  header.e_entry = kProbeAddress + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = segment.p_paddr = kProbeAddress;
  segment.p_filesz = segment.p_memsz = sizeof(header) + sizeof(segment) + sizeof(kProbe);
  segment.p_align = 0x10000;
  std::string program(reinterpret_cast<const char*>(&header), sizeof(header));
  program.append(reinterpret_cast<const char*>(&segment), sizeof(segment));
  return program.append(reinterpret_cast<const char*>(kProbe), sizeof(kProbe));
}

// How addresses are signed: what the probe ends with. By the words that the stub tells an emulator.
absl::StatusOr<int> Signatures(std::vector<std::string> argv, const std::vector<std::string>& program) {
  argv.insert(argv.end(), program.begin(), program.end());
  ProcessOptions options;
  options.argv = std::move(argv);
  options.time_limit = kProbePatience;
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(options));
  return result.exit_code;
}

constexpr bool IsByQarma(int signatures) { return (signatures & 0x0f) != 0 && (signatures & 0xf0) == 0; }
constexpr bool IsByOwn(int signatures) { return (signatures & 0x0f) == 0 && (signatures & 0xf0) != 0; }

}  // namespace

std::string_view QuickProcessor() { return CROSSMILL_QUICK_PROCESSOR; }

absl::Status TryQuickProcessor(const std::string& emulator, const std::string& folder) {
  const std::string probe = folder + "/probe-of-the-processor";
  RETURN_IF_ERROR(WriteFileAtomic(probe, ProbeProgram(), 0755));
  // Debian's is registered by a name with which it takes no options.
  const std::string named = fmt::format("{}/{}", folder, CROSSMILL_TOLD_EMULATOR);
  unlink(named.c_str());
  if (symlink(emulator.c_str(), named.c_str()) != 0) return ErrnoStatus(errno, named);
  const std::vector<std::string> program = {"-0", "probe", "--", probe};
  ASSIGN_OR_RETURN(const int own, Signatures({named}, program));
  if (!IsByQarma(own)) {
    return absl::FailedPreconditionError(
        fmt::format("{} does not sign addresses by QARMA ({:#x}): nothing to gain", emulator, own));
  }
  ASSIGN_OR_RETURN(const int quick, Signatures({named, "-cpu", std::string(QuickProcessor())}, program));
  if (IsByOwn(quick)) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format("{} does not take -cpu {}", emulator, QuickProcessor()));
}

}  // namespace crossmill::worker
