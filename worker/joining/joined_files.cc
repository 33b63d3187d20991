#include "worker/joining/joined_files.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kMark = "# Written by `crossmill-worker join`.\n";
constexpr int64_t kLongestSettings = 1 << 20;

bool Exists(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0;
}

// As root, to the user that the worker becomes.
absl::Status Give(const std::string& path, const std::string& user) {
  const passwd* entry = geteuid() == 0 ? getpwnam(user.c_str()) : nullptr;
  if (entry == nullptr) return absl::OkStatus();
  if (lchown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

absl::Status WriteOwn(const std::string& path, const std::string& text, const std::string& user) {
  RETURN_IF_ERROR(WriteFileAtomic(path, text, 0600));
  return Give(path, user);
}

// A basic string of TOML escapes as one of JSON does.
std::string Line(std::string_view name, const std::string& value) {
  return fmt::format("{} = {}\n", name, WriteJson(Json(value)));
}

std::string SettingsText(const Joined& joined, const std::string& data) {
  std::string text(kMark);
  text += Line("name", joined.name) + Line("coordinator", joined.address) + Line("data", data);
  text += Line("ca", data + "/authority.pem") + Line("identity", data + "/identity.pem");
  if (!joined.pool.empty()) text += Line("pool", joined.pool);
  return text;
}

bool MayWrite(const std::string& path) {
  if (!Exists(path)) return true;
  const auto text = ReadFile(path, kLongestSettings);
  return text.ok() && text->starts_with(kMark);
}

}  // namespace

std::string IdentityText(const std::string& key_pem, const std::string& certificate_pem) {
  return key_pem + certificate_pem;
}

absl::Status CheckPlace(const JoinedPlace& place) {
  if (place.data.empty() && geteuid() != 0)
    return absl::InvalidArgumentError(
        "the usual place (/var/lib/crossmill/workers) is root's: run this as root, or name a folder of your "
        "own "
        "with --data");
  const std::string identity = place.data + "/identity.pem";
  if (!place.data.empty() && Exists(identity))
    return absl::FailedPreconditionError(
        fmt::format("{} is a worker that joined already, and nothing is overwritten: remove {} to join anew, "
                    "or name another "
                    "--data. The invitation was not sent",
                    place.data, identity));
  if (!place.settings.empty() && !MayWrite(place.settings))
    return absl::FailedPreconditionError(
        fmt::format("{} is there already, and nothing is overwritten: remove it, or name another --settings. "
                    "The invitation "
                    "was not sent",
                    place.settings));
  return absl::OkStatus();
}

absl::StatusOr<std::string> WriteJoined(const Joined& joined, const JoinedPlace& place) {
  const std::string data = place.data.empty() ? "/var/lib/crossmill/workers/" + joined.name : place.data;
  RETURN_IF_ERROR(MakeFolders(data));
  RETURN_IF_ERROR(Give(data, place.user));
  RETURN_IF_ERROR(WriteOwn(data + "/authority.pem", joined.authority, place.user));
  RETURN_IF_ERROR(WriteOwn(data + "/identity.pem", IdentityText(joined.key, joined.certificate), place.user));
  std::string settings = place.settings;
  if (settings.empty() && place.data.empty()) settings = "/etc/crossmill/workers/" + joined.name + ".toml";
  if (settings.empty() || !MayWrite(settings)) settings = data + "/worker.toml";
  const size_t slash = settings.rfind('/');
  if (slash != std::string::npos && slash > 0) RETURN_IF_ERROR(MakeFolders(settings.substr(0, slash)));
  RETURN_IF_ERROR(WriteFileAtomic(settings, SettingsText(joined, data), 0644));
  return settings;
}

}  // namespace crossmill::worker
