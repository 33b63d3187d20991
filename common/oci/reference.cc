#include "common/oci/reference.h"

#include <algorithm>
#include <cctype>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::oci {
namespace {

constexpr size_t kMaxName = 255;
constexpr size_t kMaxTag = 128;

bool IsLower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsWord(char c) { return IsLower(c) || (c >= 'A' && c <= 'Z') || c == '_'; }

// [a-z0-9]+ joined by one '.', one or two '_' or any number of '-'.
bool IsPathComponent(std::string_view text) {
  if (text.empty() || !IsLower(text.front()) || !IsLower(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (IsLower(text[i])) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < text.size() && !IsLower(text[i])) ++i;
    const std::string_view separator = text.substr(begin, i - begin);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
  }
  return true;
}

bool IsRepository(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    if (!IsPathComponent(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool IsTag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTag || !IsWord(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

bool IsRegistry(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (host.starts_with('[')) {
    const size_t bracket = host.find(']');
    if (bracket == std::string_view::npos) return false;
    if (bracket + 1 < host.size()) {
      if (host[bracket + 1] != ':') return false;
      port = host.substr(bracket + 2);
      if (port.empty()) return false;
    }
    host = host.substr(1, bracket - 1);
    return !host.empty() && host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
           port.find_first_not_of("0123456789") == std::string_view::npos;
  }
  if (const size_t colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) return false;
  }
  return !host.empty() && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

// The first component, if it can only be a host.
std::string_view RegistryOf(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view first = name.substr(0, slash);
  const bool upper = std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return first == "localhost" || upper || first.find_first_of(".:[") != std::string_view::npos
             ? first
             : std::string_view();
}

}  // namespace

std::string Reference::ToString() const {
  std::string text = Name();
  if (!tag.empty()) text += ":" + tag;
  if (!digest.empty()) text += "@" + digest;
  return text;
}

std::string Reference::FamiliarName() const {
  if (registry != "docker.io") return Name();
  return repository.starts_with("library/") ? repository.substr(8) : repository;
}

absl::StatusOr<Reference> ParseReference(std::string_view text) {
  const auto fail = [text](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("image reference '{}': {}", text, why));
  };
  Reference reference;
  std::string_view rest = text;
  if (rest.empty()) return fail("is empty; expected NAME[:TAG] or NAME@sha256:DIGEST");
  if (const size_t at = rest.find('@'); at != std::string_view::npos) {
    reference.digest = rest.substr(at + 1);
    if (!HashOfOci(reference.digest).ok())
      return fail("after '@' must come sha256: and 64 lower-case hex digits");
    rest = rest.substr(0, at);
  }
  const size_t slash = rest.rfind('/');
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    reference.tag = rest.substr(colon + 1);
    if (!IsTag(reference.tag)) {
      return fail("the tag must be 1 to 128 letters, digits, '_', '.' or '-' and not begin with '.' or '-'");
    }
    rest = rest.substr(0, colon);
  }
  if (IsSha256Hex(rest)) return fail("is an image id; expected a name");
  reference.registry = RegistryOf(rest);
  if (reference.registry.empty()) {
    reference.registry = "docker.io";
  } else {
    rest.remove_prefix(reference.registry.size() + 1);
    if (!IsRegistry(reference.registry))
      return fail(fmt::format("'{}' is not a registry host", reference.registry));
    if (reference.registry == "index.docker.io") reference.registry = "docker.io";
  }
  reference.repository = rest;
  if (!IsRepository(rest)) {
    const bool upper = std::any_of(rest.begin(), rest.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    return fail(
        upper
            ? "the name must be in lower case"
            : "the name must be lower-case letters and digits with single '.', '_', '-' or '/' between them");
  }
  if (reference.registry == "docker.io" && rest.find('/') == std::string_view::npos) {
    reference.repository.insert(0, "library/");
  }
  if (reference.Name().size() > kMaxName)
    return fail(fmt::format("the name is over {} characters", kMaxName));
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  return reference;
}

}  // namespace crossmill::oci
