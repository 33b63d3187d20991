// A context that a BuildKit client has read from its standard input (moby.upload.v1).
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/layer/tar_reader.h"
#include "coordinator/buildkit/session/client_session.h"

namespace crossmill::coordinator::buildkit {

// The bytes of `http://buildkit-session/ID`, as they come; the client gives them once. Reading fails with
// UNAVAILABLE when the client has gone and CANCELLED by `stop`. What it is, the reader looks at; how much, it
// bounds.
absl::StatusOr<layer::Source> OpenClientUpload(std::shared_ptr<ClientSession> session, const std::string& id,
                                               std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
