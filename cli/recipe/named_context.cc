#include "cli/recipe/named_context.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/fetch/git_reference.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

using Kind = NamedContextFlag::Kind;

absl::Status Wrong(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("--build-context {}: {}", fetch::WithoutCredentials(text), what));
}

// A stage's name, or what could stand behind FROM.
bool IsName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_./:@";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos &&
         std::string_view("-_./:@").find(name.front()) == std::string_view::npos;
}

// PATH[:TAG][@DIGEST]
absl::Status ParseLayout(std::string_view text, std::string_view value, NamedContextFlag* flag) {
  flag->kind = Kind::kLayout;
  if (const size_t at = value.rfind('@'); at != std::string_view::npos) {
    flag->choose = value.substr(at + 1);
    if (!HashOfOci(flag->choose).ok()) return Wrong(text, "behind @ stands sha256: and 64 hex digits");
    value = value.substr(0, at);
  }
  // A colon in the name of a folder does not begin a tag.
  const size_t colon = value.rfind(':');
  if (colon != std::string_view::npos && colon > value.rfind('/') + 1 && colon + 1 < value.size()) {
    if (flag->choose.empty()) flag->choose = value.substr(colon + 1);
    value = value.substr(0, colon);
  }
  if (value.empty()) return Wrong(text, "oci-layout:// is followed by the path of a layout's folder");
  flag->value = value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NamedContextFlag> ParseNamedContext(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return Wrong(text, "expected NAME=VALUE");
  }
  NamedContextFlag flag;
  flag.name = text.substr(0, equals);
  std::transform(flag.name.begin(), flag.name.end(), flag.name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const size_t separator = flag.name.find("::");
  if (separator != std::string::npos) {
    const auto platform = ParsePlatform(flag.name.substr(separator + 2));
    if (!platform.ok()) return Wrong(text, Sv(platform.status().message()));
    // As the planner writes it.
    flag.name = flag.name.substr(0, separator + 2) + FormatPlatform(*platform);
  }
  if (!IsName(std::string_view(flag.name).substr(0, separator))) {
    return Wrong(text, "the name is one that FROM or --from could have: lower-case letters, digits, -_./:");
  }
  const std::string_view value = text.substr(equals + 1);
  if (value.starts_with("docker-image://")) {
    flag.kind = Kind::kImage;
    flag.value = value.substr(15);
    if (flag.value.empty()) return Wrong(text, "docker-image:// is followed by an image's name");
    return flag;
  }
  if (value.starts_with("oci-layout://")) {
    RETURN_IF_ERROR(ParseLayout(text, value.substr(13), &flag));
    return flag;
  }
  flag.value = value;
  if (value.starts_with("target:")) {
    return Wrong(
        text,
        "target: means another target of a bake file, and this is not one; build that target first and "
        "name its image with docker-image://");
  }
  if (fetch::IsGitUrl(value)) {
    // A folder may be called as ssh writes a host.
    flag.kind =
        value.find("://") == std::string_view::npos && Exists(flag.value) ? Kind::kFolder : Kind::kGit;
    return flag;
  }
  if (value.starts_with("http://") || value.starts_with("https://")) {
    flag.kind = Kind::kHttp;
    return flag;
  }
  if (value.find("://") != std::string_view::npos) {
    return Wrong(text, "expected a folder, docker-image://, oci-layout://, a git URL or an http(s) URL");
  }
  return flag;
}

}  // namespace crossmill::cli
