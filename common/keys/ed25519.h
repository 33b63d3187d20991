// Ed25519 keys (RFC 8032) in the forms that OpenSSL's command line reads: PKCS #8 and SubjectPublicKeyInfo in
// PEM.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace crossmill::keys {

inline constexpr size_t kSignatureBytes = 64;
// Of a PEM text; what is longer is no Ed25519 key.
inline constexpr size_t kMostPemBytes = 4096;

// Immutable; copies share the key. Thread safe.
class PublicKey {
 public:
  // "-----BEGIN PUBLIC KEY-----". INVALID_ARGUMENT: no such text, another algorithm, or anything behind the
  // key.
  static absl::StatusOr<PublicKey> FromPem(std::string_view pem);

  // Hex SHA-256 of the SubjectPublicKeyInfo's DER: what a signature names its key by.
  const std::string& id() const { return id_; }
  std::string Pem() const;
  // Whether `signature` is this key's over `message`.
  bool Verifies(std::string_view message, std::string_view signature) const;

 private:
  friend class SigningKey;
  static absl::StatusOr<PublicKey> Of(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  std::string id_;
};

// Immutable; copies share the key. Thread safe.
class SigningKey {
 public:
  static absl::StatusOr<SigningKey> Generate();
  // "-----BEGIN PRIVATE KEY-----", not encrypted. INVALID_ARGUMENT as above.
  static absl::StatusOr<SigningKey> FromPem(std::string_view pem);

  // The caller wipes it.
  absl::StatusOr<std::string> Pem() const;
  const PublicKey& public_key() const { return public_key_; }
  // kSignatureBytes bytes; the same message gives the same signature.
  absl::StatusOr<std::string> Sign(std::string_view message) const;

 private:
  static absl::StatusOr<SigningKey> Of(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_;
};

}  // namespace crossmill::keys
