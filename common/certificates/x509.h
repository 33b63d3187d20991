// OpenSSL's objects with owners, for this folder's files and for who ends TLS itself (buildkit/door).
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::certificates {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;

// Of a PEM text; what is longer is read by nobody.
inline constexpr size_t kMostPemBytes = 64 << 10;

// In front of the hex SHA-256 of the token that a client's certificate was issued to.
inline constexpr std::string_view kTokenUri = "crossmill:token:";

// INVALID_ARGUMENT.
absl::StatusOr<Key> ReadKey(std::string_view pem);
absl::StatusOr<Certificate> ReadCertificate(std::string_view pem);
// All that there are, in their order; at most ten.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(std::string_view pem);
absl::StatusOr<Request> ReadRequest(std::string_view pem);

// The caller wipes it.
absl::StatusOr<std::string> PemOf(EVP_PKEY* key);
absl::StatusOr<std::string> PemOf(X509* certificate);

// Of the curve P-256, which every TLS library speaks.
absl::StatusOr<Key> MakeKey();
// Hex SHA-256 of the DER.
absl::StatusOr<std::string> FingerprintOf(X509* certificate);
// The token that a certificate of Authority::IssueClient was issued to. UNAUTHENTICATED: it is another one.
absl::StatusOr<std::string> TokenHashOf(X509* certificate);
absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time);

}  // namespace crossmill::certificates
