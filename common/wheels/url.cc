// Splitting and resolving addresses.
#include "common/wheels/url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::python {
namespace {

bool IsAlpha(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

bool IsScheme(std::string_view text) {
  return !text.empty() && IsAlpha(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlpha(c) || absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '+' || c == '-' ||
           c == '.';
  });
}

// Takes what follows the first `mark` off the end of `text`.
bool TakeBehind(std::string_view& text, char mark, std::string& behind) {
  const size_t at = text.find(mark);
  if (at == text.npos) return false;
  behind = std::string(text.substr(at + 1));
  text = text.substr(0, at);
  return true;
}

// Section 5.2.4, on whole segments.
std::string WithoutDots(std::string_view path) {
  std::string result;
  const auto drop_last = [&] { result.resize(result.rfind('/') == result.npos ? 0 : result.rfind('/')); };
  while (!path.empty()) {
    const size_t next = path.find('/', 1);
    const std::string_view segment = path.substr(0, next);
    const bool last = next == path.npos;
    path = last ? std::string_view() : path.substr(next);
    if (segment == "/." || segment == ".") {
      if (last) result += '/';
    } else if (segment == "/.." || segment == "..") {
      drop_last();
      if (last) result += '/';
    } else {
      result += segment;
    }
  }
  return result;
}

std::string MergePaths(const UrlParts& base, std::string_view path) {
  if (base.has_authority && base.path.empty()) return fmt::format("/{}", path);
  const size_t slash = base.path.rfind('/');
  return slash == base.path.npos ? std::string(path) : base.path.substr(0, slash + 1) + std::string(path);
}

}  // namespace

UrlParts SplitUrl(std::string_view url) {
  UrlParts parts;
  parts.has_fragment = TakeBehind(url, '#', parts.fragment);
  parts.has_query = TakeBehind(url, '?', parts.query);
  if (const size_t colon = url.find(':'); colon != url.npos && IsScheme(url.substr(0, colon))) {
    parts.scheme = absl::AsciiStrToLower(Av(url.substr(0, colon)));
    url.remove_prefix(colon + 1);
  }
  if (url.starts_with("//")) {
    parts.has_authority = true;
    url.remove_prefix(2);
    const size_t slash = url.find('/');
    parts.authority = std::string(url.substr(0, slash));
    url = slash == url.npos ? std::string_view() : url.substr(slash);
  }
  parts.path = std::string(url);
  return parts;
}

std::string JoinUrl(const UrlParts& parts) {
  std::string url;
  if (!parts.scheme.empty()) url += parts.scheme + ":";
  if (parts.has_authority) url += "//" + parts.authority;
  url += parts.path;
  if (parts.has_query) url += "?" + parts.query;
  if (parts.has_fragment) url += "#" + parts.fragment;
  return url;
}

std::string ResolveUrl(std::string_view base, std::string_view reference) {
  const UrlParts from = SplitUrl(base);
  UrlParts parts = SplitUrl(reference);
  if (!parts.scheme.empty()) {
    // What is opaque has no segments.
    if (parts.has_authority) parts.path = WithoutDots(parts.path);
    return JoinUrl(parts);
  }
  parts.scheme = from.scheme;
  if (parts.has_authority) {
    parts.path = WithoutDots(parts.path);
    return JoinUrl(parts);
  }
  parts.has_authority = from.has_authority;
  parts.authority = from.authority;
  if (parts.path.empty()) {
    parts.path = from.path;
    if (!parts.has_query) {
      parts.has_query = from.has_query;
      parts.query = from.query;
    }
  } else {
    parts.path = WithoutDots(parts.path.starts_with('/') ? parts.path : MergePaths(from, parts.path));
  }
  return JoinUrl(parts);
}

bool IsHttpUrl(std::string_view url) {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  if (!std::all_of(url.begin(), url.end(), plain)) return false;
  const UrlParts parts = SplitUrl(url);
  if (parts.scheme != "http" && parts.scheme != "https") return false;
  const std::string_view authority = parts.authority;
  const std::string_view host = authority.substr(authority.rfind('@') + 1);
  return parts.has_authority && !host.empty() && host.front() != ':' &&
         host.find_first_of("\\<>\"{}|^`") == host.npos;
}

std::string UrlFileName(std::string_view url) {
  const std::string path = SplitUrl(url).path;
  const size_t slash = path.rfind('/');
  return DecodePercent(slash == path.npos ? path : path.substr(slash + 1));
}

}  // namespace crossmill::python
