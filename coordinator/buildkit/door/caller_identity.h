// Who calls at the BuildKit door, and how the farm's own services are called in the caller's name.
#pragma once

#include <string>

#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator::buildkit {

struct CallerIdentity {
  // As everywhere: at the unix socket this machine's operator, over TLS what the certificate's token may.
  Roles roles;
  // The same for all calls of one caller and for no other's. Sessions, builds by reference and folders kept
  // from an earlier build are found by it, never by what a client chose alone.
  std::string key;
};

}  // namespace crossmill::coordinator::buildkit
