// Joins a farm by an invitation: knows the coordinator by the authority that the invitation names before it
// says the secret, and sends of its new key only the public half.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/joining/joined_files.h"

namespace crossmill::worker {

struct JoinOptions {
  // "farm.example:7777".
  std::string address;
  // As it was pasted.
  std::string invitation;
  // Empty: the coordinator makes one of `host_name`.
  std::string name;
  std::string host_name;
  absl::Duration patience = absl::Seconds(30);
};

// INVALID_ARGUMENT; PERMISSION_DENIED: who answers is not the coordinator of the invitation's farm, and was
// told nothing, or the coordinator's refusal; else what kept the call from it.
absl::StatusOr<Joined> JoinFarm(const JoinOptions& options);

}  // namespace crossmill::worker
