// Connections to a coordinator: unix socket or TCP, with a token, with TLS where it is needed.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::rpc {

// Largest message on any Crossmill connection, in bytes.
constexpr int kMaxMessageBytes = 64 << 20;
// Largest set of headers or trailers, in bytes.
constexpr int kMaxMetadataBytes = 64 << 10;

struct ChannelOptions {
  // "unix:/path" or "host:port".
  std::string address;
  // Sent with every call as `authorization: Bearer TOKEN`; empty on a unix socket.
  std::string token;
  // PEM file of the authorities that may have signed the server's certificate; empty: no TLS.
  std::string ca_file;
  // Allow plain text to a host that is not this one.
  bool insecure = false;
  // PEM file with the key and certificate that this end shows (with `ca_file`); empty: none. Connections that
  // are made after it was written again show what is in it then.
  std::string identity_file = {};
};

// Does not connect; the first call does. INVALID_ARGUMENT for a malformed address,
// FAILED_PRECONDITION for plain text to another host, or an `identity_file` without `ca_file` or that is
// none; else what reading the files gave.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const ChannelOptions& options);

// Keeps gRPC's threads until the process ends, and its log lines out of the terminal (they become debug
// lines; what matters comes back as a status) unless GRPC_VERBOSITY or GRPC_TRACE asks for them. MakeChannel
// and servers call it. Without it the release of the last channel waits for gRPC's backup poller, which can
// take 10 s after a large upload.
void KeepGrpcRunning();

// True when the host part of "host:port" can only be this machine.
bool IsLoopback(std::string_view address);
// True when bytes to the address ("unix:/path" or "host:port") leave this machine.
bool LeavesMachine(std::string_view address);

}  // namespace crossmill::rpc
