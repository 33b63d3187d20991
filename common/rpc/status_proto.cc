#include "common/rpc/status_proto.h"

#include <string>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::rpc {
namespace {

constexpr size_t kLongestMessage = 4096;

// `code` out of the known range (a peer's invention) becomes UNKNOWN.
absl::StatusCode KnownCode(int code) {
  if (code < 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::StatusCode::kUnknown;
  }
  return static_cast<absl::StatusCode>(code);
}

std::string Cut(std::string_view message) {
  if (message.size() <= kLongestMessage) return std::string(message);
  return std::string(CutBetweenCharacters(message, kLongestMessage)) + " [...]";
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), Cut(Sv(status.message())));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(KnownCode(status.error_code()), Av(status.error_message()));
}

void StatusToProto(const absl::Status& status, google::rpc::Status* message) {
  message->set_code(static_cast<int>(status.code()));
  message->set_message(Cut(Sv(status.message())));
}

absl::Status StatusFromProto(const google::rpc::Status& message) {
  if (message.code() == 0) return absl::OkStatus();
  return absl::Status(KnownCode(message.code()), Av(message.message()));
}

}  // namespace crossmill::rpc
