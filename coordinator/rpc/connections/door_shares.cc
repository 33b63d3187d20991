#include "coordinator/rpc/connections/door_shares.h"

#include <algorithm>

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostKept = 2'048;

ConnectionLimits Within(const ConnectionLimits& wanted, size_t most) {
  ConnectionLimits limits = wanted;
  limits.most = std::max<size_t>(1, std::min(wanted.most, most));
  // One address never has all, and who shows no token never most.
  limits.most_of_peer = std::clamp<size_t>(limits.most - limits.most / 16, 1, wanted.most_of_peer);
  limits.most_unknown = std::clamp<size_t>(limits.most / 4, 1, wanted.most_unknown);
  limits.most_unknown_of_peer = std::clamp<size_t>(limits.most_unknown / 2, 1, wanted.most_unknown_of_peer);
  return limits;
}

}  // namespace

DoorShares ShareDescriptors(const DoorSettings& settings, size_t descriptors) {
  const size_t kept = std::min(descriptors / 4, kMostKept);
  const size_t left = descriptors - kept;
  const size_t wanted = settings.tcp.most + settings.http.most;
  DoorShares shares = {.tcp = {}, .http = {}, .local = std::max<size_t>(1, kept / 2)};
  const double part = wanted <= left ? 1 : static_cast<double>(left) / static_cast<double>(wanted);
  shares.tcp = Within(settings.tcp, static_cast<size_t>(static_cast<double>(settings.tcp.most) * part));
  shares.http = Within(settings.http, static_cast<size_t>(static_cast<double>(settings.http.most) * part));
  return shares;
}

}  // namespace crossmill::coordinator
