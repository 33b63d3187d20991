// Accepts connections and gives each request to a handler.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/http/exchange.h"

namespace crossmill::coordinator::door {

struct ServerSettings {
  // "127.0.0.1:8080", "[::]:0": an address, no name; port 0 is any free one.
  std::string address;
  // PEM files; both or neither.
  std::string certificate_file;
  std::string key_file;
};

// Thread safe. Two threads of its own; a connection stays on one of them. Stops when it dies.
class HttpServer {
 public:
  // Answers one request; what it does not send is an internal error.
  using Handler = std::function<Awaitable<void>(Exchange&)>;

  // INVALID_ARGUMENT: the address; UNAVAILABLE: it is taken; FAILED_PRECONDITION: the certificate.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const ServerSettings& settings,
                                                           const DoorLimits& limits, Handler handler);
  ~HttpServer();

  int port() const;
  // New connections get the certificate that is in the files now; if it cannot be used, the one before it.
  absl::Status ReloadCertificate();
  // Ends every connection, whatever it does, and returns when all have ended.
  void Stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace crossmill::coordinator::door
