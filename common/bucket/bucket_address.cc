#include "common/bucket/bucket_address.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/bucket/signature_v4.h"
#include "common/http/http_client.h"

namespace crossmill::bucket {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr size_t kLongestPrefix = 512;

bool IsBucketName(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

// Clients and proxies take such parts out of a path, and the signature would be another path's.
bool HasDotParts(std::string_view prefix) {
  while (!prefix.empty()) {
    const size_t end = std::min(prefix.find('/'), prefix.size());
    const std::string_view part = prefix.substr(0, end);
    if (part.empty() || part == "." || part == "..") return true;
    prefix.remove_prefix(std::min(end + 1, prefix.size()));
  }
  return false;
}

absl::StatusOr<std::string> ParsePrefix(std::string_view prefix, std::string_view place) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.empty()) return std::string();
  if (HasDotParts(prefix) || prefix.size() > kLongestPrefix ||
      std::any_of(prefix.begin(), prefix.end(), [](unsigned char c) { return c < ' ' || c == 127; })) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a prefix is folders of the bucket, without '.', '..' and control characters, of at "
                    "most {} bytes",
                    place, kLongestPrefix));
  }
  return std::string(prefix) + "/";
}

}  // namespace

std::string BucketAddress::Text() const {
  std::string text = fmt::format("s3://{}/{}", name, prefix);
  text.pop_back();
  return text;
}

std::string BucketAddress::Authority() const {
  const std::string host = endpoint.substr(endpoint.find("://") + 3);
  return in_host ? name + "." + host : host;
}

std::string BucketAddress::Path(std::string_view key) const {
  if (in_host) return "/" + EncodePercent(key, "/");
  return key.empty() ? "/" + name : fmt::format("/{}/{}", name, EncodePercent(key, "/"));
}

std::string BucketAddress::Url(std::string_view key) const {
  return endpoint.substr(0, endpoint.find("://") + 3) + Authority() + Path(key);
}

absl::StatusOr<BucketAddress> ParseBucketAddress(std::string_view place, std::string_view endpoint,
                                                 std::string_view region, Addressing addressing) {
  if (!place.starts_with(kScheme))
    return absl::InvalidArgumentError(fmt::format("'{}': expected s3://NAME/PREFIX", place));
  const std::string_view rest = place.substr(kScheme.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  BucketAddress address;
  address.name = rest.substr(0, slash);
  if (!IsBucketName(address.name)) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}': '{}' is no name of a bucket (3 to 63 of a-z, 0-9, '-', '.')", place, address.name));
  }
  ASSIGN_OR_RETURN(address.prefix, ParsePrefix(rest.substr(std::min(slash + 1, rest.size())), place));
  address.region = region.empty() ? "us-east-1" : region;
  const auto in_region = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!std::all_of(address.region.begin(), address.region.end(), in_region))
    return absl::InvalidArgumentError(fmt::format("'{}' is no name of a region", region));
  address.endpoint =
      endpoint.empty() ? fmt::format("https://s3.{}.amazonaws.com", address.region) : std::string(endpoint);
  while (address.endpoint.ends_with('/')) address.endpoint.pop_back();
  const auto url = http::ParseUrl(address.endpoint);
  if (!url.ok() || url->path != "/" || url->authority.find('@') != std::string::npos) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}': an endpoint is https://HOST[:PORT] or http://HOST[:PORT], without a path", endpoint));
  }
  // The certificate of a wildcard covers one label only.
  const bool can_be_host = address.name.find('.') == std::string::npos;
  address.in_host = addressing == Addressing::kHost ||
                    (addressing == Addressing::kAutomatic && endpoint.empty() && can_be_host);
  return address;
}

}  // namespace crossmill::bucket
