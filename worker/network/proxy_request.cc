#include "worker/network/proxy_request.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "worker/network/ip_address.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostUrl = 2000;
constexpr size_t kMostHost = 255;

// Parts of names whose values are not recorded.
constexpr std::string_view kSecretNames[] = {"token",  "key",  "sig",     "secret",    "pass", "pwd",
                                             "auth",   "cred", "session", "signature", "code", "jwt",
                                             "ticket", "hmac", "policy",  "expires"};

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

absl::Status BadAuthority(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("'{}': {}", Printable(text.substr(0, 200)), why));
}

absl::StatusOr<uint16_t> ParsePort(std::string_view text, std::string_view whole) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || port == 0) {
    return BadAuthority(whole, "expected a port from 1 to 65535");
  }
  return port;
}

// Long and without structure: rather a token than a word.
bool LooksLikeSecret(std::string_view value) {
  if (value.size() < 24) return false;
  return std::none_of(value.begin(), value.end(), [](char c) { return c == '.' || c == '/' || c == ','; });
}

std::string MaskedQuery(std::string_view query) {
  std::string masked;
  while (!query.empty()) {
    const size_t end = std::min(query.find_first_of("&;"), query.size());
    const std::string_view part = query.substr(0, end);
    const size_t sign = part.find('=');
    const std::string name = absl::AsciiStrToLower(Av(part.substr(0, sign)));
    const bool secret =
        sign == std::string_view::npos
            ? LooksLikeSecret(part)
            : LooksLikeSecret(part.substr(sign + 1)) ||
                  std::any_of(std::begin(kSecretNames), std::end(kSecretNames),
                              [&](std::string_view word) { return absl::StrContains(name, Av(word)); });
    if (!secret) {
      masked += part;
    } else if (sign == std::string_view::npos) {
      masked += "***";
    } else {
      masked += fmt::format("{}=***", part.substr(0, sign));
    }
    if (end < query.size()) masked += query[end];
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return masked;
}

absl::StatusOr<ProxyRequest> CheckConnect(const RequestHead& head) {
  ProxyRequest request;
  request.tunnel = true;
  ASSIGN_OR_RETURN(request.to, ParseAuthority(head.target, 0));
  ASSIGN_OR_RETURN(request.body, BodyOfRequest(head));
  if (request.body.kind != BodyLength::kNone && request.body.bytes != 0) {
    return absl::InvalidArgumentError("CONNECT with a body");
  }
  request.body = {};
  return request;
}

// A proxy that believed one of two hosts while the origin believes the other could be used to record a lie.
absl::Status CheckHost(const RequestHead& head, const HostAndPort& to) {
  if (head.fields.Count("Host") > 1) return absl::InvalidArgumentError("more than one Host");
  const std::string* host = head.fields.Find("Host");
  if (host == nullptr) {
    return head.version == 10 ? absl::OkStatus() : absl::InvalidArgumentError("no Host in HTTP/1.1");
  }
  ASSIGN_OR_RETURN(const HostAndPort named, ParseAuthority(*host, 80));
  if (NormalHost(named.host) == NormalHost(to.host) && named.port == to.port) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the Host '{}' is not that of the URL, '{}'", Printable(*host), to.Text(80)));
}

}  // namespace

std::string HostAndPort::Text(uint16_t usual) const {
  const std::string name = host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
  return port == usual ? name : fmt::format("{}:{}", name, port);
}

absl::StatusOr<HostAndPort> ParseAuthority(std::string_view text, uint16_t usual) {
  HostAndPort made;
  made.port = usual;
  if (text.find('@') != std::string_view::npos)
    return BadAuthority("...@...", "a user name is not expected here");
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return BadAuthority(text, "expected ']'");
    made.host = text.substr(1, end - 1);
    if (made.host.find(':') == std::string::npos || !IpAddress::Parse(made.host)) {
      return BadAuthority(text, "expected an IPv6 address in the brackets");
    }
    rest = text.substr(end + 1);
  } else {
    const size_t end = std::min(text.find(':'), text.size());
    made.host = text.substr(0, end);
    if (made.host.empty() || made.host.size() > kMostHost ||
        !std::all_of(made.host.begin(), made.host.end(), IsHostCharacter)) {
      return BadAuthority(text, "expected the name or address of a host");
    }
    rest = text.substr(end);
  }
  if (rest.empty()) {
    if (usual == 0) return BadAuthority(text, "expected HOST:PORT");
    return made;
  }
  if (rest[0] != ':') return BadAuthority(text, "expected HOST:PORT");
  ASSIGN_OR_RETURN(made.port, ParsePort(rest.substr(1), text));
  return made;
}

absl::StatusOr<ProxyRequest> CheckProxyRequest(const RequestHead& head) {
  if (head.method == "CONNECT") return CheckConnect(head);
  const size_t colon = head.target.find("://");
  if (colon == std::string::npos || head.target.starts_with('/')) {
    return absl::InvalidArgumentError(
        "this is the recording proxy of a build step: expected CONNECT or a request with a whole URL");
  }
  const std::string_view scheme = std::string_view(head.target).substr(0, colon);
  if (!EqualIgnoringCase(scheme, "http")) {
    return absl::UnimplementedError(
        fmt::format("the recording proxy carries http, and anything else through CONNECT, but no '{}' URLs; "
                    "--network=host lets a "
                    "step reach such servers itself",
                    Printable(scheme.substr(0, 20))));
  }
  const std::string_view rest = std::string_view(head.target).substr(colon + 3);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  // Programs that have a password in a URL send it as a field; what is left in the URL is not passed on.
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  ProxyRequest request;
  ASSIGN_OR_RETURN(request.to, ParseAuthority(authority, 80));
  RETURN_IF_ERROR(CheckHost(head, request.to));
  ASSIGN_OR_RETURN(request.body, BodyOfRequest(head));
  request.path = rest.substr(end);
  request.path.resize(std::min(request.path.find('#'), request.path.size()));
  if (!request.path.starts_with('/')) request.path.insert(0, "/");
  // "OPTIONS *" has no path in its URL.
  request.upgrade = head.fields.Find("Upgrade") != nullptr && head.fields.HasWord("Connection", "upgrade");
  const std::string protocol = request.upgrade ? *head.fields.Find("Upgrade") : "";
  request.forward = head;
  request.forward.target = request.path;
  RemoveHopFields(&request.forward.fields);
  request.forward.fields.Set("Host", request.to.Text(80));
  if (request.upgrade) {
    request.forward.fields.Set("Upgrade", protocol);
    request.forward.fields.Set("Connection", "Upgrade");
  } else if (request.forward.fields.Find("TE") != nullptr) {
    request.forward.fields.Set("Connection", "TE");
  }
  return request;
}

std::string RecordedUrl(const ProxyRequest& request) {
  if (request.tunnel) return "";
  const size_t question = std::min(request.path.find('?'), request.path.size());
  std::string url = fmt::format("http://{}{}", request.to.Text(80), request.path.substr(0, question));
  if (question < request.path.size()) {
    url += "?" + MaskedQuery(std::string_view(request.path).substr(question + 1));
  }
  if (url.size() > kMostUrl) url = url.substr(0, kMostUrl) + "...";
  return ValidUtf8(url);
}

}  // namespace crossmill::worker
