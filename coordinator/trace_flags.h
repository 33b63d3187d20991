// The settings of the coordinator about where traces of builds go.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/traces/otlp_settings.h"

namespace crossmill::coordinator {

struct TraceFlags {
  std::string endpoint, headers_file;
};

void AddTraceFlags(CLI::App& app, TraceFlags& flags);

// With OpenTelemetry's variables of this process, and what the file says. INVALID_ARGUMENT.
absl::StatusOr<OtlpSettings> ReadTraceFlags(const TraceFlags& flags);

}  // namespace crossmill::coordinator
