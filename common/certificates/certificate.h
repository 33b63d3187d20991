// What there is to know of a certificate.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::certificates {

struct CertificateFacts {
  // Hex SHA-256 of the DER: what the farm's record knows it by.
  std::string fingerprint;
  absl::Time not_before;
  absl::Time not_after;
};

// Of the first certificate in a PEM text. INVALID_ARGUMENT.
absl::StatusOr<CertificateFacts> FactsOf(std::string_view pem);

// Whether the key of a PEM text is that of its first certificate. INVALID_ARGUMENT.
absl::Status CheckPair(std::string_view key_pem, std::string_view certificate_pem);

}  // namespace crossmill::certificates
