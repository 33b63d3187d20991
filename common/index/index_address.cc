#include "common/index/index_address.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/http/http_client.h"
#include "common/python/package_name.h"
#include "common/wheels/url.h"

namespace crossmill::index {
namespace {

// Without a password pip's own way is an empty one.
std::string BasicAuthorization(std::string_view user_and_password) {
  std::string plain(user_and_password);
  if (plain.find(':') == std::string::npos) plain += ':';
  return "Basic " + absl::Base64Escape(DecodePercent(plain));
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
  python::UrlParts parts = python::SplitUrl(text);
  IndexAddress address;
  if (const size_t at = parts.authority.rfind('@'); at != std::string::npos) {
    address.authorization = BasicAuthorization(std::string_view(parts.authority).substr(0, at));
    parts.authority.erase(0, at + 1);
  }
  address.url = python::JoinUrl(parts);
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
  python::UrlParts parts = python::SplitUrl(url);
  parts.authority.erase(0, parts.authority.rfind('@') + 1);
  parts.has_query = parts.has_fragment = false;
  return python::JoinUrl(parts);
}

absl::Status ShownError(const absl::Status& error, const std::string& url) {
  if (error.ok()) return error;
  return absl::Status(error.code(), absl::StrReplaceAll(error.message(), {{url, ShownUrl(url)}}));
}

absl::Status ErrorOfAnswer(std::string_view url, int status) {
  const std::string text = fmt::format("{} answered with HTTP status {}", ShownUrl(url), status);
  if (status == 404 || status == 410) return absl::NotFoundError(text);
  if (status == 401 || status == 403) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

}  // namespace crossmill::index
