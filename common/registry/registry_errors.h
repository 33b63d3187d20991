// What a registry's answers mean, in words for people. Internal to the registry client.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/http/http_client.h"
#include "common/oci/reference.h"

namespace crossmill::registry::registry_errors {

bool IsSuccess(int status);
// Worth another attempt.
bool IsTransient(int status);

// "registry R, repository N: TEXT"; with the mirror's name if `host` is not the registry itself.
absl::Status AtRegistry(absl::StatusCode code, const oci::Reference& reference, std::string_view host,
                        std::string_view text);
// `status` with that beginning, unless it has it already.
absl::Status Placed(const absl::Status& status, const oci::Reference& reference, std::string_view host);

// The error for a response that is not 2xx. `what` was asked for: "tag '3.11'".
absl::Status StatusFor(const oci::Reference& reference, std::string_view host,
                       const http::HttpResponse& response, std::string_view body, std::string_view what);

}  // namespace crossmill::registry::registry_errors
