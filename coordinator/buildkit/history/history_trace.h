// The trace of a build that ended, as `buildx history trace` and `history export` read it: one object of JSON
// for each span, in the form that OpenTelemetry's Go library writes of itself. Pure.
#pragma once

#include <string>
#include <vector>

#include "opentelemetry/proto/trace/v1/trace.pb.h"

namespace crossmill::coordinator::buildkit {

inline constexpr char kTraceType[] = "application/vnd.buildkit.otlp.json.v0";

// The same spans give the same bytes.
std::string TraceText(const std::vector<opentelemetry::proto::trace::v1::Span>& spans);

}  // namespace crossmill::coordinator::buildkit
