#include "common/service/service_notices.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/numbers.h"
#include "common/base/files.h"

namespace crossmill {
namespace {

// How often within its interval a watchdog is told: one that comes late must not end the service.
constexpr int kTellsInInterval = 4;

std::string TakeVariable(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

// A status is one line.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return line;
}

// The manager compares it with its own clock, which is this one.
int64_t MonotonicMicros() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

ServiceAddress TakeServiceAddress() {
  ServiceAddress address;
  address.socket = TakeVariable("NOTIFY_SOCKET");
  const std::string micros = TakeVariable("WATCHDOG_USEC"), process = TakeVariable("WATCHDOG_PID");
  int64_t interval = 0, wanted = getpid();
  // The variables may be meant for another process, which started this one.
  if (!process.empty() && (!absl::SimpleAtoi(process, &wanted) || wanted != getpid())) return address;
  if (absl::SimpleAtoi(micros, &interval) && interval > 0) address.watchdog = absl::Microseconds(interval);
  return address;
}

void ServiceNotices::Ready(std::string_view status) {
  Tell(fmt::format("READY=1\nSTATUS={}", OneLine(status)));
}

void ServiceNotices::Reloading() { Tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", MonotonicMicros())); }

void ServiceNotices::Stopping(std::string_view status) {
  Tell(fmt::format("STOPPING=1\nSTATUS={}", OneLine(status)));
}

void ServiceNotices::Status(std::string_view status) { Tell(fmt::format("STATUS={}", OneLine(status))); }

void ServiceNotices::Alive() {
  if (address_.watchdog == absl::ZeroDuration()) return;
  const int64_t now = UnixNanos(passing_.Now());
  int64_t last = told_.load();
  if (last != 0 && now - last < absl::ToInt64Nanoseconds(address_.watchdog / kTellsInInterval)) return;
  if (told_.compare_exchange_strong(last, now)) Tell("WATCHDOG=1");
}

void ServiceNotices::Tell(std::string_view lines) {
  const std::string& name = address_.socket;
  sockaddr_un address{};
  if (name.empty() || name.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return;
  (void)sendto(fd.get(), lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace crossmill
