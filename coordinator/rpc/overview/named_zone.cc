#include "coordinator/rpc/overview/named_zone.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestName = 64;
// "posix/America/Argentina/Buenos_Aires". Some machines have "posix" as a link to the folder that it is in.
constexpr int kMostParts = 4;

// It names a file of the machine's: nothing else is to be opened by it, and no file by more names than a few.
bool IsPlain(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || name.front() == '/' || name.back() == '/') return false;
  if (name.find("//") != std::string_view::npos) return false;
  if (std::count(name.begin(), name.end(), '/') >= kMostParts) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("/_+-").find(c) != std::string_view::npos;
  });
}

// As absl::LoadTimeZone looks for it.
bool HasFile(const std::string& name) {
  const char* folder = std::getenv("TZDIR");
  if (folder == nullptr || *folder == '\0') folder = "/usr/share/zoneinfo";
  struct stat about = {};
  return stat(fmt::format("{}/{}", folder, name).c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

}  // namespace

absl::StatusOr<absl::TimeZone> NamedZone(const std::string& name) {
  if (name.empty() || name == "UTC") return absl::UTCTimeZone();
  absl::TimeZone zone;
  // LoadTimeZone keeps every name that it was ever asked for: it is asked only for those that there are.
  if (IsPlain(name) && HasFile(name) && absl::LoadTimeZone(name, &zone)) return zone;
  return absl::InvalidArgumentError(
      fmt::format("zone: the coordinator's machine knows no time zone '{}'; expected one such as "
                  "Europe/Berlin, or none for UTC",
                  Printable(name.substr(0, kLongestName))));
}

}  // namespace crossmill::coordinator
