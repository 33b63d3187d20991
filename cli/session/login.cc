#include "cli/session/login.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "cli/show/exit_codes.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/settings/settings_file.h"

namespace crossmill::cli {
namespace {

constexpr int64_t kMostOfALogin = 64 << 10;
constexpr int64_t kMostAuthorities = 4 << 20;

std::string LoginFile(const std::string& folder) { return folder + "/login.toml"; }
std::string AuthoritiesFile(const std::string& folder) { return folder + "/login-ca.pem"; }

// A basic string of TOML escapes as one of JSON does.
std::string Quoted(const std::string& text) { return WriteJson(Json(text)); }

absl::Status Take(const std::string& file, const settings::FileEntry& entry, ConnectOptions* login) {
  const auto refuse = [&](std::string_view why) {
    return WithHint(
        absl::InvalidArgumentError(fmt::format("{}:{}: {} {}", file, entry.line, entry.name, why)),
        "`crossmill login` writes it anew");
  };
  if (!entry.table.empty() || entry.list || entry.values.size() != 1) return refuse("is none of a login");
  const settings::FileValue& value = entry.values.front();
  if (entry.name == "insecure" && value.kind == settings::ValueKind::kTruth) {
    login->insecure = value.text == "true";
    return absl::OkStatus();
  }
  if (value.kind != settings::ValueKind::kText) return refuse("is no text");
  if (entry.name == "coordinator") {
    login->address = value.text;
  } else if (entry.name == "token") {
    login->token = value.text;
  } else if (entry.name == "ca-file") {
    login->ca_file = value.text;
  } else {
    return refuse("is none of a login");
  }
  return absl::OkStatus();
}

}  // namespace

std::string LoginFolder(Environment& env) {
  if (const std::string folder = env.VariableOr("XDG_CONFIG_HOME"); folder.starts_with("/"))
    return folder + "/crossmill";
  const std::string home = env.VariableOr("HOME");
  return home.empty() ? "" : home + "/.config/crossmill";
}

absl::StatusOr<std::optional<ConnectOptions>> ReadLogin(const std::string& folder) {
  if (folder.empty()) return std::nullopt;
  const std::string file = LoginFile(folder);
  const auto text = ReadFile(file, kMostOfALogin);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(const std::vector<settings::FileEntry> entries, settings::ParseSettingsFile(file, *text));
  ConnectOptions login;
  for (const settings::FileEntry& entry : entries) RETURN_IF_ERROR(Take(file, entry, &login));
  if (login.address.empty()) {
    return WithHint(absl::InvalidArgumentError(fmt::format("{}: it names no coordinator", file)),
                    "`crossmill login` writes it anew");
  }
  return login;
}

absl::Status WriteLogin(const std::string& folder, const ConnectOptions& login) {
  if (folder.empty()) {
    return absl::FailedPreconditionError(
        "there is no place to keep a login: neither XDG_CONFIG_HOME nor HOME is set");
  }
  std::string text =
      "# Written by `crossmill login`; `crossmill logout` removes it. Whoever reads the token has it.\n";
  text += fmt::format("coordinator = {}\n", Quoted(login.address));
  if (!login.token.empty()) text += fmt::format("token = {}\n", Quoted(login.token));
  RETURN_IF_ERROR(MakeFolders(folder, 0700));
  if (!login.ca_file.empty()) {
    ASSIGN_OR_RETURN(const std::string authorities, ReadFile(login.ca_file, kMostAuthorities));
    RETURN_IF_ERROR(WriteFileAtomic(AuthoritiesFile(folder), authorities, 0600));
    text += fmt::format("ca-file = {}\n", Quoted(AuthoritiesFile(folder)));
  }
  if (login.insecure) text += "insecure = true\n";
  return WriteFileAtomic(LoginFile(folder), text, 0600);
}

absl::StatusOr<bool> RemoveLogin(const std::string& folder) {
  if (folder.empty()) return false;
  std::error_code error;
  const bool removed = std::filesystem::remove(LoginFile(folder), error);
  // First the token: without it the authorities are nobody's secret.
  if (!error) std::filesystem::remove(AuthoritiesFile(folder), error);
  if (error) return absl::InternalError(fmt::format("remove the login in {}: {}", folder, error.message()));
  return removed;
}

}  // namespace crossmill::cli
