#include "coordinator/identity/key_set.h"

#include <cjose/jwk.h>
#include <cjose/jws.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/http/http_client.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostKeys = 100;
constexpr size_t kFewestRsaBits = 2048;
constexpr size_t kMostRsaBits = 8192;
constexpr size_t kLongestShown = 200;

// What a key of this kind must have for the algorithm; nothing for one that is not accepted.
struct Needed {
  std::string_view type;
  // Of the curve; 0: any.
  size_t bits = 0;
};

std::optional<Needed> NeededFor(std::string_view algorithm) {
  if (algorithm == "ES256") return Needed{"EC", 256};
  if (algorithm == "ES384") return Needed{"EC", 384};
  if (algorithm == "ES512") return Needed{"EC", 521};
  if (algorithm == "RS256" || algorithm == "RS384" || algorithm == "RS512") return Needed{"RSA"};
  if (algorithm == "PS256" || algorithm == "PS384" || algorithm == "PS512") return Needed{"RSA"};
  return std::nullopt;
}

size_t BitsOfCurve(std::string_view curve) {
  if (curve == "P-256") return 256;
  if (curve == "P-384") return 384;
  if (curve == "P-521") return 521;
  return 0;
}

// The public part of a key that may sign; null for others.
Json SigningPart(const Json& key) {
  if (!key.is_object()) return nullptr;
  const std::string use = TextMember(key, "use");
  if (!use.empty() && use != "sig") return nullptr;
  const std::string type = TextMember(key, "kty");
  std::vector<const char*> members;
  if (type == "RSA") members = {"n", "e"};
  if (type == "EC") members = {"crv", "x", "y"};
  if (members.empty()) return nullptr;
  Json part = {{"kty", type}};
  for (const char* member : members) {
    part[member] = TextMember(key, member);
    if (part[member] == "") return nullptr;
  }
  return part;
}

// What the token's own header says it is signed with is what it is checked with: callers have read that
// there.
std::optional<std::string> PayloadIfSigned(const std::string& token, const cjose_jwk_t* key) {
  cjose_err error = {};
  const std::unique_ptr<cjose_jws_t, decltype(&cjose_jws_release)> jws(
      cjose_jws_import(token.data(), token.size(), &error), &cjose_jws_release);
  if (jws == nullptr || !cjose_jws_verify(jws.get(), key, &error)) return std::nullopt;
  uint8_t* text = nullptr;
  size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &text, &size, &error)) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(text), size);
}

}  // namespace

bool KeysComeSafelyFrom(std::string_view url) {
  const auto parsed = http::ParseUrl(url);
  return parsed.ok() && (parsed->scheme == "https" || http::IsLoopback(parsed->host));
}

absl::Status CheckSignatureAlgorithm(std::string_view algorithm) {
  if (NeededFor(algorithm)) return absl::OkStatus();
  return absl::UnauthenticatedError(fmt::format(
      "identity token: the algorithm '{}' is not accepted: expected RS, PS or ES with 256, 384 or 512",
      CutBetweenCharacters(Printable(algorithm), kLongestShown)));
}

absl::StatusOr<KeySet> KeySet::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  const auto list = document.is_object() ? document.find("keys") : document.end();
  if (list == document.end() || !list->is_array())
    return absl::InvalidArgumentError("no key set: expected {\"keys\": [...]} (RFC 7517)");
  KeySet set;
  for (const Json& each : *list) {
    const Json part = SigningPart(each);
    if (part.is_null() || set.keys_.size() == kMostKeys) continue;
    const std::string text = WriteJson(part);
    cjose_err error = {};
    std::shared_ptr<_cjose_jwk_int> jwk(cjose_jwk_import(text.data(), text.size(), &error),
                                        [](cjose_jwk_t* key) { cjose_jwk_release(key); });
    if (jwk == nullptr) continue;
    Key key{TextMember(each, "kid"), TextMember(part, "kty"), 0, std::move(jwk)};
    key.bits = key.type == "EC" ? BitsOfCurve(TextMember(part, "crv"))
                                : cjose_jwk_get_keysize(key.jwk.get(), &error);
    const bool strong =
        key.type == "EC" ? key.bits > 0 : key.bits >= kFewestRsaBits && key.bits <= kMostRsaBits;
    if (strong) set.keys_.push_back(std::move(key));
  }
  if (!set.keys_.empty()) return set;
  return absl::InvalidArgumentError(fmt::format(
      "the key set has no key that may sign: expected RSA of {} bits and more, P-256, P-384 or P-521",
      kFewestRsaBits));
}

bool KeySet::Has(std::string_view key_id) const {
  return key_id.empty() ||
         std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) { return key.id == key_id; });
}

absl::StatusOr<std::string> KeySet::Verify(const std::string& token, std::string_view algorithm,
                                           std::string_view key_id) const {
  RETURN_IF_ERROR(CheckSignatureAlgorithm(algorithm));
  const Needed needed = *NeededFor(algorithm);
  for (const Key& key : keys_) {
    if (key.type != needed.type || (needed.bits != 0 && key.bits != needed.bits)) continue;
    if (!key_id.empty() && key.id != key_id) continue;
    std::optional<std::string> payload = PayloadIfSigned(token, key.jwk.get());
    if (payload) return *std::move(payload);
  }
  return absl::UnauthenticatedError("identity token: its signature is none of its issuer's keys");
}

}  // namespace crossmill::coordinator
