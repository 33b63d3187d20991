#include "coordinator/webhooks/address_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator {
namespace {

constexpr int kMappedBits = 96;

// Special purpose registries of IPv4 and IPv6: what is not reachable by everybody or holds an IPv4 address of
// its own (6to4, NAT64, Teredo), which could be any.
constexpr const char* kSpecial[] = {
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",  "240.0.0.0/4",    "::/96",          "64:ff9b::/96",   "64:ff9b:1::/48",
    "100::/64",       "2001::/23",    "2001:db8::/32",  "2002::/16",      "3fff::/20",      "5f00::/16",
    "fc00::/7",       "fe80::/10",    "fec0::/10",      "ff00::/8"};

}  // namespace

absl::StatusOr<AddressRules::Network> AddressRules::ParseNetwork(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  Network network = {};
  in_addr four = {};
  int most = 128;
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
    most = 32;
    network.address[10] = network.address[11] = 0xff;
    std::memcpy(network.address.data() + 12, &four, 4);
  } else if (inet_pton(AF_INET6, address.c_str(), network.address.data()) != 1) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is no network: expected an address with or without /BITS, as 10.0.0.0/8", Printable(text)));
  }
  int bits = most;
  if (slash != std::string::npos &&
      (!absl::SimpleAtoi(text.substr(slash + 1), &bits) || bits < 0 || bits > most)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': expected 0 to {} bits behind the slash", Printable(text), most));
  }
  network.bits = most == 32 ? bits + kMappedBits : bits;
  return network;
}

bool AddressRules::Contains(const Network& network, const Bytes& address) {
  const int whole = network.bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, network.address.begin())) return false;
  if (network.bits % 8 == 0) return true;
  const int mask = 0xff << (8 - network.bits % 8);
  return (address[whole] & mask) == (network.address[whole] & mask);
}

const std::vector<AddressRules::Network>& AddressRules::NotPublic() {
  static const std::vector<Network> networks = [] {
    std::vector<Network> all;
    for (const char* text : kSpecial) all.push_back(*ParseNetwork(text));
    return all;
  }();
  return networks;
}

absl::StatusOr<AddressRules> AddressRules::Allowing(const std::vector<std::string>& networks) {
  AddressRules rules;
  for (const std::string& text : networks) {
    ASSIGN_OR_RETURN(const Network network, ParseNetwork(text));
    rules.allowed_.push_back(network);
  }
  return rules;
}

std::string AddressRules::Refusal(const sockaddr& address) const {
  Bytes bytes = {};
  char shown[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &four.sin_addr, 4);
    inet_ntop(AF_INET, &four.sin_addr, shown, sizeof(shown));
  } else if (address.sa_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(bytes.data(), &six.sin6_addr, 16);
    inet_ntop(AF_INET6, &six.sin6_addr, shown, sizeof(shown));
  } else {
    return "it is no internet address";
  }
  const auto contains = [&](const Network& network) { return Contains(network, bytes); };
  if (std::any_of(allowed_.begin(), allowed_.end(), contains)) return "";
  if (std::none_of(NotPublic().begin(), NotPublic().end(), contains)) return "";
  return fmt::format(
      "{} is no public address; the coordinator's --webhook-allow NETWORK lets webhooks go there", shown);
}

}  // namespace crossmill::coordinator
