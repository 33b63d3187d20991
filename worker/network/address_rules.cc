#include "worker/network/address_rules.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

struct FixedRule {
  std::string_view name;
  std::string_view prefix;
};

// The first that matches gives the name, so services come before the ranges that they are in.
constexpr FixedRule kFixedRules[] = {
    {"metadata", "169.254.169.254"},
    {"metadata", "169.254.170.2"},
    {"metadata", "169.254.170.23"},
    {"metadata", "100.100.100.200"},
    {"metadata", "168.63.129.16"},
    {"metadata", "192.0.0.192"},
    {"metadata", "fd00:ec2::254"},
    {"metadata", "fd00:ec2::23"},
    {"metadata", "fd20:ce::254"},
    {"link-local", "169.254.0.0/16"},
    {"link-local", "fe80::/10"},
    {"loopback", "127.0.0.0/8"},
    {"loopback", "::1"},
    {"unspecified", "0.0.0.0/8"},
    {"unspecified", "::"},
    {"multicast", "224.0.0.0/4"},
    {"multicast", "ff00::/8"},
    {"reserved", "240.0.0.0/4"},
};

constexpr std::string_view kAllowList = "not on the allow list";

struct ParsedRule {
  std::string_view name;
  AddressPrefix prefix;
};

const std::vector<ParsedRule>& ParsedRules() {
  static const std::vector<ParsedRule>& rules = *[] {
    auto* parsed = new std::vector<ParsedRule>;
    for (const FixedRule& rule : kFixedRules)
      parsed->push_back({rule.name, *AddressPrefix::Parse(rule.prefix)});
    return parsed;
  }();
  return rules;
}

std::string_view FixedRefusal(const IpAddress& address, absl::Span<const IpAddress> own) {
  for (const ParsedRule& rule : ParsedRules()) {
    if (rule.prefix.Contains(address)) return rule.name;
  }
  const auto inner = address.Embedded();
  const bool ours = std::any_of(own.begin(), own.end(), [&](const IpAddress& mine) {
    return mine == address || (inner && mine == *inner);
  });
  return ours ? "this-host" : "";
}

std::string DenyName(const HostPattern& pattern) { return fmt::format("deny {}", pattern.text()); }

}  // namespace

std::string RefusalOfName(const AddressRules& rules, std::string_view host, uint16_t port) {
  for (const HostPattern& pattern : rules.deny) {
    if (pattern.MatchesName(host, port)) return DenyName(pattern);
  }
  if (rules.allow.empty()) return "";
  for (const HostPattern& pattern : rules.allow) {
    // Whether an address is on the list is known later.
    if (pattern.is_address() || pattern.MatchesName(host, port)) return "";
  }
  return std::string(kAllowList);
}

std::string RefusalOfAddress(const AddressRules& rules, std::string_view host, uint16_t port,
                             const IpAddress& address, absl::Span<const IpAddress> own) {
  const auto matches = [&](const HostPattern& pattern) {
    return pattern.MatchesName(host, port) || pattern.MatchesAddress(address, port);
  };
  for (const HostPattern& pattern : rules.deny) {
    if (matches(pattern)) return DenyName(pattern);
  }
  const std::string_view fixed = FixedRefusal(address, own);
  if (!fixed.empty()) {
    const bool local = fixed == "loopback" || fixed == "this-host";
    if (!local || std::none_of(rules.allow_local.begin(), rules.allow_local.end(), matches)) {
      return std::string(fixed);
    }
    return "";
  }
  if (rules.allow.empty() || std::any_of(rules.allow.begin(), rules.allow.end(), matches)) return "";
  return std::string(kAllowList);
}

std::string ExplainRefusal(std::string_view rule) {
  if (rule == "loopback" || rule == "this-host") {
    return "Steps do not reach the machine that they run on. An operator can allow a port of it with the "
           "worker's "
           "--network-allow-local HOST:PORT.";
  }
  if (rule == "offline") return "The build was started with --offline.";
  if (rule == "metadata") return "Steps do not reach the metadata services of clouds.";
  if (rule == "link-local" || rule == "unspecified" || rule == "multicast" || rule == "reserved") {
    return "Steps do not reach such addresses.";
  }
  if (rule.starts_with("deny ")) return "The operator of this worker denies it (--network-deny).";
  if (rule == kAllowList) return "The operator of this worker allows other hosts only (--network-allow).";
  return "";
}

}  // namespace crossmill::worker
