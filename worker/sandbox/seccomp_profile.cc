#include "worker/sandbox/seccomp_profile.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

// Allowed whatever their arguments are.
constexpr const char* kAllowed[] = {
    // Files and folders.
    "access", "chdir", "chmod", "chown", "chown32", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark",
    "fchdir", "fchmod", "fchmodat", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync",
    "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
    "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd", "getdents",
    "getdents64", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "ioctl", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "_llseek",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "mkdir", "mkdirat", "mknod", "mknodat",
    "name_to_handle_at", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv",
    "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
    "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "sendfile64", "setxattr", "splice",
    "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
    "syncfs", "tee", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat",
    "utimensat_time64", "utimes", "vmsplice", "write", "writev",
    // Waiting for descriptors, and asynchronous I/O.
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "io_cancel", "io_destroy", "io_getevents",
    "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit", "_newselect", "poll", "ppoll",
    "ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4",
    // Memory.
    "brk", "madvise", "membarrier", "memfd_create", "memfd_secret", "mincore", "mlock", "mlock2", "mlockall",
    "mmap", "mmap2", "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "remap_file_pages",
    // Processes, threads, identities, limits.
    "alarm", "capget", "capset", "chroot", "execve", "execveat", "exit", "exit_group", "fork", "futex",
    "futex_time64", "futex_waitv", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
    "getgid32", "getgroups", "getgroups32", "getitimer", "getpgid", "getpgrp", "getpid", "getppid",
    "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
    "get_robust_list", "getrusage", "getsid", "get_thread_area", "gettid", "getuid", "getuid32", "ioprio_get",
    "ioprio_set", "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "pause",
    "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "process_mrelease", "process_vm_readv",
    "process_vm_writev", "ptrace", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "seccomp", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32",
    "setgid", "setgid32", "setgroups", "setgroups32", "setitimer", "setpgid", "setpriority", "setregid",
    "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32",
    "setrlimit", "set_robust_list", "setsid", "set_thread_area", "set_tid_address", "setuid", "setuid32",
    "sigaltstack", "sigprocmask", "sigreturn", "sysinfo", "tgkill", "tkill", "ugetrlimit", "uname", "vfork",
    "wait4", "waitid", "waitpid",
    // Time.
    "adjtimex", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "gettimeofday", "nanosleep", "time",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
    "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
    "timerfd_settime64", "times",
    // Sockets and System V and POSIX communication.
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ipc", "listen",
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
    "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "recv", "recvfrom",
    "recvmmsg", "recvmmsg_time64", "recvmsg", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64",
    "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
    "socketcall", "socketpair"};

constexpr const char* kAllowedOnX86[] = {"arch_prctl", "modify_ldt"};
constexpr const char* kAllowedOnArm[] = {"arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2",
                                         "breakpoint",       "cacheflush",          "set_tls"};

// Allowed if one argument compares as given. With kMaskedEqual: (argument & value) == 0.
enum class Compare { kEqual, kNotEqual, kMaskedEqual };
struct ConditionalCall {
  const char* name;
  unsigned argument;
  Compare compare;
  uint64_t value;
};
constexpr ConditionalCall kConditional[] = {
    // AF_VSOCK reaches past the network namespace.
    {"socket", 0, Compare::kNotEqual, 40},
    // PER_LINUX, PER_LINUX32, UNAME26, both, and the query.
    {"personality", 0, Compare::kEqual, 0x0},
    {"personality", 0, Compare::kEqual, 0x8},
    {"personality", 0, Compare::kEqual, 0x20000},
    {"personality", 0, Compare::kEqual, 0x20008},
    {"personality", 0, Compare::kEqual, 0xffffffff},
    // No new namespaces: CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET.
    {"clone", 0, Compare::kMaskedEqual, 0x7e020000}};

// From this number on all architectures number alike, and libseccomp 2.5 knows no names.
constexpr uint32_t kFirstUnknown = 451;
// Above it are numbers of other ABIs (ARM private calls, the x32 bit).
constexpr uint32_t kOtherAbi = 0x0f0000;

struct FilterContext {
  explicit FilterContext(uint32_t action) : context(seccomp_init(action)) {}
  ~FilterContext() { seccomp_release(context); }
  FilterContext(const FilterContext&) = delete;
  FilterContext& operator=(const FilterContext&) = delete;
  scmp_filter_ctx context;
};

absl::Status Checked(int result, std::string_view what) {
  return result < 0 ? ErrnoStatus(-result, fmt::format("seccomp filter: {}", what)) : absl::OkStatus();
}

absl::Status AddArchitectures(scmp_filter_ctx context, std::string_view machine) {
  std::vector<uint32_t> extra;
  if (machine == "x86_64") extra = {SCMP_ARCH_X86, SCMP_ARCH_X32};
  if (machine == "aarch64") extra = {SCMP_ARCH_ARM};
  for (uint32_t architecture : extra) {
    const int result = seccomp_arch_add(context, architecture);
    if (result != -EEXIST) RETURN_IF_ERROR(Checked(result, "architecture"));
  }
  return absl::OkStatus();
}

absl::Status Allow(scmp_filter_ctx context, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  // A name this libseccomp does not know is a call that nobody here can make by that number either.
  if (number == __NR_SCMP_ERROR) return absl::OkStatus();
  return Checked(seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0), name);
}

absl::Status AddRules(scmp_filter_ctx context, std::string_view machine) {
  for (const char* name : kAllowed) RETURN_IF_ERROR(Allow(context, name));
  if (machine == "x86_64") {
    for (const char* name : kAllowedOnX86) RETURN_IF_ERROR(Allow(context, name));
  } else {
    for (const char* name : kAllowedOnArm) RETURN_IF_ERROR(Allow(context, name));
  }
  for (const ConditionalCall& call : kConditional) {
    scmp_arg_cmp compare = {call.argument, SCMP_CMP_EQ, call.value, 0};
    if (call.compare == Compare::kNotEqual) compare.op = SCMP_CMP_NE;
    if (call.compare == Compare::kMaskedEqual) compare.op = SCMP_CMP_MASKED_EQ;
    RETURN_IF_ERROR(Checked(
        seccomp_rule_add_array(context, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(call.name), 1, &compare),
        call.name));
  }
  // Its flags are behind a pointer and cannot be checked; ENOSYS makes libraries use clone.
  return Checked(seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name("clone3"), 0),
                 "clone3");
}

// In front of libseccomp's program: ENOSYS for calls newer than its tables.
std::string NewerCallsFirst() {
  const sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kOtherAbi, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstUnknown, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  return std::string(reinterpret_cast<const char*>(program), sizeof(program));
}

Json Rule(Json names, std::string_view action) {
  Json rule;
  rule["names"] = std::move(names);
  rule["action"] = action;
  return rule;
}

}  // namespace

Json SeccompJson(std::string_view machine) {
  Json profile;
  profile["defaultAction"] = "SCMP_ACT_ERRNO";
  profile["defaultErrnoRet"] = EPERM;
  Json names = Json::array();
  for (const char* name : kAllowed) names.push_back(name);
  if (machine == "x86_64") {
    profile["architectures"] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
    for (const char* name : kAllowedOnX86) names.push_back(name);
  } else {
    profile["architectures"] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
    for (const char* name : kAllowedOnArm) names.push_back(name);
  }
  Json rules = Json::array();
  rules.push_back(Rule(std::move(names), "SCMP_ACT_ALLOW"));
  for (const ConditionalCall& call : kConditional) {
    Json rule = Rule(Json::array({call.name}), "SCMP_ACT_ALLOW");
    Json argument;
    argument["index"] = call.argument;
    argument["value"] = call.value;
    if (call.compare == Compare::kMaskedEqual) argument["valueTwo"] = 0;
    argument["op"] = call.compare == Compare::kEqual      ? "SCMP_CMP_EQ"
                     : call.compare == Compare::kNotEqual ? "SCMP_CMP_NE"
                                                          : "SCMP_CMP_MASKED_EQ";
    rule["args"] = Json::array({std::move(argument)});
    rules.push_back(std::move(rule));
  }
  Json clone3 = Rule(Json::array({"clone3"}), "SCMP_ACT_ERRNO");
  clone3["errnoRet"] = ENOSYS;
  rules.push_back(std::move(clone3));
  profile["syscalls"] = std::move(rules);
  return profile;
}

absl::StatusOr<std::string> CompileSeccompFilter() {
  utsname name{};
  if (uname(&name) != 0) return ErrnoStatus(errno, "uname");
  FilterContext filter(SCMP_ACT_ERRNO(EPERM));
  if (filter.context == nullptr)
    return absl::UnavailableError("seccomp filter: cannot be made on this machine");
  RETURN_IF_ERROR(AddArchitectures(filter.context, name.machine));
  // A binary tree instead of a list: some hundred comparisons less for every system call.
  RETURN_IF_ERROR(Checked(seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimisation"));
  RETURN_IF_ERROR(AddRules(filter.context, name.machine));
  const UniqueFd file(memfd_create("seccomp", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "seccomp filter: memfd");
  RETURN_IF_ERROR(Checked(seccomp_export_bpf(filter.context, file.get()), "export"));
  if (lseek(file.get(), 0, SEEK_SET) < 0) return ErrnoStatus(errno, "seccomp filter: lseek");
  ASSIGN_OR_RETURN(const std::string program, ReadAll(file.get()));
  return NewerCallsFirst() + program;
}

}  // namespace crossmill::worker
