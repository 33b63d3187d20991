// The coordinator as a whole: its object graph, start and stop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/index/index_address.h"
#include "coordinator/bucket/farm_bucket.h"
#include "coordinator/core/native_backlog.h"
#include "coordinator/limits.h"
#include "coordinator/placing_flags.h"
#include "coordinator/rpc/rpc_server.h"
#include "coordinator/traces/otlp_settings.h"
#include "coordinator/verification/reverification.h"

namespace crossmill::coordinator {

struct ServerOptions {
  // Everything durable is below it: record.db, content/, logs/, tokens, signing-key.pem, session-key,
  // coordinator.sock.
  std::string data_folder;
  // unix_socket empty: DATA/coordinator.sock.
  ListenOptions listen;
  // The HTTP door: ADDRESS:PORT (port 0: any free one); empty: none. With the certificate of `listen`.
  std::string http_address;
  // What the coordinator is called in URLs, besides this machine's name and addresses.
  std::vector<std::string> http_names;
  // Badges can be read without a token.
  bool public_badges = false;
  // BuildKit's client API for other machines: ADDRESS:PORT, with the certificate of `listen`; empty:
  // DATA/buildkit.sock only.
  std::string buildkit_address;
  // PEM of authorities whose certificates name tokens by their common name; empty: the farm's own authority
  // alone.
  std::string buildkit_client_ca;
  // Networks that are not public and to which webhooks may go nevertheless: "10.0.0.0/8".
  std::vector<std::string> webhook_networks;
  // Empty: DATA/tokens.
  std::string token_file;
  // Silence after which a worker's leases expire.
  absl::Duration worker_timeout = absl::Seconds(30);
  core::EmulationPolicy emulation;
  PlacingSettings placing;
  // How long a task that no connected worker can run waits for one.
  absl::Duration unplaceable_grace = absl::Seconds(20);
  // $BUILDPLATFORM of every build; empty: this machine's.
  std::string build_platform;
  // Registries spoken to without TLS, besides loopback ones ("host:port").
  std::vector<std::string> plain_registries;
  // "registry=mirror".
  std::vector<std::string> registry_mirrors;
  // Repositories, REGISTRY/NAME with stars, to which clients may push with the coordinator's own credentials;
  // to others with theirs alone.
  std::vector<std::string> push_credentials;
  // Package indexes that predictions ask, the main one first; empty: none.
  std::vector<index::IndexAddress> indexes;
  // Free bytes on the disk of data_folder below which nothing new is taken, below half of it nothing but the
  // record; 0: a gigabyte, or the twentieth part of a small disk.
  uint64_t least_space = 0;
  // Behind that disk.
  BucketSettings bucket;
  // Rules of the operator's about why packages fail (docs/failures.md), in order.
  std::vector<std::string> failure_rule_files;
  Limits limits;
  // --step-default.
  v1::StepBounds usual_bounds;
  // Of a context that the coordinator unpacks or fetches, in bytes.
  int64_t context_limit = int64_t{8} << 30;
  // Likewise rules for files that differ between executions for a known reason.
  std::vector<std::string> known_file_rules;
  // Verifies again by itself when the farm is idle; off unless an age is given.
  ReverificationOptions reverification;
  // Of a worker that joined by an invitation.
  absl::Duration certificate_life = absl::Hours(24 * 30);
  // Where traces of builds go.
  OtlpSettings otlp;
  // Told once, on another thread, when the record cannot be written any more (a full disk): nothing is
  // answered but UNAVAILABLE from then on, and the program has to end and start again.
  std::function<void(const absl::Status&)> on_failure;
  // Called from the thread that everything waits for, many times a second while it gets on. May be empty.
  std::function<void()> on_alive;
};

// Owns everything; thread safe. Destroying it stops the server; builds go on after the next start.
class Server {
 public:
  // UNAVAILABLE, FAILED_PRECONDITION or what else keeps it from starting, said for the operator.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  virtual ~Server() = default;
  // From now on it says that it is not ready; everything else goes on until it is destroyed.
  virtual void BeginStop() = 0;
  // Takes what can change at run time: the certificate and key in the files that it was started with, and the
  // limits of connections to --listen. An error says what of it stays as it was.
  virtual absl::Status Reload(const Limits& limits) = 0;
  virtual int tcp_port() const = 0;
  virtual const std::string& unix_socket() const = 0;
  // For clients of BuildKit.
  virtual const std::string& buildkit_socket() const = 0;
};

}  // namespace crossmill::coordinator
