#include "common/bucket/s3_calls.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "common/base/status.h"
#include "common/bucket/bucket_errors.h"

namespace crossmill::bucket {
namespace {

// Answers that are collected: a page of a listing has some 500 KiB.
constexpr size_t kLongestAnswer = 8 << 20;

bool RealPause(absl::Duration time, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any wake;
  wake.wait_for(lock, stop, absl::ToChronoMilliseconds(time), [] { return false; });
  return !stop.stop_requested();
}

absl::Duration Jitter(absl::Duration most) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return most * std::uniform_real_distribution<double>(0.3, 1.0)(random);
}

}  // namespace

S3Calls::S3Calls(http::HttpClient& client, S3Options options)
    : client_(client), options_([&] {
        if (!options.pause) options.pause = RealPause;
        return std::move(options);
      }()) {}

absl::StatusOr<S3Answer> S3Calls::Once(const S3Call& call, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Credentials credentials, options_.credentials());
  const BucketAddress& address = options_.address;
  SignedCall to_sign{.method = call.method,
                     .authority = address.Authority(),
                     .path = address.Path(call.key),
                     .query = call.query,
                     .headers = call.headers,
                     .payload_hash = call.source ? call.source_hash : Sha256Hex(call.body)};
  http::HttpRequest request;
  request.method = call.method;
  request.url = address.Url(call.key);
  if (!call.query.empty()) request.url += "?" + QueryText(call.query);
  request.headers = SignHeaders(to_sign, credentials, {address.region, options_.now()});
  // Else libcurl says that a body is a form.
  if (call.method != "GET" && call.method != "HEAD")
    request.headers.emplace_back("content-type", "application/octet-stream");
  request.body = call.body;
  request.body_source = call.source;
  request.source_size = call.source_size;
  request.floor_rate = options_.floor_rate;
  request.idle_limit = call.idle_limit.value_or(options_.idle_limit);
  request.stop = stop;
  S3Answer answer;
  const auto response =
      client_.Send(request, [&](const http::HttpResponse& head, std::string_view bytes) -> absl::Status {
        if (call.sink && head.status >= 200 && head.status < 300) return call.sink(head, bytes);
        if (answer.body.size() + bytes.size() > kLongestAnswer)
          return absl::UnavailableError("the answer does not end");
        answer.body.append(bytes);
        return absl::OkStatus();
      });
  if (!response.ok()) return Annotate(response.status(), call.what);
  answer.head = *response;
  RETURN_IF_ERROR(StatusOfAnswer(answer.head, answer.body, call.what));
  return answer;
}

absl::Status S3Calls::Repeat(const std::function<absl::Status()>& once, const std::stop_token& stop) {
  absl::Duration most = options_.first_pause;
  for (int attempt = 1;; ++attempt) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const absl::Status status = once();
    if (status.ok() || !MayPass(status) || attempt >= options_.attempts) return status;
    if (!options_.pause(Jitter(most), stop)) return absl::CancelledError("stopped");
    most = std::min(2 * most, options_.longest_pause);
  }
}

absl::StatusOr<S3Answer> S3Calls::Send(const S3Call& call, const std::stop_token& stop) {
  S3Answer answer;
  RETURN_IF_ERROR(Repeat(
      [&] {
        absl::StatusOr<S3Answer> once = Once(call, stop);
        if (once.ok()) answer = *std::move(once);
        return once.ok() ? absl::OkStatus() : once.status();
      },
      stop));
  return answer;
}

}  // namespace crossmill::bucket
