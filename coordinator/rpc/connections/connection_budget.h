// Who may be connected: how many in all, how many of one address, and fewer of those that have shown no
// token. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::coordinator {

struct ConnectionLimits {
  // In all, and of one address.
  size_t most = 14'000;
  size_t most_of_peer = 13'000;
  // Of those that have shown no token yet.
  size_t most_unknown = 4'000;
  size_t most_unknown_of_peer = 2'500;
};

// Whose connections are counted together: an IPv4 address, the network (/64) of an IPv6 address, since one
// machine has that many. `address` as inet_ntop writes it; IPv4 in IPv6 counts as IPv4.
std::string PeerGroup(std::string_view address);

// Where there is no room one that has shown no token goes: of the address that has most of them, by chance.
// Not the oldest, since who connects ten thousand times a second would then let nobody else live until he has
// shown a token. Not thread safe.
class ConnectionBudget {
 public:
  explicit ConnectionBudget(const ConnectionLimits& limits, uint32_t seed = 1)
      : limits_(limits), random_(seed) {}

  // For those that come from now on.
  void SetLimits(const ConnectionLimits& limits) { limits_ = limits; }

  struct Answer {
    bool admitted = false;
    // Has to be closed, and counts until Forget; 0: none.
    uint64_t evicted = 0;
  };
  // A connection under a number that none had before. What is not admitted is not counted.
  Answer Admit(uint64_t id, const std::string& peer);
  // It has shown a token.
  void Know(uint64_t id);
  // It has to be closed, for another reason than room.
  void Evict(uint64_t id);
  // It is closed.
  void Forget(uint64_t id);

  bool IsUnknown(uint64_t id) const;
  size_t size() const { return connections_.size(); }
  // Without those that are being closed.
  size_t unknown() const { return unknown_; }

 private:
  enum class State { kUnknown, kKnown, kClosing };
  struct Peer {
    size_t connections = 0;
    std::vector<uint64_t> unknown;
  };
  struct Connection {
    State state = State::kUnknown;
    std::map<std::string, Peer>::iterator peer;
    // Where it is in its peer's list.
    size_t place = 0;
  };

  // One that has shown no token; 0: there is none.
  uint64_t AnyOf(const Peer& peer);
  uint64_t AnyOfTheMost();
  // Takes it out of its peer's list of unknown ones.
  void Leave(Connection& connection, State state);

  ConnectionLimits limits_;
  std::minstd_rand random_;
  std::map<uint64_t, Connection> connections_;
  std::map<std::string, Peer> peers_;
  size_t unknown_ = 0;
  size_t closing_ = 0;
};

}  // namespace crossmill::coordinator
