// Whether who answers at an address is the coordinator of the farm that an invitation is from: asked before
// the first word is said to it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::certificates {

// `chain`: the certificates that the server has shown, in PEM, its own first. `host`: what the address calls
// it, a name or an address. Returns the certificate of the authority with this fingerprint, in PEM.
// PERMISSION_DENIED: there is none in the chain, or the server's certificate is not from it, not for this
// host or not good now; the sentence says which.
absl::StatusOr<std::string> CheckServedChain(std::string_view chain, std::string_view fingerprint,
                                             const std::string& host);

}  // namespace crossmill::certificates
