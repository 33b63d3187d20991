#include "common/rpc/protocol.h"

#include <charconv>

#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

constexpr std::string_view kName = "crossmill/";
constexpr std::string_view kNumber = "protocol/";
// How Crossmill named itself before it had a number: by its library alone.
constexpr std::string_view kNameless = "grpc-c++/";

}  // namespace

std::string UserAgentOf(std::string_view version, int protocol) {
  return fmt::format("{}{} {}{}", kName, version, kNumber, protocol);
}

std::optional<Peer> PeerOf(std::string_view user_agent) {
  if (user_agent.starts_with(kNameless)) return Peer{.version = "", .protocol = 1};
  if (!user_agent.starts_with(kName)) return std::nullopt;
  user_agent.remove_prefix(kName.size());
  const size_t blank = user_agent.find(' ');
  if (blank == user_agent.npos) return std::nullopt;
  Peer peer{.version = std::string(user_agent.substr(0, blank)), .protocol = 0};
  user_agent.remove_prefix(blank + 1);
  if (!user_agent.starts_with(kNumber)) return std::nullopt;
  const std::string_view number = user_agent.substr(kNumber.size());
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), peer.protocol);
  const bool whole = end == number.data() + number.size() || *end == ' ';
  if (error != std::errc() || !whole || peer.protocol < 1) return std::nullopt;
  return peer;
}

absl::Status CheckPeer(const Peer& peer, int own) {
  // Numbers are positive, so that neither difference overflows.
  if (peer.protocol - own <= 1 && own - peer.protocol <= 1) return absl::OkStatus();
  const bool older = peer.protocol < own;
  return absl::FailedPreconditionError(fmt::format(
      "this coordinator is Crossmill {} (protocol {}) and works with protocols {} to {}; you are Crossmill{} "
      "with protocol {}: "
      "upgrade {} first",
      CROSSMILL_VERSION, own, own > 1 ? own - 1 : 1, own + 1, peer.version.empty() ? "" : " " + peer.version,
      peer.protocol, older ? "the client or worker" : "the coordinator"));
}

}  // namespace crossmill::rpc
