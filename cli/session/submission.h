// Submitting a build, once, also when an answer is lost on the way.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// Random: the coordinator takes submissions with one key for one.
std::string NewIdempotencyKey();

// Calls again while the coordinator cannot be reached, some 16 s: it may have been taken, and one that is
// started again is waited for. Only for what has a key, which makes that safe, or
// changes nothing.
template <typename Response>
absl::StatusOr<Response> CallOnce(const std::function<absl::StatusOr<Response>()>& call) {
  constexpr auto kLongestPause = std::chrono::seconds(8);
  for (auto pause = std::chrono::milliseconds(250);; pause *= 2) {
    auto response = call();
    if (!absl::IsUnavailable(response.status()) || pause > kLongestPause) return response;
    std::this_thread::sleep_for(pause);
  }
}

// By CallOnce. A request without a key gets one.
absl::StatusOr<v1::SubmitBuildResponse> SubmitOnce(Session& session, Farm& farm,
                                                   v1::SubmitBuildRequest& request);

}  // namespace crossmill::cli
