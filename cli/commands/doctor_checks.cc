#include "cli/commands/doctor_checks.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>

#include "cli/show/text.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"

namespace crossmill::cli {
namespace {

constexpr uint32_t kNeededIds = 65535;

uint64_t Number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The program's path, or "".
std::string FindProgram(const std::string& name, const std::string& path_variable) {
  for (const std::string& folder : Split(path_variable + ":/usr/bin:/usr/sbin:/bin:/sbin", ':')) {
    const std::string path = folder + "/" + name;
    if (!folder.empty() && access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

Check CheckIdMapper(const std::string& name, const std::string& path_variable) {
  Check check{CheckLevel::kOk, name, "", ""};
  const std::string path = FindProgram(name, path_variable);
  if (path.empty()) {
    return {CheckLevel::kFail, name, "not installed", "apt-get install uidmap"};
  }
  struct stat info;
  const bool setuid = stat(path.c_str(), &info) == 0 && (info.st_mode & S_ISUID) != 0;
  const bool capable = getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
  check.detail = path;
  if (!setuid && !capable) {
    check.level = CheckLevel::kFail;
    check.detail += " is neither setuid nor has file capabilities";
    check.fix = fmt::format("chmod u+s {}", path);
  }
  return check;
}

Check CheckUserNamespaces() {
  Check check{CheckLevel::kOk, "user namespaces", "allowed", ""};
  const auto maximum = ReadFile("/proc/sys/user/max_user_namespaces");
  if (maximum.ok() && Number(*maximum) == 0) {
    return {CheckLevel::kFail, check.name, "user.max_user_namespaces is 0",
            "sysctl user.max_user_namespaces=28633"};
  }
  const auto clone = ReadFile("/proc/sys/kernel/unprivileged_userns_clone");
  if (clone.ok() && Number(*clone) == 0) {
    return {CheckLevel::kFail, check.name, "kernel.unprivileged_userns_clone is 0",
            "sysctl kernel.unprivileged_userns_clone=1"};
  }
  const auto apparmor = ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  if (apparmor.ok() && Number(*apparmor) != 0) {
    return {CheckLevel::kWarn, check.name, "AppArmor restricts them",
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile for crossmill-worker"};
  }
  return check;
}

Check CheckRuntime(const std::string& path_variable) {
  for (const char* name : {"crun", "runc"}) {
    const std::string path = FindProgram(name, path_variable);
    if (path.empty()) continue;
    ProcessOptions options;
    options.argv = {path, "--version"};
    const auto result = RunProcess(options);
    if (!result.ok() || result->exit_code != 0) continue;
    return {CheckLevel::kOk, "OCI runtime", result->stdout_text.substr(0, result->stdout_text.find('\n')),
            ""};
  }
  return {CheckLevel::kFail, "OCI runtime", "neither crun nor runc works", "apt-get install crun"};
}

bool WriteText(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written;
}

// In a child: mounts an overlay as a worker does. Returns 0 or errno.
int TryOverlay(const std::string& folder, const passwd* user) {
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
       setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)) {
    return errno;
  }
  // After a change of user /proc/self belongs to root until the process is dumpable again.
  prctl(PR_SET_DUMPABLE, 1);
  const uid_t uid = getuid();
  const gid_t gid = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
  if (!WriteText("/proc/self/setgroups", "deny") ||
      !WriteText("/proc/self/uid_map", fmt::format("0 {} 1", uid)) ||
      !WriteText("/proc/self/gid_map", fmt::format("0 {} 1", gid))) {
    return errno;
  }
  if (mount("none", folder.c_str(), "tmpfs", 0, nullptr) != 0) return errno;
  for (const char* name : {"lower", "upper", "work", "root"}) {
    if (mkdir((folder + "/" + name).c_str(), 0755) != 0) return errno;
  }
  const std::string options =
      fmt::format("userxattr,lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", folder);
  return mount("overlay", (folder + "/root").c_str(), "overlay", 0, options.c_str()) == 0 ? 0 : errno;
}

Check CheckOverlay(const std::string& user, bool as_root) {
  const std::string name = "overlay in a user namespace";
  const passwd* account = as_root ? getpwnam(user.c_str()) : nullptr;
  if (as_root && account == nullptr)
    return {CheckLevel::kWarn, name, "not tried: there is no such user", "see above"};
  auto folder = TemporaryFolder::Create();
  if (!folder.ok())
    return {CheckLevel::kWarn, name, std::string(Sv(folder.status().message())), "free space in /tmp"};
  if (account != nullptr && chown(folder->path().c_str(), account->pw_uid, account->pw_gid) != 0) {
    return {CheckLevel::kWarn, name, strerror(errno), "run it as the worker's user"};
  }
  const pid_t pid = fork();
  if (pid == 0) _exit(TryOverlay(folder->path(), account));
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return {CheckLevel::kWarn, name, strerror(errno), ""};
  const int error = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
  if (error == 0) return {CheckLevel::kOk, name, "mounts", ""};
  return {
      CheckLevel::kFail, name, strerror(error),
      "a kernel of at least 5.11 with overlayfs (modprobe overlay); in a container: allow mount and unshare"};
}

Check CheckUser(const std::string& user) {
  const std::string name = fmt::format("user {}", user);
  if (const passwd* account = getpwnam(user.c_str())) {
    return {CheckLevel::kOk, name, fmt::format("uid {}", account->pw_uid), ""};
  }
  return {CheckLevel::kFail, name, "does not exist",
          fmt::format("useradd --system --no-create-home --shell /usr/sbin/nologin {}", user)};
}

// Beside the machine's own architecture, the other one of the two that are common.
std::string ForeignArchitecture() {
  utsname name;
  uname(&name);
  return std::string_view(name.machine) == "x86_64" ? "arm64" : "amd64";
}

}  // namespace

Check CheckKernel(std::string_view release) {
  const std::vector<std::string> parts = Split(release, '.');
  const uint64_t major = Number(parts[0]);
  const uint64_t minor = parts.size() > 1 ? Number(parts[1]) : 0;
  if (major > 5 || (major == 5 && minor >= 11)) return {CheckLevel::kOk, "kernel", std::string(release), ""};
  return {CheckLevel::kFail, "kernel", std::string(release),
          "a kernel of at least 5.11: overlayfs in user namespaces"};
}

Check CheckSubordinateRange(std::string_view file, std::string_view text, std::string_view user,
                            uint32_t uid) {
  Check check{CheckLevel::kOk, std::string(file), "", ""};
  uint64_t count = 0;
  size_t ranges = 0;
  std::map<uint64_t, uint64_t> taken;
  for (const std::string& line : Split(text, '\n')) {
    const std::vector<std::string> fields = Split(line, ':');
    if (fields.size() != 3) continue;
    const uint64_t first = Number(fields[1]);
    uint64_t& end = taken[first];
    end = std::max(end, first + Number(fields[2]));
    if (fields[0] != user && fields[0] != std::to_string(uid)) continue;
    count += Number(fields[2]);
    ++ranges;
  }
  if (count >= kNeededIds) {
    check.detail = fmt::format("{} ids in {} for {}: files may belong to 0..{}", count,
                               ranges == 1 ? "1 range" : fmt::format("{} ranges", ranges), user,
                               std::min<uint64_t>(count, 0xfffffffe));
    if (count <= kNeededIds + 1) check.detail += " (scripts/setup-host gives more)";
    return check;
  }
  check.level = CheckLevel::kFail;
  check.detail =
      count == 0 ? fmt::format("no range for {}", user) : fmt::format("{} ids for {}", count, user);
  const std::string_view flag =
      file.find("gid") != std::string_view::npos ? "--add-subgids" : "--add-subuids";
  // The first gap that is large enough: wide ranges may lie at the end of all ids.
  uint64_t start = 100000;
  for (const auto& [first, end] : taken) {
    if (start + kNeededIds < first) break;
    start = std::max(start, end);
  }
  check.fix = fmt::format("usermod {} {}-{} {}", flag, start, start + kNeededIds, user);
  return check;
}

Check CheckBinfmt(std::string_view architecture, std::string_view registration) {
  Check check{CheckLevel::kOk, fmt::format("emulation of {}", architecture), "", ""};
  const std::string install = "apt-get install qemu-user-static binfmt-support";
  if (registration.empty()) {
    return {CheckLevel::kWarn, check.name, "not registered: only native workers can build for it", install};
  }
  std::string interpreter;
  std::string flags;
  for (const std::string& line : Split(registration, '\n')) {
    if (line.starts_with("interpreter ")) interpreter = line.substr(12);
    if (line.starts_with("flags: ")) flags = line.substr(7);
  }
  check.detail = fmt::format("{}, flags {}", interpreter, flags.empty() ? "none" : flags);
  if (!registration.starts_with("enabled")) {
    return {CheckLevel::kWarn, check.name, "registered but disabled",
            "echo 1 > /proc/sys/fs/binfmt_misc/status"};
  }
  if (flags.find('F') == std::string::npos) {
    check.level = CheckLevel::kFail;
    check.fix = "register it with flag F (fix binary), else it does not work inside a root: " + install;
  } else if (flags.find('C') == std::string::npos) {
    check.level = CheckLevel::kWarn;
    check.fix = "register it with flag C (credentials), else setuid programs such as sudo fail";
  }
  return check;
}

Check CheckDisk(std::string_view folder, int64_t free_bytes) {
  Check check{CheckLevel::kOk, "disk", fmt::format("{} free for {}", FormatBytes(free_bytes), folder), ""};
  if (free_bytes < 2'000'000'000) {
    check.level = CheckLevel::kFail;
  } else if (free_bytes < 10'000'000'000) {
    check.level = CheckLevel::kWarn;
  }
  if (check.level != CheckLevel::kOk) check.fix = "free some space, or choose another folder with --data";
  return check;
}

std::vector<Check> CheckMachine(const std::string& user, bool as_root, const std::string& data_folder,
                                const std::string& path_variable) {
  std::vector<Check> checks;
  utsname name;
  uname(&name);
  checks.push_back(CheckKernel(name.release));
  checks.push_back(CheckUserNamespaces());
  checks.push_back(CheckIdMapper("newuidmap", path_variable));
  checks.push_back(CheckIdMapper("newgidmap", path_variable));
  if (as_root) checks.push_back(CheckUser(user));
  const passwd* account = getpwnam(user.c_str());
  const uint32_t uid = account == nullptr ? getuid() : account->pw_uid;
  for (const char* file : {"/etc/subuid", "/etc/subgid"}) {
    checks.push_back(CheckSubordinateRange(file, ReadFile(file).value_or(""), user, uid));
  }
  checks.push_back(CheckRuntime(path_variable));
  checks.push_back(CheckOverlay(user, as_root));
  const std::string foreign = ForeignArchitecture();
  const std::string format = foreign == "arm64" ? "qemu-aarch64" : "qemu-x86_64";
  checks.push_back(CheckBinfmt(foreign, ReadFile("/proc/sys/fs/binfmt_misc/" + format).value_or("")));
  // The folder may not exist yet: then the one it will be made in counts.
  std::string folder = data_folder;
  while (folder.size() > 1 && !Exists(folder))
    folder = folder.substr(0, std::max<size_t>(1, folder.rfind('/')));
  struct statvfs disk;
  if (statvfs(folder.c_str(), &disk) == 0) {
    checks.push_back(
        CheckDisk(data_folder, static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize)));
  }
  return checks;
}

}  // namespace crossmill::cli
