#include "common/service/service_notices.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/base/files.h"
#include "tests/support/fake_clock.h"

namespace crossmill {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;

// A service manager's end of the socket.
class Manager {
 public:
  explicit Manager(std::string name)
      : name_(std::move(name)), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0) << strerror(errno);
  }
  ~Manager() {
    if (name_.front() != '@') unlink(name_.c_str());
  }
  const std::string& name() const { return name_; }

  // All that came.
  std::vector<std::string> Heard() {
    std::vector<std::string> heard;
    std::array<char, 4096> buffer{};
    ssize_t size = 0;
    while ((size = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0)
      heard.emplace_back(buffer.data(), static_cast<size_t>(size));
    return heard;
  }

 private:
  const std::string name_;
  const UniqueFd fd_;
};

TEST(ServiceNoticesTest, ManagersHearWhatHappens) {
  FakeClock clock;
  for (const std::string& name : {fmt::format("@crossmill-notices-{}", getpid()),
                                  fmt::format("{}/notices-{}", testing::TempDir(), getpid())}) {
    Manager manager(name);
    ServiceNotices notices({name, absl::ZeroDuration()}, clock);
    notices.Ready("serving\nREADY=0");
    notices.Reloading();
    notices.Status("1 of 2");
    notices.Stopping("bye");
    notices.Alive();
    EXPECT_THAT(manager.Heard(), ElementsAre("READY=1\nSTATUS=serving READY=0",
                                             MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"),
                                             "STATUS=1 of 2", "STOPPING=1\nSTATUS=bye"))
        << name;
  }
}

TEST(ServiceNoticesTest, TheWatchdogHearsAFewTimesInItsInterval) {
  FakeClock clock;
  Manager manager(fmt::format("@crossmill-watchdog-{}", getpid()));
  ServiceNotices notices({manager.name(), absl::Seconds(8)}, clock);
  // Twenty times a second, for eight seconds.
  for (int tick = 0; tick < 160; ++tick) {
    notices.Alive();
    clock.Advance(absl::Milliseconds(50));
  }
  EXPECT_THAT(manager.Heard(), ElementsAre("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"));
  EXPECT_THAT(manager.Heard(), IsEmpty()) << "who gets stuck says nothing";
}

TEST(ServiceNoticesTest, NobodyHasToListen) {
  FakeClock clock;
  for (const std::string& name : {std::string(), std::string("/no/such/socket"), std::string(200, 'x')}) {
    ServiceNotices notices({name, absl::Seconds(1)}, clock);
    notices.Ready("x");
    notices.Alive();
  }
}

TEST(ServiceNoticesTest, TheEnvironmentIsTakenAway) {
  setenv("NOTIFY_SOCKET", "@there", 1);
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", fmt::format("{}", getpid()).c_str(), 1);
  const ServiceAddress mine = TakeServiceAddress();
  EXPECT_EQ(mine.socket, "@there");
  EXPECT_EQ(mine.watchdog, absl::Seconds(3));
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    EXPECT_EQ(getenv(name), nullptr);
  // A watchdog of another process, or none that can be understood.
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(TakeServiceAddress().watchdog, absl::ZeroDuration());
  setenv("WATCHDOG_USEC", "often", 1);
  EXPECT_EQ(TakeServiceAddress().watchdog, absl::ZeroDuration());
}

}  // namespace
}  // namespace crossmill
