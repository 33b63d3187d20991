// Whom a request means to reach, and where the page is from that makes it: against DNS rebinding and requests
// that other sites' pages make. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossmill::coordinator::door {

// The name or address of "name:port", "1.2.3.4:80", "[::1]:80", in lower case; empty if it is none of them.
std::string HostName(std::string_view host);

// Names that a Host field may have besides loopback ones.
class HostCheck {
 public:
  explicit HostCheck(const std::vector<std::string>& names);

  // `host`: the field; `local`: the address at which the connection came in. An address is taken where it is
  // `local`: nobody's name server has a say in that. Ports are not compared: tunnels change them.
  bool Allows(std::string_view host, std::string_view local) const;

 private:
  std::vector<std::string> names_;
};

// Whether a page of this very host made the request: `origin` is "SCHEME://" and `host`.
bool IsSameOrigin(std::string_view origin, std::string_view host);

}  // namespace crossmill::coordinator::door
