// Values of secrets that a BuildKit client has for its build (moby.buildkit.secrets.v1).
#pragma once

#include <set>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/wiping.h"
#include "coordinator/buildkit/session/client_session.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator::buildkit {

// Those of `ids` that the client has; who must have one says so. Each copy is wiped when it is dropped, but
// for what gRPC has received it in. INVALID_ARGUMENT: one is longer than kMaxSecretBytes; no message holds a
// value.
absl::StatusOr<WipedSecrets<v1::Secret>> ReadClientSecrets(ClientSession& session,
                                                           const std::set<std::string>& ids,
                                                           std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
