// A key pair of this machine, and the request for a certificate of it: only the request is sent anywhere.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::certificates {

// Of a request's PEM text; a longer one is not read.
inline constexpr size_t kMostRequestBytes = 4096;

struct KeyAndRequest {
  // Whoever has it is the machine. The holder wipes it.
  std::string key_pem;
  // Says nothing of the machine: who gets the certificate writes its names.
  std::string request_pem;
};

absl::StatusOr<KeyAndRequest> MakeKeyAndRequest();

// Whether it is one, of a key that its sender has: of P-256, as MakeKeyAndRequest makes it, since others may
// be weak, or slow to check. INVALID_ARGUMENT.
absl::Status CheckRequest(std::string_view request_pem);

}  // namespace crossmill::certificates
