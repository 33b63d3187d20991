#include "common/registry/registry_auth.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::registry {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::string Member(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

void SkipSpace(std::string_view* text) {
  while (!text->empty() && (text->front() == ' ' || text->front() == '\t' || text->front() == ',')) {
    text->remove_prefix(1);
  }
}

std::string_view TakeToken(std::string_view* text) {
  const size_t end = std::min(text->find_first_of(" \t,="), text->size());
  const std::string_view token = text->substr(0, end);
  text->remove_prefix(end);
  return token;
}

std::string TakeValue(std::string_view* text) {
  if (!text->starts_with('"')) return std::string(TakeToken(text));
  text->remove_prefix(1);
  std::string value;
  while (!text->empty() && text->front() != '"') {
    if (text->front() == '\\' && text->size() > 1) text->remove_prefix(1);
    value.push_back(text->front());
    text->remove_prefix(1);
  }
  if (!text->empty()) text->remove_prefix(1);
  return value;
}

}  // namespace

std::string RegistryOfKey(std::string_view key) {
  if (const size_t scheme = key.find("://"); scheme != std::string_view::npos) key.remove_prefix(scheme + 3);
  std::string host(key.substr(0, key.find('/')));
  return host == "index.docker.io" || host == "registry-1.docker.io" ? "docker.io" : host;
}

absl::StatusOr<CredentialFile> CredentialFile::Parse(std::string_view config_json) {
  CredentialFile file;
  if (config_json.empty()) return file;
  auto json = ParseJson(config_json);
  if (!json.ok() || !json->is_object())
    return absl::InvalidArgumentError("docker's config.json is not a JSON object");
  file.store_ = Member(*json, "credsStore");
  if (const auto helpers = json->find("credHelpers"); helpers != json->end() && helpers->is_object()) {
    for (const auto& [key, value] : helpers->items()) {
      if (value.is_string()) file.helpers_[RegistryOfKey(key)] = value.get<std::string>();
    }
  }
  const auto auths = json->find("auths");
  if (auths == json->end() || !auths->is_object()) return file;
  for (const auto& [key, value] : auths->items()) {
    if (!value.is_object()) continue;
    Credentials credentials{Member(value, "username"), Member(value, "password"),
                            Member(value, "identitytoken")};
    if (const std::string encoded = Member(value, "auth"); !encoded.empty()) {
      std::string decoded;
      const bool valid = absl::Base64Unescape(Av(encoded), &decoded);
      const size_t colon = decoded.find(':');
      if (!valid || colon == std::string::npos) {
        return absl::InvalidArgumentError(
            fmt::format("docker's config.json: 'auth' of {} is not base64 of USER:PASSWORD", key));
      }
      credentials.user = decoded.substr(0, colon);
      credentials.password = decoded.substr(colon + 1);
    }
    // Entries are empty where a credential helper has the secret.
    if (credentials.user.empty() && credentials.identity_token.empty()) continue;
    file.by_registry_[RegistryOfKey(key)] = std::move(credentials);
  }
  return file;
}

std::optional<Credentials> CredentialFile::Find(std::string_view registry) const {
  const auto it = by_registry_.find(RegistryOfKey(registry));
  if (it == by_registry_.end()) return std::nullopt;
  return it->second;
}

std::string CredentialFile::HelperFor(std::string_view registry) const {
  const auto it = helpers_.find(RegistryOfKey(registry));
  return it == helpers_.end() ? store_ : it->second;
}

std::optional<Challenge> ParseChallenge(std::string_view header) {
  while (true) {
    SkipSpace(&header);
    if (header.empty()) return std::nullopt;
    Challenge challenge;
    challenge.scheme = Lower(TakeToken(&header));
    if (challenge.scheme.empty()) return std::nullopt;
    while (true) {
      SkipSpace(&header);
      std::string_view ahead = header;
      const std::string name = Lower(TakeToken(&ahead));
      // A token without '=' begins the next challenge.
      if (name.empty() || !ahead.starts_with('=')) break;
      ahead.remove_prefix(1);
      challenge.parameters[name] = TakeValue(&ahead);
      header = ahead;
    }
    if (challenge.scheme == "bearer" || challenge.scheme == "basic") return challenge;
    // A lone '=' would not advance.
    if (header.starts_with('=')) return std::nullopt;
  }
}

std::string BasicAuthorization(const Credentials& credentials) {
  return "Basic " + absl::Base64Escape(credentials.user + ":" + credentials.password);
}

}  // namespace crossmill::registry
