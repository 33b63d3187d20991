// Where webhooks may go: to public addresses, and to networks that the operator allows. Asked of the address
// that is connected to, so that no name that resolves otherwise the next time leads anywhere else.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::coordinator {

class AddressRules {
 public:
  // Public addresses only.
  AddressRules() = default;
  // Besides these networks: "10.0.0.0/8", "fd00::/8", "127.0.0.1". INVALID_ARGUMENT names the one that is
  // none.
  static absl::StatusOr<AddressRules> Allowing(const std::vector<std::string>& networks);

  // Why not; empty: it may be connected to.
  std::string Refusal(const sockaddr& address) const;

 private:
  // IPv4 as IPv6 has it (::ffff:a.b.c.d).
  using Bytes = std::array<uint8_t, 16>;
  struct Network {
    Bytes address;
    int bits;
  };
  static absl::StatusOr<Network> ParseNetwork(const std::string& text);
  static bool Contains(const Network& network, const Bytes& address);
  static const std::vector<Network>& NotPublic();

  std::vector<Network> allowed_;
};

}  // namespace crossmill::coordinator
