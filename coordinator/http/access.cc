#include "coordinator/http/access.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::string_view kScheme = "Bearer ";
constexpr std::string_view kBasic = "Basic ";
constexpr size_t kLongestCredentials = 4096;

// gRPC takes nothing else as metadata.
bool IsPlain(std::string_view text) {
  return text.size() <= kLongestCredentials &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

bool Reads(const RequestHead& head) { return head.verb == "GET" || head.verb == "HEAD"; }

// "Basic BASE64(NAME:TOKEN)" as "Bearer TOKEN"; nothing for what is none.
std::optional<std::string> BearerOfBasic(std::string_view authorization) {
  std::string login;
  if (!absl::Base64Unescape(Av(authorization.substr(kBasic.size())), &login)) return std::nullopt;
  const size_t colon = login.find(':');
  if (colon == std::string::npos || colon + 1 == login.size()) return std::nullopt;
  return std::string(kScheme) + login.substr(colon + 1);
}

}  // namespace

std::string SessionCookieName(const RequestHead& head) {
  const std::string name = HostName(head.host);
  const std::string rest = head.host.substr(std::min(head.host.rfind(':'), head.host.size()));
  const bool has_port = rest.size() > 1 && rest.find_first_not_of("0123456789", 1) == std::string::npos;
  return has_port ? "crossmill_session_" + rest.substr(1) : "crossmill_session";
}

absl::Status AccessCheck::CheckHost(const RequestHead& head) const {
  if (hosts_.Allows(head.host, head.local)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("the coordinator is not called '{}'; if it is, start it with --http-name",
                  Printable(head.host.substr(0, 100))));
}

absl::StatusOr<std::string> AccessCheck::CredentialsOf(const RequestHead& head, absl::Time now) {
  std::string authorization = head.authorization;
  if (authorization.empty()) {
    const std::string cookie = CookieValue(head.cookie, SessionCookieName(head));
    if (cookie.empty()) return std::string();
    // Browsers send cookies with requests of whatever page; only our own may change something.
    const bool foreign = !head.origin.empty() ? !IsSameOrigin(head.origin, head.host) : !Reads(head);
    const bool site =
        head.fetch_site.empty() || head.fetch_site == "same-origin" || head.fetch_site == "none";
    if (!Reads(head) && (foreign || !site))
      return absl::PermissionDeniedError(
          "with a session, only the coordinator's own page may change something");
    if (const auto role = sessions_.RoleOf(cookie, now)) return std::string(kScheme) + own_tokens_.at(*role);
    authorization = std::string(kScheme) + cookie;
  }
  if (authorization.starts_with(kBasic)) {
    // Browsers send a login with requests of whatever page, as they do cookies.
    if (!Reads(head))
      return absl::UnauthenticatedError("Basic authentication is for reading; use Bearer TOKEN");
    const std::optional<std::string> bearer = BearerOfBasic(authorization);
    if (!bearer) return absl::UnauthenticatedError("the Basic credentials hold no password");
    authorization = *bearer;
  }
  if (!IsPlain(authorization)) return absl::UnauthenticatedError("the credentials are none");
  if (wrong_.Refuses(head.peer, authorization, now)) {
    return absl::ResourceExhaustedError("too many wrong tokens came from this address; wait a minute");
  }
  return authorization;
}

void AccessCheck::Note(const RequestHead& head, const std::string& authorization, const absl::Status& status,
                       absl::Time now) {
  if (authorization.empty()) return;
  if (absl::IsUnauthenticated(status)) {
    wrong_.Wrong(head.peer, now);
  } else {
    wrong_.Good(authorization);
  }
}

absl::StatusOr<std::string> AccessCheck::OpenSession(const RequestHead& head, const std::string& token,
                                                     absl::Time now) {
  std::string value = token;
  if (Sessions::IsLinkSecret(token)) {
    if (wrong_.Refuses(head.peer, token, now))
      return absl::ResourceExhaustedError("too many wrong tokens came from this address; wait a minute");
    const std::optional<v1::Access> role = sessions_.TakeSecret(token, now);
    if (!role) {
      wrong_.Wrong(head.peer, now);
      return absl::UnauthenticatedError(
          "the link was opened before, or is too old; `crossmill page` makes a new one");
    }
    value = sessions_.MakeSession(*role, now);
  }
  // A token that would not fit into the field as it is.
  if (value.find_first_of("; ,\"\\") != std::string::npos || !IsPlain(value))
    return absl::UnauthenticatedError("the token is none");
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800{}", SessionCookieName(head),
                     value, head.secure ? "; Secure" : "");
}

}  // namespace crossmill::coordinator::door
