// Identity tokens: JSON Web Tokens (RFC 7519) that an OpenID Connect issuer signed. What one says before it
// is known to be true, and what it says then. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/json.h"
#include "coordinator/identity/key_set.h"

namespace crossmill::coordinator {

// What is read before the signature is checked: whose keys to check it with, and nothing else.
struct UnverifiedToken {
  std::string text;
  std::string algorithm;
  // May be empty.
  std::string key_id;
  std::string issuer;
};

// UNAUTHENTICATED says what is wrong with its form.
absl::StatusOr<UnverifiedToken> ReadUnverified(std::string_view text);

// What its issuer signed.
struct IdentityClaims {
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  // All of them.
  Json all = {};
};

// A text, or the texts of a list; of others nothing.
std::vector<std::string> TextsOf(const Json& value);

// Checks the signature, that the token is good at `now_s` (clocks may differ by a minute), and that it is of
// the issuer whose keys were taken. UNAUTHENTICATED.
absl::StatusOr<IdentityClaims> VerifyIdentity(const UnverifiedToken& token, const KeySet& keys,
                                              int64_t now_s);

}  // namespace crossmill::coordinator
