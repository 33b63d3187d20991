#include "coordinator/identity/identity_rule.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/identity/key_set.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestText = 500;
constexpr int kMostClaims = 20;
constexpr size_t kLargestKeys = 256 << 10;
constexpr int64_t kShortestLife = 60;
constexpr int64_t kLongestLife = 24 * 3600;

// Asked of every token: a pattern for them says nothing of whose it is.
constexpr std::array<std::string_view, 6> kOwnClaims = {"iss", "aud", "exp", "nbf", "iat", "jti"};

bool IsText(std::string_view text) {
  return !text.empty() && text.size() <= kLongestText && Printable(text) == text;
}

absl::Status CheckIssuer(const std::string& issuer) {
  const bool plain = issuer.find_first_of("?#@ ") == std::string::npos && IsText(issuer);
  if (plain && KeysComeSafelyFrom(issuer)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no issuer: expected the 'iss' of its tokens, https://HOST[/PATH]",
                  Printable(issuer).substr(0, kLongestText)));
}

absl::Status CheckClaim(const v1::ClaimPattern& claim) {
  if (!IsText(claim.claim()) || !IsText(claim.pattern()))
    return absl::InvalidArgumentError("a claim: expected NAME=PATTERN, such as repository=acme/app");
  if (std::find(kOwnClaims.begin(), kOwnClaims.end(), claim.claim()) != kOwnClaims.end())
    return absl::InvalidArgumentError(
        fmt::format("the claim '{}' is checked of every token: expected one that says whose it is, such as "
                    "sub or repository",
                    claim.claim()));
  if (claim.pattern().find_first_not_of('*') != std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{}={}' fits everybody whom the issuer signs for: expected more than stars", claim.claim(),
                  claim.pattern()));
}

// Stars stand for any text, all else for itself: a claim may well have brackets.
bool MatchesStars(std::string_view pattern, const std::string& value) {
  // The C library would see its beginning only.
  if (value.find('\0') != std::string::npos) return false;
  std::string escaped;
  for (const char each : pattern) {
    if (each == '?' || each == '[' || each == ']' || each == '\\') escaped += '\\';
    escaped += each;
  }
  return fnmatch(escaped.c_str(), value.c_str(), 0) == 0;
}

// A claim as patterns see it: texts as they are, numbers and booleans as JSON writes them. Of others nothing.
std::vector<std::string> ValuesOf(const IdentityClaims& claims, const std::string& claim) {
  const auto found = claims.all.find(claim);
  if (found == claims.all.end()) return {};
  if (found->is_boolean() || found->is_number()) return {WriteJson(*found)};
  return TextsOf(*found);
}

absl::Status Misses(std::string_view claim, const std::vector<std::string>& values,
                    std::string_view expected) {
  const std::string value(CutBetweenCharacters(Printable(absl::StrJoin(values, " ")), kLongestText));
  return absl::PermissionDeniedError(
      fmt::format("its '{}' is {}, and the rule says '{}'", claim,
                  values.empty() ? "missing, or no text" : fmt::format("'{}'", value), expected));
}

}  // namespace

absl::Status CheckIdentityRule(const v1::IdentityRule& rule) {
  RETURN_IF_ERROR(CheckIssuer(rule.issuer()));
  if (!IsText(rule.audience()))
    return absl::InvalidArgumentError("expected an audience: what jobs ask their identity token for");
  if (rule.claims().empty() || rule.claims_size() > kMostClaims)
    return absl::InvalidArgumentError(
        fmt::format("expected 1 to {} claims, such as repository=acme/app: an issuer signs for all its users",
                    kMostClaims));
  std::set<std::string> named;
  for (const v1::ClaimPattern& claim : rule.claims()) {
    RETURN_IF_ERROR(CheckClaim(claim));
    // What is said of a rule has one pattern for a claim.
    if (!named.insert(claim.claim()).second)
      return absl::InvalidArgumentError(
          fmt::format("the claim '{}' is there twice: expected one pattern for it", claim.claim()));
  }
  if (rule.role() != v1::ACCESS_READ && rule.role() != v1::ACCESS_SUBMIT)
    return absl::InvalidArgumentError("role: expected read or submit; nobody operates a farm by a pipeline");
  if (rule.life_seconds() < kShortestLife || rule.life_seconds() > kLongestLife)
    return absl::InvalidArgumentError("life: expected 60 s to 24 h");
  if (rule.keys().empty()) return absl::OkStatus();
  if (rule.keys().size() > kLargestKeys)
    return absl::InvalidArgumentError(fmt::format("keys: at most {} bytes", kLargestKeys));
  return Annotate(KeySet::Parse(rule.keys()).status(), "keys");
}

absl::Status Fits(const v1::IdentityRule& rule, const IdentityClaims& claims) {
  if (claims.issuer != rule.issuer()) return Misses("iss", {claims.issuer}, rule.issuer());
  const auto& audiences = claims.audiences;
  if (std::find(audiences.begin(), audiences.end(), rule.audience()) == audiences.end())
    return Misses("aud", audiences, rule.audience());
  for (const v1::ClaimPattern& claim : rule.claims()) {
    const std::vector<std::string> values = ValuesOf(claims, claim.claim());
    const bool fits = std::any_of(values.begin(), values.end(), [&](const std::string& value) {
      return MatchesStars(claim.pattern(), value);
    });
    if (!fits) return Misses(claim.claim(), values, claim.pattern());
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
