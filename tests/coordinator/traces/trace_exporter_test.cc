#include "coordinator/traces/trace_exporter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/fake_http_client.h"

namespace crossmill::coordinator {
namespace {

namespace otel = opentelemetry::proto::trace::v1;

constexpr char kUrl[] = "http://127.0.0.1:4318/v1/traces";
constexpr char kPost[] = "POST http://127.0.0.1:4318/v1/traces";

absl::StatusOr<TracedBuild> Load(int64_t build) {
  if (build == 404) return absl::NotFoundError("no such build");
  TracedBuild traced;
  traced.view.set_id(build);
  traced.view.set_created_at(1);
  traced.view.set_planned_at(2);
  traced.view.set_finished_at(3);
  return traced;
}

http::FakeAnswer Answered(int status, std::string body = "") {
  http::FakeAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

class TraceExporterTest : public testing::Test {
 protected:
  TraceExporterTest() {
    options_.otlp.url = kUrl;
    options_.otlp.headers = {{"Authorization", "Bearer x"}};
    options_.farm = "farm";
    options_.version = "1.2";
    options_.first_wait = absl::Milliseconds(1);
    options_.count = [this](bool sent) { ++(sent ? sent_ : dropped_); };
  }
  void Start() { exporter_ = std::make_unique<TraceExporter>(client_, Load, options_); }

  http::FakeHttpClient client_;
  TraceExporterOptions options_;
  std::atomic<int> sent_ = 0, dropped_ = 0;
  std::unique_ptr<TraceExporter> exporter_;
};

TEST_F(TraceExporterTest, ABuildIsOneRequest) {
  client_.Answer(kPost, Answered(200));
  Start();
  exporter_->BuildEnded(7);
  ASSERT_TRUE(Eventually([&] { return sent_ == 1; }));
  const auto requests = client_.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].headers[0].second, "Bearer x");
  EXPECT_EQ(requests[0].headers[1].second, "application/x-protobuf");
  otel::ExportTraceServiceRequest request;
  ASSERT_TRUE(request.ParseFromString(requests[0].body));
  const otel::ResourceSpans& of_farm = request.resource_spans(0);
  EXPECT_EQ(of_farm.resource().attributes(0).value().string_value(), "crossmill-coordinator");
  EXPECT_EQ(of_farm.resource().attributes(2).value().string_value(), "farm");
  EXPECT_EQ(of_farm.scope_spans(0).spans_size(), 2) << "the build and its planning";
}

TEST_F(TraceExporterTest, WhatIsLaterIsTriedAgain) {
  client_.Answer(kPost, Answered(503));
  http::FakeAnswer broken = Answered(200);
  broken.broken = absl::UnavailableError("no route to host");
  client_.Answer(kPost, broken);
  client_.Answer(kPost, Answered(200));
  Start();
  exporter_->BuildEnded(7);
  ASSERT_TRUE(Eventually([&] { return sent_ == 1; }));
  EXPECT_EQ(client_.requests().size(), 3u);
  EXPECT_EQ(dropped_, 0);
}

TEST_F(TraceExporterTest, WhatIsRefusedIsDroppedAndTheNextIsSent) {
  client_.Answer(kPost, Answered(400));
  client_.Answer(kPost, Answered(200));
  Start();
  exporter_->BuildEnded(7);
  exporter_->BuildEnded(8);
  ASSERT_TRUE(Eventually([&] { return sent_ == 1; }));
  EXPECT_EQ(dropped_, 1);
  EXPECT_EQ(client_.requests().size(), 2u) << "a refusal is not tried again";
}

TEST_F(TraceExporterTest, SpansThatWereNotTakenAreDropped) {
  otel::ExportTraceServiceResponse response;
  response.mutable_partial_success()->set_rejected_spans(1);
  client_.Answer(kPost, Answered(200, response.SerializeAsString()));
  Start();
  exporter_->BuildEnded(7);
  ASSERT_TRUE(Eventually([&] { return dropped_ == 1; }));
}

TEST_F(TraceExporterTest, ABuildThatCannotBeReadIsDropped) {
  Start();
  exporter_->BuildEnded(404);
  ASSERT_TRUE(Eventually([&] { return dropped_ == 1; }));
  EXPECT_TRUE(client_.requests().empty());
}

// Nobody is there: whoever tells of builds never waits, what is too much is counted, and the end does not
// wait for the next attempt.
TEST_F(TraceExporterTest, TheQueueIsBoundedAndTheEndIsAtOnce) {
  client_.Answer(kPost, Answered(503));
  options_.queue = 3;
  options_.first_wait = absl::Hours(1);
  Start();
  exporter_->BuildEnded(1);
  ASSERT_TRUE(Eventually([&] { return client_.requests().size() == 1; }));
  for (int i = 2; i <= 10; ++i) exporter_->BuildEnded(i);
  EXPECT_EQ(dropped_, 6);
  exporter_.reset();
  EXPECT_EQ(sent_, 0);
}

TEST(OtlpBodiesTest, ManySpansAreManyRequests) {
  const std::vector<otel::Span> spans(1001);
  const auto bodies = OtlpBodies(spans, 500, "farm", "1");
  ASSERT_EQ(bodies.size(), 3u);
  otel::ExportTraceServiceRequest last;
  ASSERT_TRUE(last.ParseFromString(bodies[2]));
  EXPECT_EQ(last.resource_spans(0).scope_spans(0).spans_size(), 1);
  EXPECT_TRUE(OtlpBodies({}, 500, "farm", "1").empty());
}

TEST(OtlpBodiesTest, AnswersMeanWhatTheProtocolSays) {
  EXPECT_EQ(JudgeOtlpStatus(200), OtlpAnswer::kTaken);
  for (const int status : {429, 502, 503, 504}) EXPECT_EQ(JudgeOtlpStatus(status), OtlpAnswer::kLater);
  for (const int status : {301, 400, 401, 404, 500}) EXPECT_EQ(JudgeOtlpStatus(status), OtlpAnswer::kRefused);
}

}  // namespace
}  // namespace crossmill::coordinator
