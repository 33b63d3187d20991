// A build that has ended, as spans of OpenTelemetry: out of its record, so that a restart in its middle
// leaves no hole. Pure. docs/operations.md, "Traces", says what each span is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/traces/trace_context.h"
#include "crossmill/v1/build.pb.h"
#include "opentelemetry/proto/trace/v1/trace.pb.h"

namespace crossmill::coordinator {

// A task that a worker was given.
struct GivenTask {
  int stage = 0;
  int replica = 0;
  std::string worker;
  // Unix time in nanoseconds.
  int64_t granted_at = 0;
};

struct TracedBuild {
  v1::BuildView view;
  // In their order, from the first.
  std::vector<v1::BuildEvent> events;
  std::vector<GivenTask> tasks;
  // What the client said; empty: nothing.
  std::string traceparent;
  // FarmIdentity.id.
  std::string farm;
};

// The build first; each other one is inside of its parent. A span that had no end, because the build ended
// over it, ends with the build. Nothing if the client's trace is not recorded.
std::vector<opentelemetry::proto::trace::v1::Span> SpansOf(const TracedBuild& build);

}  // namespace crossmill::coordinator
