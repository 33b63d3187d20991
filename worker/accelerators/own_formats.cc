#include "worker/accelerators/own_formats.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/host/probes.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostFormats = 200;
// The kernel's bound of a registration.
constexpr size_t kLongestRegistration = 1920;

bool IsHex(std::string_view text) {
  return text.size() % 2 == 0 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// "7f45" as "\x7f\x45".
std::string Escaped(std::string_view hex) {
  std::string text;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) text += fmt::format("\\x{}", hex.substr(i, 2));
  return text;
}

ProgramFormat FormatIn(std::string name, const std::string& text) {
  const BinfmtEntry entry = ParseBinfmtEntry(text);
  ProgramFormat format;
  format.name = std::move(name);
  format.interpreter = entry.interpreter;
  format.flags = entry.flags;
  format.architecture = entry.architecture;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, value;
    words >> key >> value;
    if (key == "offset") format.offset = value;
    if (key == "magic") format.magic = value;
    if (key == "mask") format.mask = value;
    if (key == "extension" && value.starts_with('.')) format.extension = value.substr(1);
  }
  return format;
}

absl::Status Register(const ProgramFormat& format, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string line, RegistrationOf(format));
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(folder + "/register", O_WRONLY));
  // In one call: the kernel takes each write for a whole registration.
  const ssize_t written = write(file.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  const absl::Status refused = ErrnoStatus(errno, "register");
  return absl::AbortedError(fmt::format("binfmt_misc/{} with {} cannot be registered for the worker: {}",
                                        format.name, format.interpreter, Sv(refused.message())));
}

// The kernel opens the interpreter when it is registered with the flag F. The machine's may be of a file that
// is not there any more, or was of another root (an emulator that a container has registered).
absl::Status CheckRegistrable(const ProgramFormat& format) {
  RETURN_IF_ERROR(RegistrationOf(format).status());
  if (format.flags.find('F') == std::string::npos) return absl::OkStatus();
  struct stat state {};
  if (stat(format.interpreter.c_str(), &state) == 0 && S_ISREG(state.st_mode) &&
      access(format.interpreter.c_str(), X_OK) == 0)
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("binfmt_misc/{} is registered with {}, which this worker cannot execute", format.name,
                  format.interpreter));
}

}  // namespace

std::vector<ProgramFormat> ReadProgramFormats(const std::string& folder) {
  std::vector<ProgramFormat> formats;
  std::error_code error;
  for (std::filesystem::directory_iterator file(folder, error), end;
       !error && file != end && formats.size() < kMostFormats; file.increment(error)) {
    const std::string name = file->path().filename().string();
    if (name == "register" || name == "status") continue;
    const auto text = ReadFile(file->path().string(), 1 << 16);
    if (text.ok() && ParseBinfmtEntry(*text).enabled) formats.push_back(FormatIn(name, *text));
  }
  std::sort(formats.begin(), formats.end(),
            [](const ProgramFormat& one, const ProgramFormat& other) { return one.name < other.name; });
  return formats;
}

absl::StatusOr<std::string> RegistrationOf(const ProgramFormat& format) {
  const std::string kind = format.extension.empty() ? "M" : "E";
  const std::string magic = format.extension.empty() ? Escaped(format.magic) : format.extension;
  std::string line =
      fmt::format(":{}:{}:{}:{}:{}:{}:{}", format.name, kind, format.extension.empty() ? format.offset : "",
                  magic, Escaped(format.mask), format.interpreter, format.flags);
  const bool clean = std::count(line.begin(), line.end(), ':') == 7 && line.find('\n') == line.npos &&
                     IsHex(format.magic) && IsHex(format.mask) && !magic.empty() &&
                     !format.interpreter.empty();
  if (!clean || line.size() > kLongestRegistration) {
    return absl::InvalidArgumentError(
        fmt::format("binfmt_misc/{} is no entry that can be registered again", format.name));
  }
  return line;
}

absl::StatusOr<Mount> MountOwnFormats(const std::vector<ProgramFormat>& formats, const std::string& folder) {
  for (const ProgramFormat& format : formats) RETURN_IF_ERROR(CheckRegistrable(format));
  RETURN_IF_ERROR(MakeFolders(folder));
  if (mount("binfmt_misc", folder.c_str(), "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    const absl::Status mounting = ErrnoStatus(errno, "mounting binfmt_misc");
    return absl::FailedPreconditionError(fmt::format(
        "{}; a worker's own table of program formats needs Linux 6.7 or newer", Sv(mounting.message())));
  }
  Mount mounted(folder);
  for (const ProgramFormat& format : formats) RETURN_IF_ERROR(Register(format, folder));
  return mounted;
}

}  // namespace crossmill::worker
