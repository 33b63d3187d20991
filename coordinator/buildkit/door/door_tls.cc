#include "coordinator/buildkit/door/door_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/certificates/authority.h"
#include "common/certificates/certificate.h"
#include "common/certificates/x509.h"

namespace crossmill::coordinator::buildkit {
namespace {

using certificates::Certificate;
using certificates::Freed;

constexpr int64_t kLongestPem = certificates::kMostPemBytes;

absl::Status Unusable(const std::string& file, const absl::Status& why) {
  return absl::FailedPreconditionError(fmt::format("{}: {}", file, Sv(why.message())));
}

// What buildctl offers and wants back; a client that offers nothing is served as well.
int ChooseHttp2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                unsigned int size, void*) {
  for (unsigned int at = 0; at < size && at + 1 + offered[at] <= size; at += 1 + offered[at]) {
    if (offered[at] != 2 || std::memcmp(offered + at + 1, "h2", 2) != 0) continue;
    *out = offered + at + 1;
    *out_size = 2;
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

absl::Status UseOwnCertificate(SSL_CTX* context, const DoorTlsFiles& files) {
  ASSIGN_OR_RETURN(const std::string chain, ReadFile(files.certificate, kLongestPem));
  ASSIGN_OR_RETURN(const std::string key_pem, ReadFile(files.key, kLongestPem));
  const auto certificates = certificates::ReadCertificates(chain);
  if (!certificates.ok()) return Unusable(files.certificate, certificates.status());
  const auto key = certificates::ReadKey(key_pem);
  if (!key.ok()) return Unusable(files.key, key.status());
  if (X509_check_private_key(certificates->front().get(), key->get()) != 1)
    return absl::FailedPreconditionError(
        fmt::format("the key in {} is not that of the certificate in {}", files.key, files.certificate));
  bool used = SSL_CTX_use_certificate(context, certificates->front().get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, key->get()) == 1;
  for (size_t i = 1; i < certificates->size(); ++i)
    used = used && SSL_CTX_add1_chain_cert(context, (*certificates)[i].get()) == 1;
  ERR_clear_error();
  return used ? absl::OkStatus()
              : absl::FailedPreconditionError(fmt::format("OpenSSL cannot serve with {}", files.certificate));
}

absl::Status TrustClientsOf(SSL_CTX* context, const std::string& authorities_pem, const std::string& where) {
  const auto authorities = certificates::ReadCertificates(authorities_pem);
  if (!authorities.ok()) return Unusable(where, authorities.status());
  for (const Certificate& authority : *authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1)
      return absl::FailedPreconditionError(fmt::format("{}: OpenSSL does not take the certificate", where));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeContext(const DoorTlsFiles& files) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return absl::InternalError("OpenSSL has no TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  // Each connection shows its certificate anew.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context.get(), 4);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseHttp2, nullptr);
  RETURN_IF_ERROR(UseOwnCertificate(context.get(), files));
  if (!files.farm_authority_pem.empty())
    RETURN_IF_ERROR(TrustClientsOf(context.get(), files.farm_authority_pem, "the farm's authority"));
  if (files.client_authorities.empty()) return context;
  ASSIGN_OR_RETURN(const std::string pem, ReadFile(files.client_authorities, kLongestPem));
  RETURN_IF_ERROR(TrustClientsOf(context.get(), pem, files.client_authorities));
  return context;
}

// The only one; a name with a NUL in it is none.
std::string CommonNameOf(X509* certificate) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return "";
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return "";
  std::string name(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return name.find('\0') == std::string::npos ? name : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<DoorTls>> DoorTls::Load(DoorTlsFiles files) {
  if (files.client_authorities.empty() && files.farm_authority_pem.empty()) {
    return absl::FailedPreconditionError(
        "clients of BuildKit are known by certificates, and there is no authority that theirs could be from: "
        "give "
        "--buildkit-client-ca, or found a farm with an authority of its own (docs/operations.md)");
  }
  std::unique_ptr<DoorTls> tls(new DoorTls(std::move(files)));
  if (!tls->files_.farm_authority_pem.empty()) {
    ASSIGN_OR_RETURN(const auto facts, certificates::FactsOf(tls->files_.farm_authority_pem));
    tls->farm_fingerprint_ = facts.fingerprint;
  }
  RETURN_IF_ERROR(tls->Reload());
  return tls;
}

absl::Status DoorTls::Reload() {
  ASSIGN_OR_RETURN(std::shared_ptr<SSL_CTX> context, MakeContext(files_));
  MutexLock lock(mutex_);
  context_ = std::move(context);
  return absl::OkStatus();
}

std::shared_ptr<SSL_CTX> DoorTls::Context() const {
  MutexLock lock(mutex_);
  return context_;
}

absl::StatusOr<ShownCertificate> DoorTls::ShownBy(SSL* connection) const {
  X509* const shown = SSL_get0_peer_certificate(connection);
  const STACK_OF(X509)* const chain = SSL_get0_verified_chain(connection);
  if (shown == nullptr || chain == nullptr || sk_X509_num(chain) < 2 ||
      SSL_get_verify_result(connection) != X509_V_OK)
    return absl::UnauthenticatedError("the client has shown no certificate that is good here");
  ShownCertificate certificate;
  ASSIGN_OR_RETURN(certificate.not_after, certificates::TimeOf(X509_get0_notAfter(shown)));
  ASSIGN_OR_RETURN(const std::string root,
                   certificates::FingerprintOf(sk_X509_value(chain, sk_X509_num(chain) - 1)));
  if (!farm_fingerprint_.empty() && root == farm_fingerprint_) {
    ASSIGN_OR_RETURN(certificate.token_hash, certificates::TokenHashOf(shown));
    return certificate;
  }
  certificate.common_name = CommonNameOf(shown);
  if (certificate.common_name.empty())
    return absl::UnauthenticatedError(
        "the client's certificate has no common name, which would name a token");
  return certificate;
}

}  // namespace crossmill::coordinator::buildkit
