#include "coordinator/rpc/peers/ownership.h"

#include "common/base/status.h"

namespace crossmill::coordinator {

std::string OwnerOf(const Roles& roles) { return roles.at_socket ? "" : roles.name; }

core::Author AuthorOf(const Roles& roles) { return {OwnerOf(roles), roles.SeesWholeFarm(), roles.project}; }

absl::Status CheckOwner(const Roles& roles, std::string_view owner, std::string_view what) {
  if (roles.SeesWholeFarm()) return absl::OkStatus();
  if (!owner.empty() && OwnerOf(roles) == owner) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format(
      "{} was submitted by {}: changing it needs that token, or the role operate", what,
      owner.empty() ? "the operator, or before owners were recorded" : fmt::format("'{}'", owner)));
}

}  // namespace crossmill::coordinator
