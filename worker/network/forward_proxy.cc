#include "worker/network/forward_proxy.h"

#include <ifaddrs.h>

#include "absl/time/clock.h"
#include "common/base/mutex.h"
#include "worker/network/forward_session.h"

namespace crossmill::worker {
namespace {

constexpr absl::Duration kAddressesKept = absl::Seconds(3);

std::vector<IpAddress> InterfaceAddresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    if (const auto address = IpAddress::Of(*each->ifa_addr)) addresses.push_back(*address);
  }
  freeifaddrs(list);
  return addresses;
}

struct KnownAddresses {
  Mutex mutex;
  absl::Time until ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  std::vector<IpAddress> addresses ABSL_GUARDED_BY(mutex);
};

}  // namespace

std::vector<IpAddress> OwnAddresses() {
  static KnownAddresses& known = *new KnownAddresses;
  const absl::Time now = absl::Now();
  MutexLock lock(known.mutex);
  if (now >= known.until) {
    known.addresses = InterfaceAddresses();
    known.until = now + kAddressesKept;
  }
  return known.addresses;
}

absl::StatusOr<std::unique_ptr<StepSession>> ForwardProxy::Serve(UniqueFd listener, StepUse use) {
  return std::make_unique<ForwardSession>(threads_.Next(), resolver_, clock_, options_, std::move(listener),
                                          std::move(use));
}

}  // namespace crossmill::worker
