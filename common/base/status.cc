#include "common/base/status.h"

#include <cerrno>
#include <system_error>

namespace crossmill {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return absl::StatusCode::kInvalidArgument;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), Av(fmt::format("{}: {}", context, Sv(status.message()))));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

absl::Status NoLimit(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? absl::UnavailableError(status.message()) : status;
}

absl::Status ErrnoStatus(int error, std::string_view what) {
  return absl::Status(CodeOf(error), Av(fmt::format("{}: {}", what, std::generic_category().message(error))));
}

}  // namespace crossmill
