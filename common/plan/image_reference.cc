#include "common/plan/image_reference.h"

#include "absl/strings/ascii.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::plan {
namespace {

bool IsLowerOrDigit(char c) {
  const auto u = static_cast<unsigned char>(c);
  return absl::ascii_islower(u) || absl::ascii_isdigit(u);
}

// Lower-case words joined by single '.', '-'s, or one or two '_'.
bool IsPathComponent(std::string_view text) {
  if (text.empty() || !IsLowerOrDigit(text.front()) || !IsLowerOrDigit(text.back())) return false;
  for (const char c : text) {
    if (!IsLowerOrDigit(c) && c != '.' && c != '-' && c != '_') return false;
  }
  return text.find("..") == std::string_view::npos && text.find("___") == std::string_view::npos;
}

bool IsTag(std::string_view text) {
  if (text.empty() || text.size() > 128 || text[0] == '.' || text[0] == '-') return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

bool IsDigestText(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() - colon - 1 < 32) return false;
  for (const char c : text.substr(colon + 1)) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

bool IsRegistry(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != ':' && c != '[' &&
        c != ']') {
      return false;
    }
  }
  return true;
}

}  // namespace

bool IsImageReference(std::string_view text) {
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    if (!IsDigestText(text.substr(at + 1))) return false;
    text = text.substr(0, at);
  }
  const size_t slash = text.rfind('/');
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    if (!IsTag(text.substr(colon + 1))) return false;
    text = text.substr(0, colon);
  }
  if (const size_t first = text.find('/'); first != std::string_view::npos) {
    const std::string_view host = text.substr(0, first);
    if (host == "localhost" || host.find_first_of(".:") != std::string_view::npos) {
      if (!IsRegistry(host)) return false;
      text = text.substr(first + 1);
    }
  }
  while (true) {
    const size_t end = text.find('/');
    if (!IsPathComponent(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text = text.substr(end + 1);
  }
}

std::string ReferenceHint(std::string_view text, absl::Span<const std::string> stage_names) {
  std::string hint = dockerfile::DidYouMean(text, stage_names);
  return hint.empty() ? "; expected a stage name or [REGISTRY/]NAME[:TAG][@DIGEST] in lower case" : hint;
}

}  // namespace crossmill::plan
