#include "cli/session/submission.h"

#include <chrono>
#include <random>
#include <thread>

namespace crossmill::cli {
namespace {

constexpr auto kLongestPause = std::chrono::seconds(8);

}  // namespace

std::string NewIdempotencyKey() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) key += fmt::format("{:08x}", random());
  return key;
}

absl::StatusOr<v1::SubmitBuildResponse> SubmitOnce(Session& session, Farm& farm,
                                                   v1::SubmitBuildRequest& request) {
  if (request.idempotency_key().empty()) request.set_idempotency_key(NewIdempotencyKey());
  // It may have been taken: a coordinator that is started again is waited for, some 16 s.
  for (auto pause = std::chrono::milliseconds(250);; pause *= 2) {
    auto response = session.Call(*farm.builds, &v1::Builds::StubInterface::SubmitBuild, request);
    if (!absl::IsUnavailable(response.status()) || pause > kLongestPause) return response;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace crossmill::cli
