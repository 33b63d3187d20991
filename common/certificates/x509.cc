#include "common/certificates/x509.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::certificates {
namespace {

constexpr size_t kMostCertificates = 10;

// A password is asked of nobody: an encrypted key is none.
int NoPassword(char*, int, int, void*) { return -1; }

Bio ReaderOf(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string ContentOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

template <typename Owned, typename Read>
absl::StatusOr<Owned> ReadPem(std::string_view pem, std::string_view what, Read read) {
  if (pem.size() > kMostPemBytes) return absl::InvalidArgumentError(fmt::format("too long for {}", what));
  const Bio bio = ReaderOf(pem);
  Owned owned(read(bio.get(), nullptr, NoPassword, nullptr));
  // What OpenSSL keeps of a failure is nobody's later.
  ERR_clear_error();
  if (owned == nullptr) return absl::InvalidArgumentError(fmt::format("there is no {} in PEM in it", what));
  return owned;
}

}  // namespace

absl::StatusOr<Key> ReadKey(std::string_view pem) {
  return ReadPem<Key>(pem, "key without a pass phrase", PEM_read_bio_PrivateKey);
}

absl::StatusOr<Certificate> ReadCertificate(std::string_view pem) {
  return ReadPem<Certificate>(pem, "certificate", PEM_read_bio_X509);
}

absl::StatusOr<Request> ReadRequest(std::string_view pem) {
  return ReadPem<Request>(pem, "certificate request", PEM_read_bio_X509_REQ);
}

absl::StatusOr<std::vector<Certificate>> ReadCertificates(std::string_view pem) {
  if (pem.size() > kMostPemBytes) return absl::InvalidArgumentError("too long for certificates");
  const Bio bio = ReaderOf(pem);
  std::vector<Certificate> all;
  while (all.size() < kMostCertificates) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
    if (next == nullptr) break;
    all.push_back(std::move(next));
  }
  ERR_clear_error();
  if (all.empty()) return absl::InvalidArgumentError("there is no certificate in PEM in it");
  return all;
}

absl::StatusOr<std::string> PemOf(EVP_PKEY* key) {
  // Memory that OpenSSL wipes when it is freed.
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return absl::InternalError("OpenSSL does not write the private key");
  return ContentOf(bio.get());
}

absl::StatusOr<std::string> PemOf(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1)
    return absl::InternalError("OpenSSL does not write the certificate");
  return ContentOf(bio.get());
}

absl::StatusOr<Key> MakeKey() {
  Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return absl::InternalError("OpenSSL does not make a key");
  return key;
}

absl::StatusOr<std::string> FingerprintOf(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return absl::InternalError("OpenSSL does not write the certificate");
  std::string hash = Sha256Hex({reinterpret_cast<const char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return hash;
}

absl::StatusOr<std::string> TokenHashOf(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const GENERAL_NAME* const only = names != nullptr && sk_GENERAL_NAME_num(names.get()) == 1
                                       ? sk_GENERAL_NAME_value(names.get(), 0)
                                       : nullptr;
  if (only != nullptr && only->type == GEN_URI) {
    const ASN1_STRING* const text = only->d.uniformResourceIdentifier;
    std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                         static_cast<size_t>(ASN1_STRING_length(text)));
    if (uri.starts_with(kTokenUri)) return std::string(uri.substr(kTokenUri.size()));
  }
  return absl::UnauthenticatedError(
      "this certificate of the farm's authority is not for a client: it was not issued to a token");
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1)
    return absl::InvalidArgumentError("a time of the certificate cannot be read");
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace crossmill::certificates
