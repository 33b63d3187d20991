// Errors as answers: RFC 9457.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "coordinator/http/response.h"

namespace crossmill::coordinator::door {

// The status of a response for a code: 404 for NOT_FOUND, ...
int HttpStatusOf(absl::StatusCode code);

// {"type": "about:blank", "title": "Not Found", "status": 404, "detail": ..., "code": "NOT_FOUND",
// "requestId": ...}. What is not OK only.
std::string ProblemJson(const absl::Status& error, std::string_view request_id);

// The same as an answer. 401 says how to authenticate, 503 and 429 when to come again.
Response ProblemResponse(const absl::Status& error, std::string_view request_id);
// With a status that no code stands for: 405, 413, ...
Response ProblemResponse(int status, const absl::Status& error, std::string_view request_id);

// 16 random hex digits.
std::string NewRequestId();

}  // namespace crossmill::coordinator::door
