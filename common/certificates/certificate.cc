#include "common/certificates/certificate.h"

#include "common/base/status.h"
#include "common/certificates/x509.h"

namespace crossmill::certificates {

absl::StatusOr<CertificateFacts> FactsOf(std::string_view pem) {
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(pem));
  CertificateFacts facts;
  ASSIGN_OR_RETURN(facts.fingerprint, FingerprintOf(certificate.get()));
  ASSIGN_OR_RETURN(facts.not_before, TimeOf(X509_get0_notBefore(certificate.get())));
  ASSIGN_OR_RETURN(facts.not_after, TimeOf(X509_get0_notAfter(certificate.get())));
  return facts;
}

absl::Status CheckPair(std::string_view key_pem, std::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const Key key, ReadKey(key_pem));
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(certificate_pem));
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return absl::OkStatus();
  return absl::InvalidArgumentError("the key is not that of the certificate");
}

}  // namespace crossmill::certificates
