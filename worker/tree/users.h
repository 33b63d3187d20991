// Users and groups as a root file system names them: USER, --chown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Supplementary; ascending. The primary group is one of them, as containers have it since 2022: else files
  // of that group would be closed to a program that changes its group.
  std::vector<uint32_t> groups;
  // From /etc/passwd; "/" for a uid that is not in it.
  std::string home = "/";
};

// As in USER: name or number, with optional ":group". Empty: root. A number that is not in /etc/passwd has
// group 0. Further supplementary groups come from /etc/group unless a group is given (as Docker does it).
// INVALID_ARGUMENT for a name that the root does not know.
absl::StatusOr<User> ResolveUser(const std::string& root, std::string_view text);

// As in --chown: without a group, a name's primary group, or for a number the same number. Empty: 0:0.
// A user that the root does not know is 0:0, an unknown group changes nothing: as in Docker's builder.
absl::StatusOr<Owner> ResolveOwner(const std::string& root, std::string_view text);

}  // namespace crossmill::worker
