#include "worker/host/probes.h"

#include <elf.h>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <sstream>
#include <thread>

#include "common/base/boot_id.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

struct Architecture {
  uint8_t elf_class;
  uint8_t elf_data;
  uint16_t elf_machine;
  const char* name;
  const char* variant;
};
constexpr Architecture kArchitectures[] = {
    {ELFCLASS64, ELFDATA2LSB, EM_X86_64, "amd64", ""},  {ELFCLASS64, ELFDATA2LSB, EM_AARCH64, "arm64", ""},
    {ELFCLASS32, ELFDATA2LSB, EM_ARM, "arm", "v7"},     {ELFCLASS32, ELFDATA2LSB, EM_386, "386", ""},
    {ELFCLASS64, ELFDATA2LSB, EM_RISCV, "riscv64", ""}, {ELFCLASS64, ELFDATA2LSB, EM_PPC64, "ppc64le", ""},
    {ELFCLASS64, ELFDATA2MSB, EM_S390, "s390x", ""}};

const std::map<std::string, std::string> kMachineNames = {{"x86_64", "amd64"},
                                                          {"aarch64", "arm64"},
                                                          {"riscv64", "riscv64"},
                                                          {"ppc64le", "ppc64le"},
                                                          {"s390x", "s390x"}};

std::string FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

void RecogniseMagic(std::string_view magic, BinfmtEntry* entry) {
  if (!magic.starts_with(ELFMAG) || magic.size() < 20) return;
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(magic[at]); };
  const bool big = byte(EI_DATA) == ELFDATA2MSB;
  const uint16_t machine = static_cast<uint16_t>(big ? byte(18) << 8 | byte(19) : byte(19) << 8 | byte(18));
  for (const Architecture& known : kArchitectures) {
    if (known.elf_class != byte(EI_CLASS) || known.elf_data != byte(EI_DATA) || known.elf_machine != machine)
      continue;
    entry->architecture = known.name;
    entry->variant = known.variant;
  }
}

void AddPlatform(const std::string& architecture, const std::string& variant, bool emulated,
                 v1::WorkerInfo* info) {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture(architecture);
  platform.set_variant(variant);
  const std::vector<v1::PlatformSupport> known(info->platforms().begin(), info->platforms().end());
  if (Supports(known, platform, nullptr)) return;
  v1::PlatformSupport* support = info->add_platforms();
  *support->mutable_platform() = platform;
  support->set_emulated(emulated);
}

// Sorted by name, so that the list of platforms has one order.
std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    names.push_back(file->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void AddEmulated(const std::string& folder, v1::WorkerInfo* info) {
  std::map<std::string, std::string> refused;
  for (const std::string& name : FilesOf(folder)) {
    if (name == "register" || name == "status") continue;
    const auto text = ReadFile(fmt::format("{}/{}", folder, name), 1 << 16);
    if (!text.ok()) continue;
    const BinfmtEntry entry = ParseBinfmtEntry(*text);
    if (!entry.enabled || entry.architecture.empty()) continue;
    const bool fixed = entry.flags.find('F') != std::string::npos;
    const bool credentials = entry.flags.find('C') != std::string::npos;
    if (fixed && credentials) {
      AddPlatform(entry.architecture, entry.variant, true, info);
      refused.erase(entry.architecture);
    } else {
      refused[entry.architecture] = fmt::format(
          "binfmt_misc/{} has flags '{}': without F the emulator is not found in a step's root, without C "
          "setuid "
          "programs fail; register it with flags OCF",
          name, entry.flags);
    }
  }
  for (const auto& [architecture, why] : refused) {
    // Bound anew: clang 14 captures no structured binding.
    const bool offered = std::any_of(
        info->platforms().begin(), info->platforms().end(),
        [&name = architecture](const auto& support) { return support.platform().architecture() == name; });
    if (!offered) LogWarning("linux/{} is not offered: {}", architecture, why);
  }
}

}  // namespace

BinfmtEntry ParseBinfmtEntry(std::string_view text) {
  BinfmtEntry entry;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, value;
    words >> key >> value;
    if (key == "enabled") entry.enabled = true;
    if (key == "interpreter") entry.interpreter = value;
    if (key == "flags:") entry.flags = value;
    if (key == "magic") RecogniseMagic(FromHex(value), &entry);
  }
  return entry;
}

std::string CpuModel(std::string_view cpu_info) {
  std::string implementer, part;
  std::istringstream lines{std::string(cpu_info)};
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    const std::string value = line.substr(colon + 2);
    if (line.starts_with("model name") || line.starts_with("Model")) return value;
    if (line.starts_with("CPU implementer")) implementer = value;
    if (line.starts_with("CPU part")) part = value;
  }
  if (!part.empty()) return fmt::format("ARM implementer {} part {}", implementer, part);
  return "unknown";
}

absl::StatusOr<std::string> FileSystemOf(const std::string& folder) {
  struct statfs state {};
  if (statfs(folder.c_str(), &state) != 0) return ErrnoStatus(errno, folder);
  switch (static_cast<unsigned long>(state.f_type)) {
    case EXT4_SUPER_MAGIC:
      return "ext4";
    case TMPFS_MAGIC:
      return "tmpfs";
    case XFS_SUPER_MAGIC:
      return "xfs";
    case BTRFS_SUPER_MAGIC:
      return "btrfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    case NFS_SUPER_MAGIC:
      return "nfs";
    case F2FS_SUPER_MAGIC:
      return "f2fs";
    case 0x2fc12fc1:
      return "zfs";
    default:
      return fmt::format("0x{:x}", static_cast<unsigned long>(state.f_type));
  }
}

bool Supports(const std::vector<v1::PlatformSupport>& platforms, const v1::Platform& platform,
              bool* emulated) {
  for (const v1::PlatformSupport& support : platforms) {
    const v1::Platform& known = support.platform();
    if (known.os() != platform.os() || known.architecture() != platform.architecture() ||
        known.variant() != platform.variant()) {
      continue;
    }
    if (emulated != nullptr) *emulated = support.emulated();
    return true;
  }
  return false;
}

absl::StatusOr<v1::WorkerInfo> ProbeMachine(const ProbeSources& sources) {
  v1::WorkerInfo info;
  utsname name{};
  if (uname(&name) != 0) return ErrnoStatus(errno, "uname");
  ASSIGN_OR_RETURN(const std::string boot_id, ReadBootId(sources.boot_id));
  info.set_host_id(boot_id);
  info.set_host_name(name.nodename);
  info.set_kernel(name.release);
  info.set_version(CROSSMILL_VERSION);
  const auto cpu_info = ReadFile(sources.cpu_info, 16 << 20);
  info.set_cpu_model(cpu_info.ok() ? CpuModel(*cpu_info) : "unknown");
  info.set_cpus(std::max(1u, std::thread::hardware_concurrency()));
  const std::string machine = sources.machine.empty() ? name.machine : sources.machine;
  const auto native = kMachineNames.find(machine);
  if (native == kMachineNames.end()) {
    return absl::FailedPreconditionError(fmt::format("no platform is known for this machine ({})", machine));
  }
  AddPlatform(native->second, "", false, &info);
  AddEmulated(sources.binfmt, &info);
  return info;
}

}  // namespace crossmill::worker
