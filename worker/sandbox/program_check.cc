#include "worker/sandbox/program_check.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/base/opening/open_resolved.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

UniqueFd OpenInRoot(int root, const std::string& path, int flags) {
  return OpenResolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

std::vector<std::string> Candidates(const std::string& program, absl::Span<const std::string> env,
                                    const std::string& cwd) {
  if (program.starts_with("/")) return {program};
  if (program.find('/') != std::string::npos) return {cwd + "/" + program};
  std::string_view path;
  for (const std::string& entry : env) {
    if (entry.starts_with("PATH=")) path = std::string_view(entry).substr(5);
  }
  std::vector<std::string> candidates;
  while (!path.empty()) {
    const size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    candidates.push_back(fmt::format("{}/{}", folder.empty() ? std::string_view(cwd) : folder, program));
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
  }
  return candidates;
}

// First bytes of a program: enough for a #! line and for the program headers of ordinary ELF files.
std::string Head(int root, const std::string& path) {
  const UniqueFd file = OpenInRoot(root, path, O_RDONLY | O_NONBLOCK);
  std::string head(4096, '\0');
  const auto size = file.valid() ? ReadSome(file.get(), head.data(), head.size()) : 0;
  head.resize(size.ok() ? *size : 0);
  return head;
}

std::string ScriptInterpreter(std::string_view head) {
  std::string_view line =
      head.substr(2, head.find('\n') == std::string_view::npos ? 256 : head.find('\n') - 2);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

template <typename Header, typename Segment>
std::string LoaderIn(std::string_view head) {
  Header header;
  if (head.size() < sizeof(header)) return {};
  std::memcpy(&header, head.data(), sizeof(header));
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Segment segment;
    const size_t at = header.e_phoff + i * sizeof(segment);
    if (at > head.size() || head.size() - at < sizeof(segment)) return {};
    std::memcpy(&segment, head.data() + at, sizeof(segment));
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > head.size() || head.size() - segment.p_offset < segment.p_filesz) return {};
    const std::string_view name = head.substr(segment.p_offset, segment.p_filesz);
    return std::string(name.substr(0, name.find('\0')));
  }
  return {};
}

uint16_t ElfMachine(std::string_view head) {
  uint16_t machine = 0;
  std::memcpy(&machine, head.data() + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
  return machine;
}

// Machines whose programs a kernel executes itself.
bool Native(uint16_t elf_machine, const std::string& machine) {
  if (machine == "x86_64") return elf_machine == EM_X86_64 || elf_machine == EM_386;
  if (machine == "aarch64") return elf_machine == EM_AARCH64 || elf_machine == EM_ARM;
  return false;
}

std::optional<ProgramProblem> ProblemOfContent(int root, const std::string& path, const std::string& program,
                                               const std::string& machine) {
  const std::string head = Head(root, path);
  if (head.starts_with("#!")) {
    const std::string interpreter = ScriptInterpreter(head);
    if (OpenInRoot(root, interpreter, O_PATH).valid()) {
      return ProblemOfContent(root, interpreter, interpreter, machine);
    }
    return ProgramProblem{127,
                          fmt::format("{}: its interpreter {} is not in the image", program, interpreter)};
  }
  if (!head.starts_with(ELFMAG) || head.size() < sizeof(Elf32_Ehdr)) {
    return ProgramProblem{126, fmt::format("{}: not an executable format", program)};
  }
  const bool wide = head[EI_CLASS] == ELFCLASS64;
  const std::string loader =
      wide ? LoaderIn<Elf64_Ehdr, Elf64_Phdr>(head) : LoaderIn<Elf32_Ehdr, Elf32_Phdr>(head);
  if (!loader.empty() && !OpenInRoot(root, loader, O_PATH).valid()) {
    return ProgramProblem{127, fmt::format("{}: its loader {} is not in the image", program, loader)};
  }
  if (!Native(ElfMachine(head), machine)) {
    return ProgramProblem{0, fmt::format("{}: for another machine than {}", program, machine)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProgramProblem> FindProgramProblem(const std::string& root, const std::string& program,
                                                 absl::Span<const std::string> env, const std::string& cwd,
                                                 const std::string& machine) {
  const auto folder = OpenFile(root, O_PATH | O_DIRECTORY);
  if (!folder.ok()) return std::nullopt;
  bool found = false;
  for (const std::string& path : Candidates(program, env, cwd)) {
    const UniqueFd file = OpenInRoot(folder->get(), path, O_PATH);
    struct stat state {};
    if (!file.valid() || fstat(file.get(), &state) != 0) continue;
    found = true;
    if (!S_ISREG(state.st_mode) || (state.st_mode & 0111) == 0) continue;
    return ProblemOfContent(folder->get(), path, program, machine);
  }
  if (found) return ProgramProblem{126, fmt::format("{}: permission denied", program)};
  return ProgramProblem{127, fmt::format("{}: not found in the image", program)};
}

}  // namespace crossmill::worker
