#include "coordinator/rpc/peers/ownership.h"

#include "common/base/status.h"
#include "common/oci/reference.h"
#include "coordinator/core/standing/state_changes.h"

namespace crossmill::coordinator {

std::string OwnerOf(const Roles& roles) { return roles.at_socket ? "" : roles.name; }

core::Author AuthorOf(const Roles& roles) { return {OwnerOf(roles), roles.Operates(), roles.project}; }

void TakeSubmission(const Roles& roles, v1::BuildSubmission* submission) {
  SetAuthor(AuthorOf(roles), submission);
  // The door for BuildKit's clients is this process and fetches itself; anybody else could claim that a URL
  // has what it never had.
  if (!roles.lent) submission->clear_fetched_sources();
}

core::Scope ScopeOf(const Roles& roles) { return core::ScopeOf(AuthorOf(roles)); }

absl::Status CheckOwner(const Roles& roles, std::string_view owner, std::string_view what) {
  if (roles.Operates()) return absl::OkStatus();
  if (!owner.empty() && OwnerOf(roles) == owner) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format(
      "{} was submitted by {}: changing it needs that token, or the role operate", what,
      owner.empty() ? "the operator, or before owners were recorded" : fmt::format("'{}'", owner)));
}

absl::Status CheckMayPush(const Roles& roles, std::string_view target) {
  if (!roles.pushes) return absl::OkStatus();
  const auto reference = oci::ParseReference(target);
  // What names no repository matches no pattern.
  if (!reference.ok()) return reference.status();
  const std::string repository = fmt::format("{}/{}", reference->registry, reference->repository);
  for (const std::string& pattern : *roles.pushes) {
    if (core::MatchesNames(pattern, repository)) return absl::OkStatus();
  }
  return absl::PermissionDeniedError(fmt::format(
      "this token may not push to {}: expected one that was made with --push '{}', or with a pattern that "
      "has it (`crossmill admin token create`)",
      repository, repository));
}

}  // namespace crossmill::coordinator
