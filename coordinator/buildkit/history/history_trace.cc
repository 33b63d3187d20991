#include "coordinator/buildkit/history/history_trace.h"

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "common/base/json.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace otel = opentelemetry::proto::trace::v1;

constexpr size_t kTraceBytes = 16;
constexpr size_t kSpanBytes = 8;

std::string Hex(const std::string& bytes, size_t size) {
  // What is no id is the one that names nothing.
  return absl::BytesToHexString(bytes.size() == size ? bytes : std::string(size, '\0'));
}

Json ContextJson(const std::string& trace, const std::string& span) {
  return {{"TraceID", Hex(trace, kTraceBytes)},
          {"SpanID", Hex(span, kSpanBytes)},
          {"TraceFlags", "01"},
          {"TraceState", ""},
          {"Remote", false}};
}

std::string TimeText(uint64_t nanos) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", absl::FromUnixNanos(static_cast<int64_t>(nanos)),
                          absl::UTCTimeZone());
}

Json TypedJson(const char* type, Json value) { return {{"Type", type}, {"Value", std::move(value)}}; }

Json ValueJson(const otel::AnyValue& value) {
  if (value.has_int_value()) return TypedJson("INT64", value.int_value());
  if (value.has_bool_value()) return TypedJson("BOOL", value.bool_value());
  if (!value.has_array_value()) return TypedJson("STRING", value.string_value());
  Json texts = Json::array();
  for (const otel::AnyValue& each : value.array_value().values()) texts.push_back(each.string_value());
  return TypedJson("STRINGSLICE", std::move(texts));
}

Json StatusJson(const otel::Status& status) {
  const bool failed = status.code() == otel::Status::STATUS_CODE_ERROR;
  return {{"Code", failed ? "Error" : "Unset"}, {"Description", status.message()}};
}

Json SpanJson(const otel::Span& span) {
  Json attributes = Json::array();
  for (const otel::KeyValue& each : span.attributes())
    attributes.push_back({{"Key", each.key()}, {"Value", ValueJson(each.value())}});
  Json resource = Json::array();
  resource.push_back({{"Key", "service.name"}, {"Value", TypedJson("STRING", "crossmill")}});
  // A root's parent has the trace's id and no span.
  return {{"Name", span.name()},
          {"SpanContext", ContextJson(span.trace_id(), span.span_id())},
          {"Parent", ContextJson(span.trace_id(), span.parent_span_id())},
          {"SpanKind", static_cast<int>(span.kind())},
          {"StartTime", TimeText(span.start_time_unix_nano())},
          {"EndTime", TimeText(span.end_time_unix_nano())},
          {"Attributes", std::move(attributes)},
          {"Events", Json::array()},
          {"Links", Json::array()},
          {"Status", StatusJson(span.status())},
          {"DroppedAttributes", 0},
          {"DroppedEvents", 0},
          {"DroppedLinks", 0},
          {"ChildSpanCount", 0},
          {"Resource", std::move(resource)},
          {"InstrumentationLibrary", {{"Name", "crossmill"}, {"Version", ""}, {"SchemaURL", ""}}}};
}

}  // namespace

std::string TraceText(const std::vector<otel::Span>& spans) {
  std::string text;
  for (const otel::Span& span : spans) text += WriteJson(SpanJson(span)) + "\n";
  return text;
}

}  // namespace crossmill::coordinator::buildkit
