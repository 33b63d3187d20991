// To which trace a build belongs: the client's, by W3C Trace Context, or one of its own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crossmill::coordinator {

struct TraceContext {
  // 16 bytes, not all zero.
  std::string trace_id;
  // 8 bytes; empty: the build is the root of its trace.
  std::string parent_id;
  // The caller records its part; what it does not want recorded is not sent.
  bool sampled = true;
};

// Of a traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" (W3C Trace Context, 3.2);
// nothing for what is none, which the standard wants ignored. Versions beyond 00 are read as far as they are
// alike.
std::optional<TraceContext> ParseTraceparent(std::string_view text);

// Of a build without: the same whenever it is asked, and another one on every farm.
TraceContext OwnTrace(std::string_view farm, int64_t build);

// The id of a part of a build in its trace: 8 bytes. `part`: "build", "stage/3", whatever names it.
std::string SpanIdOf(const TraceContext& context, std::string_view farm, int64_t build,
                     std::string_view part);

}  // namespace crossmill::coordinator
