// Whose a build is, and who may change it: the client that submitted it, and operators.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator {

// BuildSubmission.owner of what the caller submits: the name of its token; empty at the socket.
std::string OwnerOf(const Roles& roles);

// The caller, as whose something is submitted or named.
core::Author AuthorOf(const Roles& roles);

// A submission that the caller sends is its own from here on: what only the coordinator says of one is put in
// the place of whatever came.
void TakeSubmission(const Roles& roles, v1::BuildSubmission* submission);

// What of the farm the caller sees.
core::Scope ScopeOf(const Roles& roles);

// PERMISSION_DENIED, with what is missing, unless the caller may operate or is the owner. `what`: "build 7".
// What has no owner is an operator's.
absl::Status CheckOwner(const Roles& roles, std::string_view owner, std::string_view what);

// PERMISSION_DENIED unless the caller's token may push there. `target`: as people write it, "team/app:1";
// what is no reference is left to others.
absl::Status CheckMayPush(const Roles& roles, std::string_view target);

}  // namespace crossmill::coordinator
