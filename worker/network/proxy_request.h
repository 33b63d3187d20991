// What a program asks of a forward proxy, checked before anything is done about it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/network/http_head.h"

namespace crossmill::worker {

// An authority: "index.example:443", "[2001:db8::1]:80".
struct HostAndPort {
  // As it was written, without brackets.
  std::string host;
  uint16_t port = 0;
  // For a Host field: with brackets, the port left out if it is `usual`.
  std::string Text(uint16_t usual = 0) const;
};

// INVALID_ARGUMENT for user names, bad ports and characters that no host has. `usual` is the port when none
// is given; 0: one must be given.
absl::StatusOr<HostAndPort> ParseAuthority(std::string_view text, uint16_t usual);

struct ProxyRequest {
  // CONNECT: whatever goes through is not ours to see.
  bool tunnel = false;
  HostAndPort to;
  // Of an HTTP exchange: path and query.
  std::string path;
  BodyLength body;
  // The program wants another protocol on this connection.
  bool upgrade = false;
  // What goes to the origin: target in origin form, Host as the target says, no hop fields.
  RequestHead forward;
};

// INVALID_ARGUMENT (a malformed request: smuggling, a Host that is another's) or UNIMPLEMENTED (a scheme or
// form that this proxy does not carry); the message is for people.
absl::StatusOr<ProxyRequest> CheckProxyRequest(const RequestHead& head);

// "http://HOST/PATH?QUERY" for the record: no user name, and values of the query that look like secrets as
// ***. At most some 2000 bytes.
std::string RecordedUrl(const ProxyRequest& request);

}  // namespace crossmill::worker
