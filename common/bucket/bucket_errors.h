// What an answer of a bucket's server means. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/http/http_client.h"

namespace crossmill::bucket {

// OK for 2xx without an error inside (some requests are answered with 200 and fail afterwards). `what` is
// what was tried, for people. Of the server's own words at most some hundred bytes are repeated.
absl::Status StatusOfAnswer(const http::HttpResponse& response, std::string_view body, std::string_view what);

// Whether the same request may succeed a little later.
bool MayPass(const absl::Status& status);

}  // namespace crossmill::bucket
