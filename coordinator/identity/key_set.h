// The public keys of an issuer of identity tokens: a JSON Web Key Set (RFC 7517) as far as signatures need
// it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct _cjose_jwk_int;

namespace crossmill::coordinator {

// Keys that may sign: RSA of 2048 bits and more, and the curves P-256, P-384 and P-521. Of others (symmetric
// ones above all, with which whoever can check can sign) and of private parts nothing is taken. Immutable,
// thread safe.
class KeySet {
 public:
  // INVALID_ARGUMENT: it is no key set, or has no key that may sign.
  static absl::StatusOr<KeySet> Parse(std::string_view json);

  // Whether a token that names this key can be checked; empty: one that names none.
  bool Has(std::string_view key_id) const;
  // The bytes that were signed, of a token in compact form (RFC 7515, section 7.1) that says this algorithm
  // and this key. UNAUTHENTICATED.
  absl::StatusOr<std::string> Verify(const std::string& token, std::string_view algorithm,
                                     std::string_view key_id) const;

 private:
  struct Key {
    std::string id;
    // "RSA" or "EC".
    std::string type;
    // Of the modulus or the curve.
    size_t bits = 0;
    std::shared_ptr<_cjose_jwk_int> jwk;
  };
  std::vector<Key> keys_;
};

// Whether keys from this address are whose they are said to be: it is https, or of this machine.
bool KeysComeSafelyFrom(std::string_view url);

// OK for signatures that are accepted: RS, PS and ES with 256, 384 and 512. UNAUTHENTICATED for others:
// "none", HS.
absl::Status CheckSignatureAlgorithm(std::string_view algorithm);

}  // namespace crossmill::coordinator
