#include "coordinator/founding/founding.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/account/data_folder.h"
#include "coordinator/founding/settings_edit.h"
#include "coordinator/people/authority_files.h"
#include "coordinator/people/people.h"
#include "coordinator/storage/people/people_records.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kLongestSettings = 1 << 20;
constexpr char kFirstName[] = "admin";
// Who makes the first token, as `crossmill admin token ls` tells.
constexpr char kFounder[] = "init";

struct Place {
  std::string host;
  std::string port;
};

// "[::1]:7777" has the host "::1".
absl::StatusOr<Place> PlaceOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 1 || port > 65535)
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no address that others reach: expected HOST:PORT, farm.example:7777", address));
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const bool any = host == "0.0.0.0" || host == "::";
  if (any)
    return absl::InvalidArgumentError(
        fmt::format("'{}' is every address of this machine: name the one that the others use", host));
  return Place{host, address.substr(colon + 1)};
}

// A name may be this machine's loopback in its own eyes, so the coordinator listens everywhere then.
std::string ListenAddress(const Place& place) {
  unsigned char bytes[sizeof(in6_addr)];
  if (inet_pton(AF_INET, place.host.c_str(), bytes) == 1) return place.host + ":" + place.port;
  if (inet_pton(AF_INET6, place.host.c_str(), bytes) == 1) return "[" + place.host + "]:" + place.port;
  return "[::]:" + place.port;
}

absl::Status CheckNotRunning(const std::string& socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) return absl::OkStatus();
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "a coordinator serves {}: stop it first; it is to be started with the new settings", socket_path));
}

absl::StatusOr<std::string> NewSettings(const FoundingOptions& options, const Place& place) {
  const AuthorityFiles files(options.data_folder);
  const auto before = ReadFile(options.settings_file, kLongestSettings);
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  const std::vector<WantedSetting> wanted = {{"data", options.data_folder},
                                             {"listen", ListenAddress(place)},
                                             {"tls-cert", files.coordinator},
                                             {"tls-key", files.coordinator_key}};
  return WithSettings(options.settings_file, before.ok() ? *before : "", wanted);
}

absl::Status WriteSettings(const std::string& file, const std::string& text) {
  const auto before = ReadFile(file, kLongestSettings);
  if (before.ok() && *before == text) return absl::OkStatus();
  const size_t slash = file.rfind('/');
  if (slash != std::string::npos && slash > 0) RETURN_IF_ERROR(MakeFolders(file.substr(0, slash)));
  return WriteFileAtomic(file, text, 0644);
}

// The token; empty: there is an administrator already.
absl::StatusOr<std::string> FirstToken(const FoundingOptions& options, Clock& clock) {
  ASSIGN_OR_RETURN(const auto store, storage::RecordStore::Open(options.data_folder + "/record.db"));
  storage::PeopleRecords records(store->connection());
  ASSIGN_OR_RETURN(const std::unique_ptr<People> people, People::Open(records, clock));
  const int64_t now = UnixNanos(clock.Now());
  for (const v1::Token& token : people->Tokens()) {
    const bool good = token.revoked_at() == 0 && (token.expires_at() == 0 || token.expires_at() > now);
    if (!good || token.role() != v1::ACCESS_ADMIN) continue;
    if (token.used_at() != 0 || token.created_by() != kFounder) return "";
    RETURN_IF_ERROR(people->RevokeToken(fmt::format("{}", token.id())).status());
  }
  v1::Token wanted;
  wanted.set_name(kFirstName);
  wanted.set_role(v1::ACCESS_ADMIN);
  wanted.set_created_by(kFounder);
  ASSIGN_OR_RETURN(v1::CreateTokenResponse made, people->CreateToken(std::move(wanted)));
  return std::move(*made.mutable_secret());
}

absl::Status CheckTokenFile(const std::string& file) {
  struct stat found;
  if (file.empty() || lstat(file.c_str(), &found) != 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is there already: remove it, or name another file", file));
}

}  // namespace

absl::StatusOr<Founded> FoundFarm(const FoundingOptions& options, Clock& clock) {
  ASSIGN_OR_RETURN(const Place place, PlaceOf(options.address));
  RETURN_IF_ERROR(CheckTokenFile(options.token_file));
  RETURN_IF_ERROR(CheckNotRunning(options.socket));
  ASSIGN_OR_RETURN(const std::string settings, NewSettings(options, place));
  RETURN_IF_ERROR(MakeFolders(options.data_folder, 0700));
  // Whatever it is that root alone may write comes before root is left.
  const bool inside = options.settings_file.starts_with(options.data_folder + "/");
  if (!inside) RETURN_IF_ERROR(WriteSettings(options.settings_file, settings));
  RETURN_IF_ERROR(BecomeOwnerOfData(options.data_folder));
  std::vector<std::string> names = {place.host, "localhost", "127.0.0.1", "::1"};
  for (const std::string& name : options.names) names.push_back(name);
  RETURN_IF_ERROR(MakeAuthority(options.data_folder, options.address, names, clock.Now()));
  if (inside) RETURN_IF_ERROR(WriteSettings(options.settings_file, settings));
  ASSIGN_OR_RETURN(const auto authority, LoadAuthority(options.data_folder));
  Founded founded;
  founded.data_folder = options.data_folder;
  founded.address = options.address;
  founded.settings_file = options.settings_file;
  founded.fingerprint = authority->fingerprint();
  founded.authority_file = AuthorityFiles(options.data_folder).authority;
  ASSIGN_OR_RETURN(founded.token, FirstToken(options, clock));
  if (founded.token.empty() || options.token_file.empty()) return founded;
  RETURN_IF_ERROR(WriteFileAtomic(options.token_file, founded.token + "\n", 0600));
  founded.token_file = options.token_file;
  founded.token.clear();
  return founded;
}

}  // namespace crossmill::coordinator
