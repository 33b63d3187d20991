#include "coordinator/buildkit/session/client_call.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {

ClientCall::ClientCall(ClientSession& session, std::chrono::milliseconds patience, std::stop_token stop)
    : session_(session),
      stop_(std::move(stop)),
      either_(stop_, session.ended()),
      cancel_(either_.token(), [this] { context_.TryCancel(); }) {
  if (patience.count() > 0) context_.set_deadline(std::chrono::system_clock::now() + patience);
}

absl::Status ClientCall::AddMetadata(const std::string& name, std::string_view value, std::string_view what) {
  if (!std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; })) {
    return absl::InvalidArgumentError(
        fmt::format("{} {}: a name that is not plain ASCII cannot be asked for", what, Printable(value)));
  }
  context_.AddMetadata(name, std::string(value));
  return absl::OkStatus();
}

absl::Status ClientCall::StatusOf(const grpc::Status& status, std::string_view what) const {
  if (status.ok()) return absl::OkStatus();
  if (stop_.stop_requested()) return absl::CancelledError(fmt::format("{}: cancelled", what));
  if (session_.ended().stop_requested()) {
    return absl::UnavailableError(
        fmt::format("{}: no active session for {}", what, Printable(session_.id())));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      fmt::format("{}: {}", what, Printable(status.error_message().substr(0, 1000))));
}

}  // namespace crossmill::coordinator::buildkit
