#include "common/bucket/bucket_errors.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/bucket/answer_xml.h"

namespace crossmill::bucket {
namespace {

constexpr size_t kMostWords = 300;

// What a server says is shown to people: no control characters, and not without end.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kMostWords));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return shown;
}

struct ServerError {
  std::string code;
  std::string message;
};

ServerError ErrorIn(std::string_view body) {
  const auto root = ParseXml(body);
  if (!root.ok() || root->name != "Error") return {};
  return {Shown(root->Text("Code")), Shown(root->Text("Message"))};
}

bool IsOneOf(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

absl::StatusCode CodeOf(int status, std::string_view code) {
  if (status == 429 || status == 408 || status >= 500 ||
      IsOneOf(code, {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted",
                     "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"}))
    return absl::StatusCode::kUnavailable;
  if (IsOneOf(code, {"NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed"}) ||
      (status >= 300 && status < 400))
    return absl::StatusCode::kFailedPrecondition;
  if (status == 404) return absl::StatusCode::kNotFound;
  if (status == 401 || status == 403) return absl::StatusCode::kPermissionDenied;
  if (status == 409 || status == 412) return absl::StatusCode::kAlreadyExists;
  if (status == 416) return absl::StatusCode::kOutOfRange;
  return absl::StatusCode::kFailedPrecondition;
}

std::string AdviceFor(const http::HttpResponse& response, const ServerError& error) {
  if (error.code == "RequestTimeTooSkewed") return "; the clock of this machine is not the server's";
  const std::string_view region = response.Header("x-amz-bucket-region");
  if (response.status >= 300 && response.status < 400) {
    return region.empty()
               ? "; the server sends elsewhere, where credentials are not taken: name that endpoint"
               : fmt::format("; the bucket is in region {}", Shown(region));
  }
  return "";
}

}  // namespace

absl::Status StatusOfAnswer(const http::HttpResponse& response, std::string_view body,
                            std::string_view what) {
  const bool success = response.status >= 200 && response.status < 300;
  const ServerError error = ErrorIn(body);
  if (success && error.code.empty()) return absl::OkStatus();
  // 200 with an error inside: the server had begun to answer before it failed.
  const absl::StatusCode code =
      success ? absl::StatusCode::kUnavailable : CodeOf(response.status, error.code);
  std::string text = fmt::format("{}: HTTP {}", what, response.status);
  if (!error.code.empty()) text += fmt::format(" {}: {}", error.code, error.message);
  return absl::Status(code, text + AdviceFor(response, error));
}

bool MayPass(const absl::Status& status) { return absl::IsUnavailable(status); }

}  // namespace crossmill::bucket
