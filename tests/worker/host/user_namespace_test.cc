// The worker's namespaces: who it is in there, and that nothing outlives it.
#include "worker/host/user_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "worker/host/subordinate_ids.h"

namespace crossmill::worker {
namespace {

constexpr char kUser[] = "crossmill";

// Why namespaces cannot be entered here.
std::optional<std::string> Obstacle() {
#ifdef __SANITIZE_THREAD__
  return "the thread sanitizer has a thread of its own, and only a process with a single one enters a user "
         "namespace";
#endif
  const passwd* user = geteuid() == 0 ? getpwnam(kUser) : getpwuid(geteuid());
  if (user == nullptr)
    return fmt::format("there is no system user {} (scripts/setup-host creates it)", kUser);
  const auto ids = ReadSubordinateIds(user->pw_name, user->pw_uid, user->pw_gid);
  if (!ids.ok()) return ids.status().ToString();
  return std::nullopt;
}

// A worker in a child process; `body` runs inside, with a pipe to the test, and its result is the exit code.
class Worker {
 public:
  explicit Worker(const std::function<int(int pipe)>& body) {
    int ends[2];
    EXPECT_EQ(0, pipe2(ends, O_CLOEXEC));
    pipe_ = UniqueFd(ends[0]);
    UniqueFd write_end(ends[1]);
    fflush(nullptr);
    outer_ = fork();
    if (outer_ != 0) return;
    const auto entered = EnterNamespaces({.user = kUser});
    if (!entered.ok()) {
      (void)WriteAll(write_end.get(), entered.status().ToString());
      _exit(99);
    }
    if (entered->has_value()) {
      write_end.Reset();
      _exit(**entered);
    }
    _exit(body(write_end.get()));
  }
  ~Worker() {
    if (outer_ <= 0) return;
    kill(outer_, SIGKILL);
    Wait();
  }

  int Wait() {
    int status = 0;
    while (waitpid(outer_, &status, 0) < 0 && errno == EINTR) {
    }
    outer_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  void Signal(int signal) { kill(outer_, signal); }
  // Everything that is written until nobody holds the pipe any more; "timeout" after 10 s without that.
  std::string ReadToEnd() { return Read(true); }
  std::string ReadOnce() { return Read(false); }

 private:
  std::string Read(bool to_end) {
    std::string text;
    char buffer[4096];
    do {
      pollfd poller{pipe_.get(), POLLIN, 0};
      if (poll(&poller, 1, 10'000) <= 0) return text + "timeout";
      const ssize_t size = read(pipe_.get(), buffer, sizeof(buffer));
      if (size <= 0) return text;
      text.append(buffer, static_cast<size_t>(size));
    } while (to_end);
    return text;
  }

  pid_t outer_ = -1;
  UniqueFd pipe_;
};

#define NEED_NAMESPACES() \
  if (auto obstacle = Obstacle()) GTEST_SKIP() << *obstacle

TEST(UserNamespaceTest, WorkerIsRootOverItsOwnIds) {
  NEED_NAMESPACES();
  const passwd* user = geteuid() == 0 ? getpwnam(kUser) : getpwuid(geteuid());
  const auto ids = ReadSubordinateIds(user->pw_name, user->pw_uid, user->pw_gid);
  ASSERT_OK(ids);
  const uint64_t last_user = CountIds(ids->users);
  const uint64_t last_group = CountIds(ids->groups);
  Worker worker([=](int pipe) {
    const auto say = [pipe](const std::string& text) { (void)WriteAll(pipe, text + "\n"); };
    say(fmt::format("ids {}:{} groups {}", getuid(), getgid(), getgroups(0, nullptr)));
    say(mount("tmpfs", "/mnt", "tmpfs", 0, nullptr) == 0 ? "mounts" : "cannot mount");
    const auto chowns = [](uint64_t uid, uint64_t gid) {
      return chown("/mnt/x", static_cast<uid_t>(uid), static_cast<gid_t>(gid)) == 0;
    };
    say(mkdir("/mnt/x", 0755) == 0 && chowns(65535, 65535) ? "16-bit ids" : "no 16-bit ids");
    say(chowns(last_user, last_group) ? "last id" : "no last id");
    say(!chowns(last_user + 1, 0) && errno == EINVAL ? "no further id" : "too many ids");
    say(access("/proc/1/stat", F_OK) == 0 && !Exists("/proc/4") ? "own proc" : "foreign proc");
    struct statfs cgroups;
    const bool hybrid = Exists("/sys/fs/cgroup/unified");
    const bool unified = statfs("/sys/fs/cgroup", &cgroups) == 0 && cgroups.f_type == 0x63677270;
    say(hybrid || unified ? (unified && !hybrid ? "unified" : "hybrid") : "unified");
    return 7;
  });
  EXPECT_EQ("ids 0:0 groups 0\nmounts\n16-bit ids\nlast id\nno further id\nown proc\nunified\n",
            worker.ReadToEnd());
  EXPECT_EQ(7, worker.Wait());
}

// Leaves a process behind that has escaped from its session and holds the pipe.
void LeaveOrphan(int pipe) {
  if (fork() != 0) return;
  setsid();
  if (fork() != 0) _exit(0);
  (void)WriteAll(pipe, "orphan");
  while (true) pause();
}

TEST(UserNamespaceTest, KillingTheOuterProcessEndsEverything) {
  NEED_NAMESPACES();
  Worker worker([](int pipe) {
    LeaveOrphan(pipe);
    while (true) pause();
    return 0;
  });
  ASSERT_EQ("orphan", worker.ReadOnce());
  worker.Signal(SIGKILL);
  EXPECT_EQ("", worker.ReadToEnd());
}

TEST(UserNamespaceTest, EndOfTheWorkerEndsWhatItStarted) {
  NEED_NAMESPACES();
  Worker worker([](int pipe) {
    LeaveOrphan(pipe);
    usleep(300'000);
    return 3;
  });
  ASSERT_EQ("orphan", worker.ReadOnce());
  EXPECT_EQ("", worker.ReadToEnd());
  EXPECT_EQ(3, worker.Wait());
}

TEST(UserNamespaceTest, SigtermReachesTheWorker) {
  NEED_NAMESPACES();
  Worker worker([](int pipe) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    (void)WriteAll(pipe, "ready");
    int signal = 0;
    sigwait(&signals, &signal);
    return signal == SIGTERM ? 42 : 1;
  });
  ASSERT_EQ("ready", worker.ReadOnce());
  worker.Signal(SIGTERM);
  EXPECT_EQ(42, worker.Wait());
}

TEST(UserNamespaceTest, WorkerKilledBySignalIsReported) {
  NEED_NAMESPACES();
  Worker worker([](int) {
    kill(getpid(), SIGKILL);
    return 0;
  });
  EXPECT_EQ(128 + SIGKILL, worker.Wait());
}

TEST(UserNamespaceTest, MissingUserIsNamedWithTheCommand) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: others are themselves";
  const auto entered = EnterNamespaces({.user = "crossmill-nobody"});
  ASSERT_TRUE(absl::IsFailedPrecondition(entered.status()));
  EXPECT_NE(std::string::npos, Sv(entered.status().message()).find("useradd --system"));
}

TEST(UserNamespaceTest, MissingRangeIsNamedWithTheCommand) {
  const auto ids = ReadSubordinateIds("crossmill-nobody", 4'000'000'000U, 4'000'000'000U);
  ASSERT_TRUE(absl::IsFailedPrecondition(ids.status()));
  EXPECT_NE(std::string::npos, Sv(ids.status().message()).find("usermod --add-subuids "));
  EXPECT_NE(std::string::npos, Sv(ids.status().message()).find(" crossmill-nobody"));
}

}  // namespace
}  // namespace crossmill::worker
