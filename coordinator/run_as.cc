#include "coordinator/run_as.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/room/descriptors.h"
#include "common/base/status.h"
#include "common/registry/credentials.h"
#include "coordinator/account/account.h"
#include "coordinator/account/data_folder.h"

namespace crossmill::coordinator {
namespace {

// Flag and file.
using NamedFile = std::pair<const char*, std::string>;

std::vector<NamedFile> FilesOf(const ServerOptions& options) {
  std::vector<NamedFile> files = {{"--tls-cert", options.listen.certificate_file},
                                  {"--tls-key", options.listen.key_file},
                                  {"--token-file", options.token_file},
                                  {"--bucket-credentials", options.bucket.credentials_file}};
  for (const std::string& path : options.failure_rule_files) files.emplace_back("--failure-rules", path);
  for (const std::string& path : options.known_file_rules) files.emplace_back("--known-files", path);
  return files;
}

std::optional<std::string> OwnVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Now that this process is the account.
absl::Status CheckAccess(const Account& account, const ServerOptions& options) {
  if (access(options.data_folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    return absl::PermissionDeniedError(
        fmt::format("the coordinator runs as the user {}, who cannot reach its data folder {}: choose one "
                    "below /var/lib or "
                    "/srv, or open the folders above it (chmod o+x)",
                    account.name, options.data_folder));
  }
  for (const auto& [flag, path] : FilesOf(options)) {
    if (path.empty() || access(path.c_str(), R_OK) == 0 || errno != EACCES) continue;
    return absl::PermissionDeniedError(
        fmt::format("{0} {1}: the coordinator runs as the user {2}, who cannot read it: chgrp "
                    "{3} {1} && chmod g+r {1}, and the folders above it have to be open to it",
                    flag, path, account.name, account.gid));
  }
  return absl::OkStatus();
}

// Programs that it starts, and what looks for its own files, find the account's and not root's.
void SetHome(const Account& account, const std::string& home) {
  setenv("HOME", home.c_str(), 1);
  setenv("USER", account.name.c_str(), 1);
  setenv("LOGNAME", account.name.c_str(), 1);
  for (const char* name : {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"})
    unsetenv(name);
}

}  // namespace

absl::Status RunAs(const std::string& user, const ServerOptions& options) {
  if (user.empty() || geteuid() != 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Account account, FindAccount(user));
  // Only root raises it above the hard limit.
  (void)RaiseDescriptorLimit();
  std::vector<std::string> of_root;
  for (const std::string& path : registry::CredentialPaths(OwnVariable)) {
    if (access(path.c_str(), F_OK) == 0) of_root.push_back(path);
  }
  RETURN_IF_ERROR(GiveDataFolder(options.data_folder, account));
  RETURN_IF_ERROR(BecomeAccount(account));
  for (const std::string& path : of_root) {
    if (access(path.c_str(), R_OK) == 0) continue;
    LogWarning(
        "the coordinator runs as the user {} and does not read {}: what pulls need of it has to be in "
        "{}/.docker/config.json",
        user, path, options.data_folder);
  }
  SetHome(account, options.data_folder);
  return CheckAccess(account, options);
}

}  // namespace crossmill::coordinator
