// An invitation as it is pasted: "cmi_", the secret of a token's form without its beginning, "_", and the
// fingerprint of the farm's authority in hex. The fingerprint lets the machine know the farm before it says
// the secret; the secret lets the farm know the machine.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::certificates {

inline constexpr std::string_view kInvitationPrefix = "cmi_";

struct Invitation {
  // With its prefix: what the farm knows the hash of.
  std::string secret;
  // Hex SHA-256 of the authority's certificate.
  std::string authority;
};

std::string InvitationText(const Invitation& invitation);
// INVALID_ARGUMENT: part of it is missing, or it is something else. Says nothing of the secret.
absl::StatusOr<Invitation> ParseInvitation(std::string_view text);

}  // namespace crossmill::certificates
