// A trace in the form that clients read.
#include "coordinator/buildkit/history/history_trace.h"

#include <gtest/gtest.h>

#include "common/base/json.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace otel = opentelemetry::proto::trace::v1;

TEST(HistoryTraceTest, EachSpanIsALineOfJson) {
  otel::Span root;
  root.set_trace_id(std::string(16, '\x11'));
  root.set_span_id(std::string(8, '\x22'));
  root.set_name("build 7");
  root.set_kind(otel::Span::SPAN_KIND_INTERNAL);
  root.set_start_time_unix_nano(1'700'000'000'000'000'001);
  root.set_end_time_unix_nano(1'700'000'001'500'000'000);
  const auto add = [&](const char* key) {
    otel::KeyValue& attribute = *root.add_attributes();
    attribute.set_key(key);
    return attribute.mutable_value();
  };
  add("text")->set_string_value("a \"b\"");
  add("number")->set_int_value(5);
  add("truth")->set_bool_value(true);
  add("texts")->mutable_array_value()->add_values()->set_string_value("x");
  otel::Span step = root;
  step.set_parent_span_id(root.span_id());
  step.set_span_id(std::string(8, '\x33'));
  step.mutable_status()->set_code(otel::Status::STATUS_CODE_ERROR);
  step.mutable_status()->set_message("exit code: 7");
  const std::string text = TraceText({root, step});
  const size_t end = text.find('\n');
  const auto first = ParseJson(text.substr(0, end));
  const auto second = ParseJson(text.substr(end + 1, text.size() - end - 2));
  ASSERT_OK(first.status());
  ASSERT_OK(second.status());
  EXPECT_EQ((*first)["Name"], "build 7");
  EXPECT_EQ((*first)["SpanContext"]["TraceID"], "11111111111111111111111111111111");
  EXPECT_EQ((*first)["Parent"]["SpanID"], "0000000000000000");
  EXPECT_EQ((*first)["StartTime"], "2023-11-14T22:13:20.000000001Z");
  EXPECT_EQ((*first)["EndTime"], "2023-11-14T22:13:21.500000000Z");
  EXPECT_EQ((*first)["SpanKind"], 1);
  EXPECT_EQ((*first)["Status"]["Code"], "Unset");
  EXPECT_EQ((*first)["Attributes"][0]["Value"], (Json{{"Type", "STRING"}, {"Value", "a \"b\""}}));
  EXPECT_EQ((*first)["Attributes"][1]["Value"], (Json{{"Type", "INT64"}, {"Value", 5}}));
  EXPECT_EQ((*first)["Attributes"][2]["Value"], (Json{{"Type", "BOOL"}, {"Value", true}}));
  EXPECT_EQ((*first)["Attributes"][3]["Value"], (Json{{"Type", "STRINGSLICE"}, {"Value", {"x"}}}));
  EXPECT_EQ((*second)["Parent"]["SpanID"], "2222222222222222");
  EXPECT_EQ((*second)["Status"], (Json{{"Code", "Error"}, {"Description", "exit code: 7"}}));
}

TEST(HistoryTraceTest, NothingIsNothing) { EXPECT_EQ(TraceText({}), ""); }

}  // namespace
}  // namespace crossmill::coordinator::buildkit
