// Which identity tokens a farm takes: the rules, checked when they are made and asked when a token comes.
// Pure.
#pragma once

#include "absl/status/status.h"
#include "coordinator/identity/identity_token.h"
#include "crossmill/v1/identity.pb.h"

namespace crossmill::coordinator {

// Its project and pushes are checked by who makes tokens. INVALID_ARGUMENT says what is expected: an issuer
// by https (or http of this machine), an audience, and at least one claim with a pattern that is more than
// stars: an issuer signs for everybody in the world.
absl::Status CheckIdentityRule(const v1::IdentityRule& rule);

// OK when the rule takes the token. PERMISSION_DENIED names the first thing that does not fit, with what the
// token has: it is its holder's to read.
absl::Status Fits(const v1::IdentityRule& rule, const IdentityClaims& claims);

}  // namespace crossmill::coordinator
