#include "coordinator/identity/identity_token.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLargestToken = 16 << 10;
// Between two machines that keep their clocks by the network.
constexpr int64_t kLeeway = 60;

absl::Status Refused(std::string_view why) {
  return absl::UnauthenticatedError(fmt::format("identity token: {}", why));
}

absl::StatusOr<Json> ObjectOf(std::string_view json, std::string_view part) {
  absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok() || !parsed->is_object()) return Refused(fmt::format("its {} is no JSON object", part));
  return parsed;
}

// Unix seconds, also with a fraction. Nothing for what is not there; an error for what is no time.
absl::StatusOr<std::optional<int64_t>> TimeOf(const Json& claims, const char* member) {
  const auto found = claims.find(member);
  if (found == claims.end()) return std::nullopt;
  const double seconds = found->is_number() ? found->get<double>() : -1;
  if (!(seconds >= 0) || seconds > static_cast<double>(std::numeric_limits<int32_t>::max()) * 100)
    return Refused(fmt::format("'{}' is no time", member));
  return static_cast<int64_t>(seconds);
}

absl::Status CheckTimes(const Json& claims, int64_t now_s) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> expires, TimeOf(claims, "exp"));
  if (!expires) return Refused("it never expires: expected the claim 'exp'");
  if (*expires + kLeeway <= now_s)
    return Refused(fmt::format("it has expired {} s ago; a job asks for a new one", now_s - *expires));
  for (const char* member : {"nbf", "iat"}) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> begins, TimeOf(claims, member));
    if (begins.value_or(0) > now_s + kLeeway)
      return Refused(
          "it is of the future: the clocks of its issuer and of this farm differ by more than a minute");
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> TextsOf(const Json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> texts;
  if (!value.is_array()) return texts;
  for (const Json& each : value) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

absl::StatusOr<UnverifiedToken> ReadUnverified(std::string_view text) {
  if (text.size() > kLargestToken)
    return Refused(fmt::format("it has {} bytes; {} are the most", text.size(), kLargestToken));
  const std::vector<absl::string_view> parts = absl::StrSplit(Av(text), '.');
  if (parts.size() != 3) return Refused("expected three parts with dots between them, as its issuer gave it");
  std::string header, payload;
  if (!absl::WebSafeBase64Unescape(parts[0], &header) || !absl::WebSafeBase64Unescape(parts[1], &payload))
    return Refused("its parts are not base64url");
  ASSIGN_OR_RETURN(const Json head, ObjectOf(header, "header"));
  // Extensions that have to be understood (RFC 7515, section 4.1.11), of which none is.
  if (head.contains("crit"))
    return Refused("its header asks for extensions ('crit') that are not known here");
  ASSIGN_OR_RETURN(const Json claims, ObjectOf(payload, "payload"));
  UnverifiedToken token{std::string(text), TextMember(head, "alg"), TextMember(head, "kid"),
                        TextMember(claims, "iss")};
  // Before anybody is asked for keys.
  RETURN_IF_ERROR(CheckSignatureAlgorithm(token.algorithm));
  if (token.issuer.empty()) return Refused("it names no issuer ('iss')");
  return token;
}

absl::StatusOr<IdentityClaims> VerifyIdentity(const UnverifiedToken& token, const KeySet& keys,
                                              int64_t now_s) {
  ASSIGN_OR_RETURN(const std::string payload, keys.Verify(token.text, token.algorithm, token.key_id));
  IdentityClaims claims;
  ASSIGN_OR_RETURN(claims.all, ObjectOf(payload, "payload"));
  claims.issuer = TextMember(claims.all, "iss");
  claims.subject = TextMember(claims.all, "sub");
  if (const auto audience = claims.all.find("aud"); audience != claims.all.end())
    claims.audiences = TextsOf(*audience);
  if (claims.issuer != token.issuer) return Refused("it names two issuers");
  RETURN_IF_ERROR(CheckTimes(claims.all, now_s));
  return claims;
}

}  // namespace crossmill::coordinator
