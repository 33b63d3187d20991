#include "cli/session/submission.h"

#include <random>

namespace crossmill::cli {

std::string NewIdempotencyKey() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) key += fmt::format("{:08x}", random());
  return key;
}

absl::StatusOr<v1::SubmitBuildResponse> SubmitOnce(Session& session, Farm& farm,
                                                   v1::SubmitBuildRequest& request) {
  if (request.idempotency_key().empty()) request.set_idempotency_key(NewIdempotencyKey());
  return session.Call(*farm.builds, &v1::Builds::StubInterface::SubmitBuild, request,
                      Session::Repeat::kAwaitStart);
}

}  // namespace crossmill::cli
