// A coordinator's program under load: started, killed, and asked what it uses.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"

extern char** environ;

namespace crossmill {

using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

inline double Since(SteadyClock::time_point start) { return Seconds(SteadyClock::now() - start).count(); }

// Of the coordinator that runs; 0: none.
inline pid_t running_coordinator = 0;

// Destructors do not run then, and a program that is left would hold the output of whoever waits for us.
[[noreturn]] inline void Fail(const std::string& why) {
  fmt::print(stderr, "bench: {}\n", why);
  if (running_coordinator != 0) {
    kill(running_coordinator, SIGKILL);
    waitpid(running_coordinator, nullptr, 0);
  }
  exit(1);
}

inline void WaitUntil(const std::string& what, double seconds, const std::function<bool()>& there) {
  const auto start = SteadyClock::now();
  while (!there()) {
    if (Since(start) > seconds) Fail(fmt::format("{} did not come within {} s", what, seconds));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// The coordinator's program.
class Coordinator {
 public:
  // `more`: further arguments.
  Coordinator(std::string program, std::string folder, std::vector<std::string> more = {})
      : program_(std::move(program)), folder_(std::move(folder)), more_(std::move(more)) {}
  ~Coordinator() { End(SIGTERM); }

  void Start() {
    const std::string data = folder_ + "/data", log = folder_ + "/log";
    std::vector<std::string> words = {program_, "--data",           data, "--log-level",
                                      "warn",   "--worker-timeout", "60"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (posix_spawn(&pid_, program_.c_str(), &actions, nullptr, arguments.data(), environ) != 0) {
      Fail("cannot start " + program_);
    }
    running_coordinator = pid_;
    posix_spawn_file_actions_destroy(&actions);
  }
  void End(int signal) {
    if (pid_ == 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = running_coordinator = 0;
  }

  std::string address() const { return "unix:" + folder_ + "/data/coordinator.sock"; }

  // Resident bytes of the coordinator.
  int64_t Memory() const {
    const std::string text = ReadFile(fmt::format("/proc/{}/statm", pid_)).value_or("");
    long size = 0, resident = 0;
    if (sscanf(text.c_str(), "%ld %ld", &size, &resident) != 2) Fail("the coordinator is gone");
    return int64_t{resident} * sysconf(_SC_PAGESIZE);
  }
  // Its processor seconds.
  double CpuSeconds() const {
    const std::string text = ReadFile(fmt::format("/proc/{}/stat", pid_)).value_or("");
    unsigned long user = 0, system = 0;
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos ||
        sscanf(text.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
      Fail("the coordinator is gone");
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  int Threads() const {
    const std::string text = ReadFile(fmt::format("/proc/{}/status", pid_)).value_or("");
    const size_t at = text.find("Threads:");
    return at == std::string::npos ? 0 : atoi(text.c_str() + at + 8);
  }

 private:
  const std::string program_;
  const std::string folder_;
  const std::vector<std::string> more_;
  pid_t pid_ = 0;
};

}  // namespace crossmill
