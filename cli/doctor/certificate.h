// Until when the certificate is valid that a coordinator shows.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/doctor/check.h"

namespace crossmill::cli {

// Asks "host:port" by a handshake of TLS and believes what it is shown: whether it is to be trusted the calls
// find out, and of one that has run out they do not say since when. No step of it waits longer than
// `patience`. The process ignores SIGPIPE, as the program does (cli/session/environment.cc): a server may
// hang up.
absl::StatusOr<absl::Time> CertificateEnd(const std::string& address, absl::Duration patience);

Check CheckCertificate(const absl::StatusOr<absl::Time>& end, absl::Time now);

}  // namespace crossmill::cli
