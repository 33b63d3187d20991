#include "common/index/index_address.h"

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/http/http_client.h"
#include "common/python/package_name.h"

namespace crossmill::index {
namespace {

// "%40" becomes "@"; what is no escape stays.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string byte;
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      byte = absl::HexStringToBytes(Av(text.substr(i + 1, 2)));
      i += 2;
    } else {
      byte = text[i];
    }
    plain += byte;
  }
  return plain;
}

}  // namespace

std::string IndexAddress::PageUrl(std::string_view project) const {
  return fmt::format("{}{}/", url, python::NormaliseName(project));
}

std::vector<std::pair<std::string, std::string>> IndexAddress::HeadersFor(std::string_view target) const {
  if (authorization.empty()) return {};
  const auto here = http::ParseUrl(url), there = http::ParseUrl(target);
  if (!here.ok() || !there.ok() || here->scheme != there->scheme || here->authority != there->authority)
    return {};
  return {{"Authorization", authorization}};
}

absl::StatusOr<IndexAddress> ParseIndexAddress(std::string_view text) {
  const size_t scheme = text.find("://");
  const size_t end = scheme == std::string_view::npos ? text.size() : text.find_first_of("/?#", scheme + 3);
  const std::string_view authority =
      scheme == std::string_view::npos ? std::string_view() : text.substr(scheme + 3, end - scheme - 3);
  const size_t at = authority.rfind('@');
  IndexAddress address;
  address.url = text;
  if (at != std::string_view::npos) {
    address.url = fmt::format("{}{}", text.substr(0, scheme + 3), text.substr(scheme + 3 + at + 1));
    address.authorization =
        "Basic " + absl::Base64Escape(Av(Unescape(authority.substr(0, at).find(':') == std::string_view::npos
                                                      ? fmt::format("{}:", authority.substr(0, at))
                                                      : std::string(authority.substr(0, at)))));
  }
  const auto parsed = http::ParseUrl(address.url);
  if (!parsed.ok() || parsed->host.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is no address of a package index: it begins with http:// or https:// and names a host",
        ShownUrl(text)));
  }
  if (address.url.find_first_of("?#") != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no address of a package index: it has a query or a fragment", ShownUrl(text)));
  }
  if (!address.url.ends_with('/')) address.url += '/';
  return address;
}

std::string ShownUrl(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const size_t end = std::min(url.find('/', scheme + 3), url.size());
  const size_t at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < scheme) return std::string(url);
  return fmt::format("{}{}", url.substr(0, scheme + 3), url.substr(at + 1));
}

}  // namespace crossmill::index
