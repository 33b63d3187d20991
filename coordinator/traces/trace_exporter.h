// Sends builds that have ended to a receiver of OTLP over HTTP, beside everything else: no build ever waits
// for it, and what cannot be sent is dropped and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "coordinator/traces/build_spans.h"
#include "coordinator/traces/otlp_settings.h"

namespace crossmill::coordinator {

struct TraceExporterOptions {
  OtlpSettings otlp;
  // service.instance.id and service.version.
  std::string farm;
  std::string version;
  // Builds that wait at most; the next ones are dropped.
  size_t queue = 1000;
  // Spans in one request at most.
  size_t batch = 500;
  // Between attempts, each time twice as long; one for each wait, and then the build is dropped.
  absl::Duration first_wait = absl::Seconds(1);
  int retries = 5;
  // Told of each build, in any thread: the receiver has its spans, or they, or some of them, are dropped. May
  // be empty.
  std::function<void(bool sent)> count;
};

// What a status of the receiver's answer means (OTLP 1.x, "OTLP/HTTP Response").
enum class OtlpAnswer { kTaken, kLater, kRefused };
OtlpAnswer JudgeOtlpStatus(int status);

// The bodies of the requests that send the spans, `most` in each.
std::vector<std::string> OtlpBodies(std::vector<opentelemetry::proto::trace::v1::Span> spans, size_t most,
                                    std::string_view farm, std::string_view version);

// Thread safe. The client outlives it. One thread, which ends with it; what waits then is dropped.
class TraceExporter {
 public:
  // The record of a build that has ended. Called in the exporter's thread.
  using Load = std::function<absl::StatusOr<TracedBuild>(int64_t build)>;

  TraceExporter(http::HttpClient& client, Load load, TraceExporterOptions options);
  ~TraceExporter();
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;

  // Returns at once.
  void BuildEnded(int64_t build);

 private:
  void Run(const std::stop_token& stop);
  absl::Status SendBuild(int64_t build, const std::stop_token& stop);
  absl::Status SendBody(const std::string& body, const std::stop_token& stop);
  // False: it was told to stop meanwhile.
  bool Wait(absl::Duration time, const std::stop_token& stop);
  void Tell(int64_t build, const absl::Status& sent);
  void Count(bool sent) {
    if (options_.count) options_.count(sent);
  }

  http::HttpClient& client_;
  const Load load_;
  const TraceExporterOptions options_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<int64_t> queue_ ABSL_GUARDED_BY(mutex_);
  // Only used in its thread: people are told once of what goes on failing.
  bool failing_ = false;
  // Last.
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
