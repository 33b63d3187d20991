#include "coordinator/identity/identity_token.h"

#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLargestToken = 16 << 10;
// Between two machines that keep their clocks by the network.
constexpr int64_t kLeeway = 60;
constexpr size_t kLongestShown = 200;

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

absl::StatusOr<IdentityClaims> ReadClaims(std::string_view json) {
  IdentityClaims claims;
  ASSIGN_OR_RETURN(claims.all, ObjectOf(json, "payload"));
  claims.issuer = TextMember(claims.all, "iss");
  claims.subject = TextMember(claims.all, "sub");
  const auto audience = claims.all.find("aud");
  if (audience != claims.all.end() && audience->is_string())
    claims.audiences.push_back(audience->get<std::string>());
  if (audience != claims.all.end() && audience->is_array()) {
    for (const Json& each : *audience) {
      if (each.is_string()) claims.audiences.push_back(each.get<std::string>());
    }
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> expires, TimeOf(claims.all, "exp"));
  if (!expires) return Refused("it never expires: expected the claim 'exp'");
  claims.expires = *expires;
  ASSIGN_OR_RETURN(claims.not_before, TimeOf(claims.all, "nbf"));
  ASSIGN_OR_RETURN(claims.issued, TimeOf(claims.all, "iat"));
  return claims;
}

}  // namespace

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
  if (!IsSignatureAlgorithm(token.algorithm))
    return Refused(
        fmt::format("the algorithm '{}' is not accepted: expected RS, PS or ES with 256, 384 or 512",
                    Printable(token.algorithm).substr(0, kLongestShown)));
  if (token.issuer.empty()) return Refused("it names no issuer ('iss')");
  return token;
}

absl::StatusOr<IdentityClaims> VerifyIdentity(const UnverifiedToken& token, const KeySet& keys,
                                              int64_t now_s) {
  ASSIGN_OR_RETURN(const std::string payload, keys.Verify(token.text, token.algorithm, token.key_id));
  ASSIGN_OR_RETURN(IdentityClaims claims, ReadClaims(payload));
  if (claims.issuer != token.issuer) return Refused("it names two issuers");
  if (claims.expires + kLeeway <= now_s)
    return Refused(fmt::format("it has expired {} s ago; a job asks for a new one", now_s - claims.expires));
  if (claims.not_before.value_or(0) > now_s + kLeeway || claims.issued.value_or(0) > now_s + kLeeway)
    return Refused(
        "it is of the future: the clocks of its issuer and of this farm differ by more than a minute");
  return claims;
}

}  // namespace crossmill::coordinator
