#include "common/http/http_client.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::http {

std::string_view HttpResponse::Header(std::string_view name) const {
  const auto it = headers.find(std::string(name));
  return it == headers.end() ? std::string_view() : it->second;
}

absl::StatusOr<std::pair<HttpResponse, std::string>> Fetch(HttpClient& client, const HttpRequest& request,
                                                           size_t limit) {
  std::string body;
  auto response = client.Send(request, [&](const HttpResponse&, std::string_view bytes) {
    if (body.size() + bytes.size() > limit) {
      return absl::ResourceExhaustedError(fmt::format("{}: the answer is over {} bytes", request.url, limit));
    }
    body.append(bytes);
    return absl::OkStatus();
  });
  if (!response.ok()) return response.status();
  return std::make_pair(*std::move(response), std::move(body));
}

absl::StatusOr<Url> ParseUrl(std::string_view url) {
  const auto fail = [url] {
    return absl::InvalidArgumentError(fmt::format("'{}' is not an http or https URL", url));
  };
  Url parsed;
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return fail();
  for (const char c : url.substr(0, colon)) parsed.scheme.push_back(static_cast<char>(c | 0x20));
  if (parsed.scheme != "http" && parsed.scheme != "https") return fail();
  url.remove_prefix(colon + 3);
  const size_t end = std::min(url.find_first_of("/?#"), url.size());
  parsed.authority = url.substr(0, end);
  parsed.path = url.substr(end);
  if (!parsed.path.starts_with('/')) parsed.path.insert(0, "/");
  std::string_view host = parsed.authority;
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  if (host.starts_with('[')) {
    const size_t bracket = host.find(']');
    if (bracket == std::string_view::npos) return fail();
    host = host.substr(1, bracket - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  parsed.host = host;
  if (parsed.host.empty()) return fail();
  return parsed;
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace crossmill::http
