#include "coordinator/trace_flags.h"

#include <cstdlib>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kMostHeaders = 64 << 10;

}  // namespace

void AddTraceFlags(CLI::App& app, TraceFlags& flags) {
  app.add_option("--otlp-endpoint", flags.endpoint,
                 "URL of a receiver of OTLP over HTTP, http://127.0.0.1:4318, to which traces of builds go "
                 "(default: OTEL_EXPORTER_OTLP_ENDPOINT; docs/operations.md, \"Traces\")");
  app.add_option("--otlp-headers-file", flags.headers_file,
                 "File with a header of its requests in each line, 'Name: value' (default: "
                 "OTEL_EXPORTER_OTLP_HEADERS)");
}

absl::StatusOr<OtlpSettings> ReadTraceFlags(const TraceFlags& flags) {
  std::string lines;
  if (!flags.headers_file.empty()) {
    const auto read = ReadFile(flags.headers_file, kMostHeaders);
    if (!read.ok())
      return absl::InvalidArgumentError(fmt::format("--otlp-headers-file: {}", Sv(read.status().message())));
    lines = *read;
  }
  return ReadOtlpSettings(flags.endpoint, lines, [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  });
}

}  // namespace crossmill::coordinator
