#include "coordinator/traces/trace_context.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kTraceBytes = 16;
constexpr size_t kSpanBytes = 8;

// Lower case only, as the standard has it.
bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

std::string BytesOf(std::string_view hex) { return absl::HexStringToBytes(Av(hex)); }

// Of a digest, which is never all zero by accident.
std::string DigestBytes(const std::string& text, size_t bytes) {
  return BytesOf(std::string_view(Sha256Hex(text)).substr(0, 2 * bytes));
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view text) {
  // version "-" trace id "-" parent id "-" flags
  constexpr size_t kLength = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32),
                         parent = text.substr(36, 16), flags = text.substr(53, 2);
  if (!IsHex(version) || !IsHex(trace) || !IsHex(parent) || !IsHex(flags)) return std::nullopt;
  if (version == "ff" || IsZero(trace) || IsZero(parent)) return std::nullopt;
  const std::string_view rest = text.substr(kLength);
  if (!rest.empty() && (version == "00" || rest.front() != '-')) return std::nullopt;
  return TraceContext{BytesOf(trace), BytesOf(parent), (BytesOf(flags)[0] & 1) != 0};
}

TraceContext OwnTrace(std::string_view farm, int64_t build) {
  return {DigestBytes(fmt::format("trace {} {}", farm, build), kTraceBytes), "", true};
}

std::string SpanIdOf(const TraceContext& context, std::string_view farm, int64_t build,
                     std::string_view part) {
  return DigestBytes(
      fmt::format("span {} {} {} {}", absl::BytesToHexString(context.trace_id), farm, build, part),
      kSpanBytes);
}

}  // namespace crossmill::coordinator
