// A wheelhouse over HTTP: a package index for pip, uv and others until it is stopped.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/wheelhouse/making/wheel_shelf.h"

namespace crossmill::cli {

class WheelServer {
 public:
  // Listens at "HOST:PORT", "PORT" or "[ADDRESS]:PORT"; HOST is an address. Empty: loopback, a free port.
  // INVALID_ARGUMENT for anything else; UNAVAILABLE if the address is taken. `shelf` outlives the server.
  static absl::StatusOr<std::unique_ptr<WheelServer>> Listen(std::string_view address,
                                                             const WheelShelf& shelf);
  ~WheelServer();

  // "http://127.0.0.1:40123"
  std::string Url() const;
  // Serves until Stop, on this thread.
  void Run();
  // From any thread, also before Run.
  void Stop();

 private:
  class Impl;
  explicit WheelServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace crossmill::cli
