#include "common/certificates/authority.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/certificates/request.h"
#include "common/certificates/x509.h"

namespace crossmill::certificates {
namespace {

constexpr absl::Duration kLifeOfAnAuthority = absl::Hours(24 * 365 * 30);
// Clocks of other machines may be behind.
constexpr absl::Duration kBehind = absl::Hours(24);

absl::Status Failed(std::string_view what) {
  ERR_clear_error();
  return absl::InternalError(fmt::format("OpenSSL does not make the certificate: {}", what));
}

bool SetSerial(X509* certificate) {
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_new());
  // 127 bits, as RFC 5280 wants no sign in it.
  return number != nullptr && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetTimes(X509* certificate, absl::Time not_before, absl::Time not_after) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(not_before)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(not_after)) != nullptr;
}

bool SetName(X509* certificate, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Of a name that goes into the text which OpenSSL reads, where a comma would begin another.
bool IsPlain(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-@+:").find(c) != std::string_view::npos;
  });
}

bool IsAddress(const std::string& name) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 || inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

}  // namespace

absl::StatusOr<Authority> Authority::Of(std::shared_ptr<x509_st> certificate,
                                        std::shared_ptr<evp_pkey_st> key) {
  Authority made;
  ASSIGN_OR_RETURN(made.certificate_pem_, PemOf(certificate.get()));
  ASSIGN_OR_RETURN(made.fingerprint_, FingerprintOf(certificate.get()));
  made.certificate_ = std::move(certificate);
  made.key_ = std::move(key);
  return made;
}

absl::StatusOr<Authority> Authority::Make(absl::Time now) {
  ASSIGN_OR_RETURN(Key key, MakeKey());
  Certificate made(X509_new());
  X509* const x = made.get();
  if (x == nullptr || X509_set_version(x, X509_VERSION_3) != 1 || !SetSerial(x) ||
      !SetTimes(x, now - kBehind, now + kLifeOfAnAuthority) || !SetName(x, "Crossmill farm") ||
      X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 || X509_set_pubkey(x, key.get()) != 1 ||
      !AddExtension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(x, x, NID_subject_key_identifier, "hash") || X509_sign(x, key.get(), EVP_sha256()) <= 0)
    return Failed("the authority's");
  return Of({made.release(), X509_free}, {key.release(), EVP_PKEY_free});
}

absl::StatusOr<Authority> Authority::FromPem(std::string_view certificate_pem, std::string_view key_pem) {
  ASSIGN_OR_RETURN(Certificate certificate, ReadCertificate(certificate_pem));
  ASSIGN_OR_RETURN(Key key, ReadKey(key_pem));
  if (X509_check_ca(certificate.get()) != 1)
    return absl::InvalidArgumentError("the certificate is not that of an authority");
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return absl::InvalidArgumentError("the key is not that of the authority's certificate");
  return Of({certificate.release(), X509_free}, {key.release(), EVP_PKEY_free});
}

absl::StatusOr<std::string> Authority::KeyPem() const { return PemOf(key_.get()); }

absl::StatusOr<Issued> Authority::Issue(std::string_view request_pem, const Wanted& wanted) const {
  RETURN_IF_ERROR(CheckRequest(request_pem));
  ASSIGN_OR_RETURN(const Request request, ReadRequest(request_pem));
  const Certificate made(X509_new());
  X509* const x = made.get();
  X509* const issuer = certificate_.get();
  if (x == nullptr || X509_set_version(x, X509_VERSION_3) != 1 || !SetSerial(x) ||
      !SetTimes(x, wanted.not_before, wanted.not_after) || !SetName(x, wanted.common_name) ||
      X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
      X509_set_pubkey(x, X509_REQ_get0_pubkey(request.get())) != 1 ||
      !AddExtension(x, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(x, issuer, NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(x, issuer, NID_ext_key_usage, wanted.use) ||
      !AddExtension(x, issuer, NID_subject_alt_name, wanted.names) ||
      !AddExtension(x, issuer, NID_subject_key_identifier, "hash") ||
      !AddExtension(x, issuer, NID_authority_key_identifier, "keyid") ||
      X509_sign(x, key_.get(), EVP_sha256()) <= 0)
    return Failed(wanted.names);
  Issued issued;
  ASSIGN_OR_RETURN(issued.pem, PemOf(x));
  ASSIGN_OR_RETURN(issued.fingerprint, FingerprintOf(x));
  issued.not_after = wanted.not_after;
  return issued;
}

absl::StatusOr<Issued> Authority::IssueServer(std::string_view request_pem,
                                              absl::Span<const std::string> names, absl::Time now) const {
  std::vector<std::string> alternatives;
  for (const std::string& name : names) {
    if (!IsPlain(name))
      return absl::InvalidArgumentError(fmt::format("'{}' is neither a host's name nor an address", name));
    alternatives.push_back((IsAddress(name) ? "IP:" : "DNS:") + name);
  }
  if (alternatives.empty()) return absl::InvalidArgumentError("a server's certificate needs a name");
  ASSIGN_OR_RETURN(const absl::Time end, TimeOf(X509_get0_notAfter(certificate_.get())));
  return Issue(request_pem, {.names = absl::StrJoin(alternatives, ","),
                             .common_name = "Crossmill coordinator",
                             .use = "serverAuth",
                             .not_before = now - kBehind,
                             .not_after = end});
}

absl::StatusOr<Issued> Authority::IssueWorker(std::string_view request_pem, const std::string& worker,
                                              absl::Time now, absl::Duration life) const {
  if (!IsPlain(worker))
    return absl::InvalidArgumentError("the worker has no name that a certificate can have");
  // Not in the common name: some clients take that for a host's.
  return Issue(request_pem, {.names = "URI:crossmill:worker:" + worker,
                             .common_name = "Crossmill worker",
                             .use = "clientAuth",
                             .not_before = now - kBehind,
                             .not_after = now + life});
}

absl::StatusOr<Issued> Authority::IssueClient(std::string_view request_pem, const std::string& token_hash,
                                              absl::Time now, absl::Duration life) const {
  if (token_hash.size() != 64 || token_hash.find_first_not_of("0123456789abcdef") != std::string::npos)
    return absl::InvalidArgumentError("a client's certificate needs the hash of a token");
  return Issue(request_pem, {.names = fmt::format("URI:{}{}", kTokenUri, token_hash),
                             .common_name = "Crossmill client",
                             .use = "clientAuth",
                             .not_before = now - kBehind,
                             .not_after = now + life});
}

}  // namespace crossmill::certificates
