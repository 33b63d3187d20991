// The operator's certificate authorities as Java's programs read them: Java knows no PEM bundle and none of
// the variables that announce one.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::worker {

// A key store in Java's own format (JKS, password "changeit") with every certificate of the PEM bundle; the
// same bundle gives the same bytes. Text between the certificates is skipped. INVALID_ARGUMENT when there is
// no certificate in it.
absl::StatusOr<std::string> JavaTrustStore(std::string_view pem);

}  // namespace crossmill::worker
