// IP addresses and patterns of hosts, as operators write them and as rules see them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct sockaddr;

namespace crossmill::worker {

// An IPv4 or IPv6 address.
class IpAddress {
 public:
  // The usual text forms only (as inet_pton); an IPv6 address may stand in brackets and have a zone, which is
  // left out. Odd spellings of IPv4 ("0x7f.1") are names to this; what they mean is the resolver's to say.
  static std::optional<IpAddress> Parse(std::string_view text);
  // AF_INET or AF_INET6; nothing for other families.
  static std::optional<IpAddress> Of(const sockaddr& address);

  bool is_v4() const { return v4_; }
  // Of IPv4 the first four.
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // Of a link-local IPv6 address; else 0.
  uint32_t scope() const { return scope_; }
  std::string Text() const;
  // The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (NAT64), 6to4.
  std::optional<IpAddress> Embedded() const;
  bool operator==(const IpAddress& other) const { return v4_ == other.v4_ && bytes_ == other.bytes_; }

 private:
  bool v4_ = true;
  std::array<uint8_t, 16> bytes_{};
  uint32_t scope_ = 0;
};

// "10.0.0.0/8", "fd00::/8".
struct AddressPrefix {
  IpAddress base;
  int bits = 0;
  // A single address is a prefix of all its bits.
  static std::optional<AddressPrefix> Parse(std::string_view text);
  bool Contains(const IpAddress& address) const;
};

// Lower case, without the dot of a complete name and without brackets.
std::string NormalHost(std::string_view host);

// A pattern of hosts: NAME, *.DOMAIN (or .DOMAIN: what is below it), *, ADDRESS, ADDRESS/BITS; each with
// :PORT (IPv6 then in brackets) or for all ports.
class HostPattern {
 public:
  // INVALID_ARGUMENT says what is wrong.
  static absl::StatusOr<HostPattern> Parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool is_address() const { return prefix_.has_value(); }
  // 0: every port.
  uint16_t port() const { return port_; }
  // `host` as NormalHost gives it.
  bool MatchesName(std::string_view host, uint16_t port) const;
  bool MatchesAddress(const IpAddress& address, uint16_t port) const;

 private:
  std::string text_;
  std::string name_;
  bool below_ = false;
  std::optional<AddressPrefix> prefix_;
  uint16_t port_ = 0;
};

}  // namespace crossmill::worker
