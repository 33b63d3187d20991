#include "coordinator/http/problem.h"

#include <random>

#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::coordinator::door {
namespace {

std::string ProblemText(int status, const absl::Status& error, std::string_view request_id) {
  const Json problem = {{"type", "about:blank"},
                        {"title", ReasonOf(status)},
                        {"status", status},
                        {"detail", std::string(Sv(error.message()))},
                        {"code", absl::StatusCodeToString(error.code())},
                        {"requestId", request_id}};
  return WriteJson(problem);
}

}  // namespace

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

std::string ProblemJson(const absl::Status& error, std::string_view request_id) {
  return ProblemText(HttpStatusOf(error.code()), error, request_id);
}

Response ProblemResponse(const absl::Status& error, std::string_view request_id) {
  return ProblemResponse(HttpStatusOf(error.code()), error, request_id);
}

Response ProblemResponse(int status, const absl::Status& error, std::string_view request_id) {
  Response response =
      MakeResponse(status, "application/problem+json", ProblemText(status, error, request_id));
  if (status == 401) response.Set("WWW-Authenticate", "Bearer");
  if (status == 429) response.Set("Retry-After", "60");
  if (status == 503) response.Set("Retry-After", "2");
  return response;
}

std::string NewRequestId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace crossmill::coordinator::door
