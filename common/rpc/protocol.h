// Which versions of Crossmill work together: each side of a connection says the number of its protocol, and
// neighbours understand each other (docs/operations.md, "Upgrading"). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace crossmill::rpc {

// Raised by one by a change after which a program two numbers away would be misled; a program has to work
// with what has one more or one less. 1: before there was a number.
inline constexpr int kProtocol = 2;

// Begins the user-agent of every call: "crossmill/0.1.0 protocol/2".
std::string UserAgentOf(std::string_view version, int protocol);

struct Peer {
  // Empty: it does not say.
  std::string version;
  int protocol = 0;
};
// Of a user-agent; nothing for programs that are not Crossmill's.
std::optional<Peer> PeerOf(std::string_view user_agent);

// FAILED_PRECONDITION, with both versions and what to do, for a peer too far from `own`.
absl::Status CheckPeer(const Peer& peer, int own);

}  // namespace crossmill::rpc
