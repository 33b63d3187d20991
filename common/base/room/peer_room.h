// Tells a full disk on another machine from one of this machine's own: both are RESOURCE_EXHAUSTED, but only
// for the other's it is right to keep what is there and to wait.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace crossmill {

constexpr char kPeerHasNoRoom[] = "crossmill/peer-has-no-room";

// `status` as a peer's call gave it; marked when it is RESOURCE_EXHAUSTED.
inline absl::Status OfPeer(absl::Status status) {
  if (absl::IsResourceExhausted(status)) status.SetPayload(kPeerHasNoRoom, absl::Cord());
  return status;
}

// Annotate keeps the mark.
inline bool HasPeerNoRoom(const absl::Status& status) {
  return status.GetPayload(kPeerHasNoRoom).has_value();
}

}  // namespace crossmill
