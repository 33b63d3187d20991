#include "tests/support/namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"

namespace crossmill {
namespace {

// As root any ids will do; they need not be anybody's.
constexpr int kFirstId = 200000;
constexpr int kIds = 65536;

bool WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

// First subordinate id of the caller in /etc/subuid or /etc/subgid; 0: none.
int SubordinateStart(const char* file) {
  const passwd* user = getpwuid(geteuid());
  std::ifstream lines(file);
  for (std::string line; user != nullptr && std::getline(lines, line);) {
    const std::string prefix = fmt::format("{}:", user->pw_name);
    if (line.starts_with(prefix)) return std::atoi(line.c_str() + prefix.size());
  }
  return 0;
}

std::optional<std::string> MapIds(pid_t child) {
  if (geteuid() == 0) {
    const std::string map = fmt::format("0 {} {}\n", kFirstId, kIds);
    for (const char* file : {"uid_map", "gid_map"}) {
      if (!WriteText(fmt::format("/proc/{}/{}", child, file), map))
        return fmt::format("{} cannot be written", file);
    }
    return std::nullopt;
  }
  for (const bool users : {true, false}) {
    const int start = SubordinateStart(users ? "/etc/subuid" : "/etc/subgid");
    if (start == 0) return "this user has no subordinate ids (usermod --add-subuids)";
    ProcessOptions options;
    options.argv = {users ? "newuidmap" : "newgidmap",
                    std::to_string(child),
                    "0",
                    std::to_string(users ? geteuid() : getegid()),
                    "1",
                    "1",
                    std::to_string(start),
                    std::to_string(kIds - 1)};
    const auto result = RunProcess(options);
    if (!result.ok() || result->exit_code != 0) return fmt::format("{} failed", options.argv[0]);
  }
  return std::nullopt;
}

void ExpectCall(int result, const char* what) {
  if (result == 0) return;
  perror(what);
  fflush(stderr);
  _exit(2);
}

[[noreturn]] void RunChild(Privilege privilege, Disk disk, const std::string& folder, UniqueFd ready,
                           UniqueFd go, const std::function<void(const std::string&)>& body) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const bool in_user_namespace = privilege == Privilege::kUserNamespace;
  ExpectCall(unshare(CLONE_NEWNS | (in_user_namespace ? CLONE_NEWUSER : 0)), "unshare");
  char byte = 'x';
  if (write(ready.get(), &byte, 1) != 1 || read(go.get(), &byte, 1) != 1) _exit(2);
  if (in_user_namespace) {
    ExpectCall(setgroups(0, nullptr), "setgroups");
    ExpectCall(setresgid(0, 0, 0), "setresgid");
    ExpectCall(setresuid(0, 0, 0), "setresuid");
  }
  ExpectCall(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
  if (disk == Disk::kTmpfs)
    ExpectCall(mount("tmpfs", folder.c_str(), "tmpfs", 0, "mode=0755"), "mounting tmpfs");
  umask(022);
  body(folder);
  if (disk == Disk::kTemporaryFolder) (void)RemoveTree(folder + "/.");
  fflush(nullptr);
  _exit(testing::Test::HasFailure() ? 1 : 0);
}

}  // namespace

std::optional<std::string> RunInNamespaces(Privilege privilege, Disk disk,
                                           const std::function<void(const std::string& folder)>& body) {
  if (privilege == Privilege::kRoot && geteuid() != 0) return "needs root";
  auto folder = TemporaryFolder::Create();
  if (!folder.ok()) return folder.status().ToString();
  if (privilege == Privilege::kUserNamespace && geteuid() == 0 &&
      chown(folder->path().c_str(), kFirstId, kFirstId) != 0) {
    return "the folder cannot be given to the namespace's root";
  }
  if (chmod(folder->path().c_str(), 0755) != 0) return "chmod";
  int ready[2], go[2];
  if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0) return "pipe";
  UniqueFd ready_read(ready[0]), ready_write(ready[1]), go_read(go[0]), go_write(go[1]);
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return "fork";
  if (child == 0) {
    ready_read.Reset();
    go_write.Reset();
    RunChild(privilege, disk, folder->path(), std::move(ready_write), std::move(go_read), body);
  }
  ready_write.Reset();
  go_read.Reset();
  char byte;
  std::optional<std::string> problem;
  if (read(ready_read.get(), &byte, 1) != 1) {
    problem = "user namespaces are not allowed here";
  } else if (privilege == Privilege::kUserNamespace) {
    problem = MapIds(child);
  }
  if (problem) kill(child, SIGKILL);
  if (!problem && write(go_write.get(), "x", 1) != 1) problem = "the child died";
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (problem) return problem;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the body failed in its namespaces (status " << status << "), see above";
  return std::nullopt;
}

}  // namespace crossmill
