#include "coordinator/rpc/authenticator.h"

#include <array>
#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kBearer = "Bearer ";

constexpr std::array<std::pair<std::string_view, Access>, 17> kServices = {{
    {"build.bazel.remote.execution.v2.Capabilities", Access::kAnyRole},
    {"build.bazel.remote.execution.v2.ContentAddressableStorage", Access::kAnyRole},
    {"google.bytestream.ByteStream", Access::kAnyRole},
    {"crossmill.v1.Builds", Access::kClient},
    {"crossmill.v1.Images", Access::kClient},
    {"crossmill.v1.Submissions", Access::kClient},
    {"crossmill.v1.Predictions", Access::kClient},
    {"crossmill.v1.Wheels", Access::kClient},
    {"crossmill.v1.Packages", Access::kClient},
    {"crossmill.v1.Attestations", Access::kClient},
    {"crossmill.v1.Verification", Access::kClient},
    {"crossmill.v1.Farm", Access::kClient},
    {"crossmill.v1.WorkerQueue", Access::kWorker},
    {"crossmill.v1.IndexPages", Access::kWorker},
    {"crossmill.v1.LocalDoor", Access::kAnyRole},
    {"grpc.health.v1.Health", Access::kOpen},
    {"grpc.reflection.v1alpha.ServerReflection", Access::kOpen},
}};

}  // namespace

std::optional<Access> AccessOf(std::string_view service) {
  for (const auto& [name, access] : kServices) {
    if (name == service) return access;
  }
  return std::nullopt;
}

void Authenticator::SetTokens(std::vector<TokenRecord> tokens) {
  std::map<std::string, Roles> roles;
  for (TokenRecord& token : tokens) {
    Roles& entry = roles[std::move(token.hash)];
    entry.client |= token.client;
    entry.worker |= token.worker;
  }
  MutexLock lock(mutex_);
  tokens_ = std::move(roles);
}

absl::StatusOr<Authenticator::Roles> Authenticator::RolesOf(const grpc::ServerContextBase& context) const {
  if (context.peer().starts_with("unix:")) return Roles{true, true};
  const auto header = context.client_metadata().find("authorization");
  if (header == context.client_metadata().end()) {
    return absl::UnauthenticatedError(
        "this address needs a token; give one with --token-file or CROSSMILL_TOKEN");
  }
  const std::string_view value(header->second.data(), header->second.size());
  if (!value.starts_with(kBearer)) {
    return absl::UnauthenticatedError("the authorization header is not \"Bearer TOKEN\"");
  }
  // Looked up by hash: how long it takes says nothing about any token.
  const std::string hash = Sha256Hex(value.substr(kBearer.size()));
  MutexLock lock(mutex_);
  const auto found = tokens_.find(hash);
  if (found == tokens_.end()) return absl::UnauthenticatedError("the token is not known to this coordinator");
  return found->second;
}

absl::Status Authenticator::RequireRole(const grpc::ServerContextBase& context, Role role) const {
  ASSIGN_OR_RETURN(const Roles roles, RolesOf(context));
  if (role == Role::kClient && !roles.client) {
    return absl::PermissionDeniedError("this token is a worker's; it cannot act as a client");
  }
  if (role == Role::kWorker && !roles.worker) {
    return absl::PermissionDeniedError("this token is a client's; it cannot act as a worker");
  }
  return absl::OkStatus();
}

absl::Status Authenticator::RequireOperator(const grpc::ServerContextBase& context) const {
  if (context.peer().starts_with("unix:")) return absl::OkStatus();
  RETURN_IF_ERROR(RequireRole(context, Role::kClient));
  return absl::PermissionDeniedError("only over the coordinator's unix socket, on its machine");
}

absl::Status Authenticator::RequireAnyRole(const grpc::ServerContextBase& context) const {
  ASSIGN_OR_RETURN(const Roles roles, RolesOf(context));
  if (!roles.client && !roles.worker) return absl::PermissionDeniedError("this token has no role");
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
