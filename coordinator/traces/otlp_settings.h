// Where traces go: the program's own settings, and what OpenTelemetry's environment variables say. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::coordinator {

struct OtlpSettings {
  // The whole URL that spans are posted to; empty: none are.
  std::string url;
  // Of each request; they may hold credentials and go into no log.
  std::vector<std::pair<std::string, std::string>> headers;
  // Of one request.
  absl::Duration limit = absl::Seconds(10);
};

// The value of an environment variable; nothing if it is not set.
using EnvironmentReader = std::function<std::optional<std::string>(const std::string& name)>;

// `endpoint` (--otlp-endpoint) counts before OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which is the URL itself, and
// OTEL_EXPORTER_OTLP_ENDPOINT; to it and to the latter "/v1/traces" is added. `header_lines` is the text of
// the file of headers, "Name: value" lines; those of OTEL_EXPORTER_OTLP_HEADERS come before it.
// INVALID_ARGUMENT names what is wrong and where it was said, without the values of headers.
absl::StatusOr<OtlpSettings> ReadOtlpSettings(std::string_view endpoint, std::string_view header_lines,
                                              const EnvironmentReader& environment);

}  // namespace crossmill::coordinator
