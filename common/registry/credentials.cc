#include "common/registry/credentials.h"

#include <algorithm>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"

namespace crossmill::registry {
namespace {

constexpr int64_t kMaxConfig = 1 << 20;
// Helpers may ask a cloud's API; longer than this they hang.
constexpr absl::Duration kHelperLimit = absl::Seconds(60);
// A user name with which a helper says that the secret is an identity token.
constexpr std::string_view kTokenUser = "<token>";

absl::Status HelperError(const std::string& helper, std::string_view registry, std::string_view what) {
  return absl::FailedPreconditionError(
      fmt::format("credential helper docker-credential-{} for {} {}; it is named in docker's config.json",
                  helper, registry, what));
}

bool IsHelperName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

std::vector<std::string> CredentialPaths(const Variables& variables) {
  const auto value = [&](const char* name) { return variables(name).value_or(""); };
  std::vector<std::string> paths;
  if (const std::string file = value("REGISTRY_AUTH_FILE"); !file.empty()) paths.push_back(file);
  if (const std::string folder = value("DOCKER_CONFIG"); !folder.empty()) {
    paths.push_back(folder + "/config.json");
  } else if (const std::string home = value("HOME"); !home.empty()) {
    paths.push_back(home + "/.docker/config.json");
  }
  if (const std::string folder = value("XDG_RUNTIME_DIR"); !folder.empty()) {
    paths.push_back(folder + "/containers/auth.json");
  }
  return paths;
}

absl::StatusOr<std::optional<Credentials>> AskHelper(const std::string& helper, std::string_view registry) {
  if (!IsHelperName(helper)) return HelperError(helper, registry, "has a bad name");
  ProcessOptions options;
  options.argv = {"docker-credential-" + helper, "get"};
  options.input = registry == "docker.io" ? std::string(kDockerHubKey) : std::string(registry);
  options.time_limit = kHelperLimit;
  auto result = RunProcess(options);
  if (!result.ok()) return HelperError(helper, registry, "could not be started");
  if (result->timed_out) return HelperError(helper, registry, "did not answer");
  if (result->exit_code != 0) {
    // The protocol's words for "nothing here", on standard output.
    if (result->stdout_text.find("credentials not found") != std::string::npos)
      return std::optional<Credentials>();
    return HelperError(helper, registry, fmt::format("failed with exit code {}", result->exit_code));
  }
  const auto json = ParseJson(result->stdout_text);
  if (!json.ok() || !json->is_object())
    return HelperError(helper, registry, "did not answer with a JSON object");
  Credentials credentials{TextMember(*json, "Username"), TextMember(*json, "Secret"), ""};
  if (credentials.user == kTokenUser) credentials = {"", "", credentials.password};
  if (credentials.user.empty() && credentials.identity_token.empty()) return std::optional<Credentials>();
  return std::optional<Credentials>(std::move(credentials));
}

CredentialLookup DockerCredentials(const Variables& variables) {
  return [paths = CredentialPaths(variables)](
             std::string_view registry) -> absl::StatusOr<std::optional<Credentials>> {
    for (const std::string& path : paths) {
      if (!Exists(path)) continue;
      ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfig));
      const auto file = CredentialFile::Parse(text);
      if (!file.ok()) return Annotate(file.status(), path);
      const std::string host = RegistryOfKey(registry);
      if (const std::string helper = file->HelperFor(host); !helper.empty()) {
        ASSIGN_OR_RETURN(auto found, AskHelper(helper, host));
        if (found.has_value()) return found;
      }
      if (auto found = file->Find(host); found.has_value()) return found;
    }
    return std::optional<Credentials>();
  };
}

CredentialLookup WithCredentials(std::vector<std::pair<std::string, Credentials>> own,
                                 CredentialLookup others) {
  for (auto& [registry, credentials] : own) registry = RegistryOfKey(registry);
  return [own = std::move(own), others = std::move(others)](
             std::string_view registry) -> absl::StatusOr<std::optional<Credentials>> {
    const std::string host = RegistryOfKey(registry);
    for (const auto& [name, credentials] : own) {
      if (name != host) continue;
      if (credentials.keeper == nullptr || !others) return std::optional<Credentials>(credentials);
      // Who fetches tokens for itself fetches one for nobody, too: where there are others it has to say what
      // it has.
      ASSIGN_OR_RETURN(std::optional<Credentials> next, others(registry));
      if (!next.has_value()) return std::optional<Credentials>(credentials);
      ASSIGN_OR_RETURN(std::optional<Credentials> given, credentials.keeper->Give({}));
      return given.has_value() ? given : next;
    }
    return others ? others(registry) : std::optional<Credentials>();
  };
}

}  // namespace crossmill::registry
