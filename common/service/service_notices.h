// What a program tells the service manager that started it: systemd's protocol, sd_notify(3), which other
// managers speak too. It is one datagram of lines to the socket that $NOTIFY_SOCKET names; libsystemd for
// that would be a library that nothing else here needs, and one more that cannot be linked statically.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace crossmill {

// Where to tell it, and how often a watchdog wants to hear of us.
struct ServiceAddress {
  // A path, or "@NAME" for an abstract socket; empty: nobody listens.
  std::string socket;
  // Zero: there is no watchdog.
  absl::Duration watchdog;
};

// Of the environment ($NOTIFY_SOCKET, $WATCHDOG_USEC, $WATCHDOG_PID), which is taken out of it: programs that
// this one starts are not the service. Before any thread.
ServiceAddress TakeServiceAddress();

// Thread safe. Nothing that it tells ever waits or fails: who does not listen misses it.
class ServiceNotices {
 public:
  // `passing` outlives it.
  ServiceNotices(ServiceAddress address, Clock& passing) : address_(std::move(address)), passing_(passing) {}

  // The service can be used; again after Reloading.
  void Ready(std::string_view status);
  void Reloading();
  void Stopping(std::string_view status);
  // One line for people (`systemctl status`).
  void Status(std::string_view status);
  // From the place that must not get stuck, however often: it tells the watchdog a few times in its interval.
  void Alive();

 private:
  void Tell(std::string_view lines);

  const ServiceAddress address_;
  Clock& passing_;
  // When Alive told it last, in nanoseconds of `passing_`.
  std::atomic<int64_t> told_{0};
};

}  // namespace crossmill
