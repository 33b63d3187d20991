// Who a step may reach through its recording network: rules that hold everywhere, and those of the operator.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "worker/network/ip_address.h"

namespace crossmill::worker {

struct AddressRules {
  // Not empty: nothing else is reached.
  std::vector<HostPattern> allow;
  std::vector<HostPattern> deny;
  // HOST:PORT of this machine that steps may reach all the same: lifts "loopback" and "this-host" only.
  std::vector<HostPattern> allow_local;
};

// The name of the rule that forbids `host` (as NormalHost gives it) whatever its addresses are; empty: none.
std::string RefusalOfName(const AddressRules& rules, std::string_view host, uint16_t port);

// The name of the rule that forbids to reach `host` at `address`, one of its addresses; empty: none. `own`
// are the addresses of this machine.
std::string RefusalOfAddress(const AddressRules& rules, std::string_view host, uint16_t port,
                             const IpAddress& address, absl::Span<const IpAddress> own);

// A sentence for people about a rule of that name.
std::string ExplainRefusal(std::string_view rule);

}  // namespace crossmill::worker
