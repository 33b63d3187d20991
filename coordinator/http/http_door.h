// The HTTP door: the API, the page, health and metrics at one address.
#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/http/door_limits.h"
#include "coordinator/http/sessions.h"
#include "crossmill/v1/farm_numbers.pb.h"

namespace crossmill::coordinator::door {

struct DoorOptions {
  // ADDRESS:PORT; port 0: any free one.
  std::string address;
  // PEM files for TLS; both or neither.
  std::string certificate_file;
  std::string key_file;
  // Allow plain text on an address that other hosts can reach.
  bool insecure = false;
  // What the coordinator is called besides this machine's name and addresses.
  std::vector<std::string> names;
  // Badges need no token.
  bool public_badges = false;
  DoorLimits limits;
};

struct DoorParts {
  // To the coordinator's own services; they check the callers.
  std::shared_ptr<grpc::Channel> services;
  // Which sessions act with.
  OwnTokens own_tokens;
  // They outlive the door.
  Sessions& sessions;
  Clock& clock;
  // Why nothing new should be sent here, in words for strangers; empty: no reason. Null: there is never one.
  std::function<std::vector<std::string>()> unready = nullptr;
  // For /metrics, besides what the services tell of the farm. Null: there are none.
  std::function<v1::FarmNumbers()> numbers = nullptr;
};

// Thread safe. Stops when it dies, before the services do.
class HttpDoor {
 public:
  // FAILED_PRECONDITION: plain text to other hosts; else as HttpServer::Start.
  static absl::StatusOr<std::unique_ptr<HttpDoor>> Start(const DoorOptions& options, DoorParts parts);
  ~HttpDoor();

  // "http://127.0.0.1:8080".
  const std::string& url() const;
  // As HttpServer's.
  absl::Status ReloadCertificate();
  // Ends all connections, event streams too.
  void Stop();

 private:
  class Impl;
  explicit HttpDoor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace crossmill::coordinator::door
