#include "common/certificates/served_chain.h"

#include <arpa/inet.h>
#include <openssl/err.h>

#include <vector>

#include "common/base/status.h"
#include "common/certificates/x509.h"

namespace crossmill::certificates {
namespace {

absl::Status Verify(X509* server, X509* authority, const std::string& host) {
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  if (store == nullptr || context == nullptr || X509_STORE_add_cert(store.get(), authority) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), server, nullptr) != 1)
    return absl::InternalError("OpenSSL does not check certificates");
  X509_VERIFY_PARAM* const wanted = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
  unsigned char bytes[sizeof(in6_addr)];
  const bool address =
      inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
  const int named = address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str())
                            : X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size());
  if (named != 1) return absl::InternalError("OpenSSL does not take the name of the host");
  const int verified = X509_verify_cert(context.get());
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (verified == 1) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format("the certificate that {} shows is not good: {}", host,
                                                 X509_verify_cert_error_string(error)));
}

}  // namespace

absl::StatusOr<std::string> CheckServedChain(std::string_view chain, std::string_view fingerprint,
                                             const std::string& host) {
  ASSIGN_OR_RETURN(const std::vector<Certificate> shown, ReadCertificates(chain));
  for (const Certificate& each : shown) {
    ASSIGN_OR_RETURN(const std::string found, FingerprintOf(each.get()));
    if (found != fingerprint) continue;
    RETURN_IF_ERROR(Verify(shown.front().get(), each.get(), host));
    return PemOf(each.get());
  }
  return absl::PermissionDeniedError(fmt::format(
      "{} does not show the authority of this invitation: somebody may be in between, the address may be of "
      "another farm, or the farm has a new authority. The invitation was not sent",
      host));
}

}  // namespace crossmill::certificates
