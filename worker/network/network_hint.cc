#include "worker/network/network_hint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "common/base/utf8.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostLine = 4096;
constexpr size_t kMostShown = 160;

// Lower case. What resolvers, sockets and programs say when there is neither a name server nor a route.
constexpr std::string_view kSigns[] = {
    "temporary failure in name resolution",
    "temporary failure resolving",
    "could not resolve host",
    "couldn't resolve host",
    "unable to resolve host",
    "unable to look up",
    "name or service not known",
    "nodename nor servname",
    "no address associated with hostname",
    "failed to lookup address information",
    "eai_again",
    "getaddrinfo enotfound",
    "unknownhostexception",
    "no such host",
    "bad address '",
    "network is unreachable",
    "network unreachable",
    "enetunreach",
    "connection timed out; no servers could be reached",
    "no servers could be reached",
    "i/o timeout",
    "resolve: network",
    "can't resolve",
    "cannot resolve",
};

// The proxy's own answers name the rule or the cause already.
constexpr std::string_view kOurs = "crossmill recording proxy";

}  // namespace

void NetworkHint::Add(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    line_.append(piece.substr(0, kMostLine - std::min(line_.size(), kMostLine)));
    if (end == std::string_view::npos) return;
    Line(line_);
    line_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void NetworkHint::Line(std::string_view line) {
  if (!found_.empty()) return;
  std::string lower(line);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.find(kOurs) != std::string::npos) return;
  for (const std::string_view sign : kSigns) {
    if (lower.find(sign) == std::string::npos) continue;
    found_ = line.substr(0, kMostShown);
    return;
  }
}

std::string NetworkHint::Text() {
  Line(line_);
  line_.clear();
  if (found_.empty()) return "";
  return fmt::format(
      "hint: '{}': the only way out of this step is the recording proxy that http_proxy and https_proxy "
      "name; there is no "
      "name server, and no UDP or ICMP. A program that cannot use a proxy needs --network=host (of the build "
      "or of this "
      "RUN); docs/network.md has more.",
      Printable(found_));
}

}  // namespace crossmill::worker
