#include "common/words/platform.h"

#include <sys/utsname.h>

#include <cerrno>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

bool IsOs(std::string_view text) {
  return text == "linux" || text == "windows" || text == "darwin" || text == "freebsd" || text == "wasip1";
}

bool IsWord(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') return false;
  }
  return true;
}

void Normalise(v1::Platform& platform) {
  std::string& architecture = *platform.mutable_architecture();
  std::string& variant = *platform.mutable_variant();
  if (architecture == "x86_64" || architecture == "x86-64") architecture = "amd64";
  if (architecture == "i386" || architecture == "i486" || architecture == "i586" || architecture == "i686") {
    architecture = "386";
  }
  if (architecture == "aarch64") architecture = "arm64";
  if (architecture == "armhf") architecture = "arm", variant = "v7";
  if (architecture == "armel") architecture = "arm", variant = "v6";
  if (variant.size() == 1 && absl::ascii_isdigit(static_cast<unsigned char>(variant[0])))
    variant = "v" + variant;
  if (architecture == "arm" && variant.empty()) variant = "v7";
  if (architecture == "arm64" && variant == "v8") variant.clear();
  if (architecture == "amd64" && variant == "v1") variant.clear();
}

}  // namespace

absl::StatusOr<v1::Platform> ParsePlatform(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(absl::AsciiStrToLower(Av(text)), '/');
  bool valid = parts.size() <= 3;
  for (const std::string& part : parts) valid = valid && IsWord(part);
  if (!valid) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a platform; expected OS/ARCHITECTURE[/VARIANT], such as linux/arm64", text));
  }
  v1::Platform platform;
  if (parts.size() == 1 && IsOs(parts[0])) {
    return absl::InvalidArgumentError(
        fmt::format("platform '{}' names no architecture; expected OS/ARCHITECTURE[/VARIANT]", text));
  }
  if (parts.size() == 1) {
    platform.set_os("linux");
    platform.set_architecture(parts[0]);
  } else {
    platform.set_os(parts[0] == "macos" ? "darwin" : parts[0]);
    platform.set_architecture(parts[1]);
    if (parts.size() == 3) platform.set_variant(parts[2]);
  }
  Normalise(platform);
  return platform;
}

std::string FormatPlatform(const v1::Platform& platform) {
  std::string text = platform.os() + "/" + platform.architecture();
  if (!platform.variant().empty()) text += "/" + platform.variant();
  return text;
}

absl::StatusOr<v1::Platform> OwnPlatform() {
  utsname name;
  if (uname(&name) != 0) return ErrnoStatus(errno, "uname");
  return ParsePlatform(std::string("linux/") + name.machine);
}

bool SamePlatform(const v1::Platform& left, const v1::Platform& right) {
  return left.os() == right.os() && left.architecture() == right.architecture() &&
         left.variant() == right.variant();
}

}  // namespace crossmill
