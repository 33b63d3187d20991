#include "common/registry/registry_errors.h"

#include <string>

#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::registry::registry_errors {
namespace {

// " (CODE: message)" from a registry's error document; empty if it is none.
std::string Explanation(std::string_view body) {
  const auto json = ParseJson(body);
  if (!json.ok() || !json->is_object()) return "";
  const auto errors = json->find("errors");
  if (errors == json->end() || !errors->is_array() || errors->empty() || !errors->front().is_object())
    return "";
  const Json& error = errors->front();
  const auto text = [&error](const char* name) {
    const auto it = error.find(name);
    return it != error.end() && it->is_string() ? it->get<std::string>() : "";
  };
  return fmt::format(" ({}: {})", text("code"), text("message"));
}

}  // namespace

bool IsSuccess(int status) { return status >= 200 && status < 300; }
bool IsTransient(int status) { return status == 408 || status == 429 || (status >= 500 && status != 501); }

absl::Status AtRegistry(absl::StatusCode code, const oci::Reference& reference, std::string_view host,
                        std::string_view text) {
  const std::string mirror = host == reference.registry ? "" : fmt::format(" (mirror {})", host);
  return absl::Status(code, Av(fmt::format("registry {}{}, repository {}: {}", reference.registry, mirror,
                                           reference.repository, text)));
}

absl::Status Placed(const absl::Status& status, const oci::Reference& reference, std::string_view host) {
  if (status.ok() || Sv(status.message()).starts_with("registry ")) return status;
  return AtRegistry(status.code(), reference, host, Sv(status.message()));
}

absl::Status StatusFor(const oci::Reference& reference, std::string_view host,
                       const http::HttpResponse& response, std::string_view body, std::string_view what) {
  const std::string answer = fmt::format("HTTP {}{}", response.status, Explanation(body));
  switch (response.status) {
    case 401:
    case 403:
      return AtRegistry(absl::StatusCode::kPermissionDenied, reference, host,
                        fmt::format("access to {} is denied, {}; {}", what, answer,
                                    fmt::format("check the name, or log in with `docker login {}` (read from "
                                                "~/.docker/config.json)",
                                                reference.registry)));
    case 404:
      return AtRegistry(absl::StatusCode::kNotFound, reference, host,
                        fmt::format("there is no {}, {}; check name and tag", what, answer));
    case 429:
      return AtRegistry(absl::StatusCode::kUnavailable, reference, host,
                        fmt::format("too many requests, {}; wait, log in, or configure a mirror", answer));
    default:
      return AtRegistry(
          IsTransient(response.status) ? absl::StatusCode::kUnavailable : absl::StatusCode::kInvalidArgument,
          reference, host, fmt::format("asked for {}, it answered {}", what, answer));
  }
}

}  // namespace crossmill::registry::registry_errors
