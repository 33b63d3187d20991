#include "worker/sandbox/runtime_spec.h"

#include <algorithm>
#include <cstdint>

#include "common/base/status.h"
#include "worker/sandbox/seccomp_profile.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kShmBytes = 64 << 20;
// Using ids up costs a process each, so fewer pass than where the kernel takes a number.
constexpr unsigned kIdsPerUsedId = 10;

Json Mount(std::string_view destination, std::string_view type, std::string_view source,
           const std::vector<std::string>& options) {
  Json mount;
  mount["destination"] = destination;
  mount["type"] = type;
  mount["source"] = source;
  mount["options"] = Json::array();
  for (const std::string& option : options) mount["options"].push_back(option);
  return mount;
}

Json Capabilities() {
  // Docker's default set. No ambient or inheritable ones: a step that is not root has none.
  const Json set = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
                    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
                    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
                    "CAP_KILL",    "CAP_AUDIT_WRITE"};
  Json capabilities;
  capabilities["bounding"] = set;
  capabilities["effective"] = set;
  capabilities["permitted"] = set;
  return capabilities;
}

Json Process(const SandboxRun& run, const SpecOptions& options) {
  Json process;
  process["terminal"] = false;
  Json user;
  user["uid"] = run.identity.uid;
  user["gid"] = run.identity.gid;
  user["umask"] = 022;
  user["additionalGids"] = run.identity.groups;
  process["user"] = std::move(user);
  process["args"] = Json::array();
  for (const std::string& argument : run.run.argv()) process["args"].push_back(argument);
  process["env"] = run.env;
  process["cwd"] = run.run.cwd().empty() ? "/" : run.run.cwd();
  process["capabilities"] = Capabilities();
  process["rlimits"] = Json::array();
  for (const StepLimit& limit : options.limits) {
    Json entry;
    entry["type"] = limit.type;
    entry["soft"] = limit.soft;
    entry["hard"] = limit.hard;
    process["rlimits"].push_back(std::move(entry));
  }
  // Where memory is short, steps die first: before the worker, and long before the coordinator.
  process["oomScoreAdj"] = 1000;
  // setuid programs work, as in BuildKit; the worker's user namespace is the wall.
  process["noNewPrivileges"] = false;
  return process;
}

Json Mounts(const SandboxRun& run, const SpecOptions& options) {
  Json mounts = Json::array();
  mounts.push_back(Mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(Mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  mounts.push_back(Mount("/dev/pts", "devpts", "devpts",
                         {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  const int64_t shm = run.run.shm_size() > 0 ? run.run.shm_size() : kShmBytes;
  mounts.push_back(Mount("/dev/shm", "tmpfs", "shm",
                         {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}", shm)}));
  mounts.push_back(Mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (NetworkOf(run.run) != v1::NETWORK_MODE_HOST) {
    mounts.push_back(Mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  } else {
    // The kernel lets only the owner of a network namespace mount sysfs for it.
    mounts.push_back(Mount("/sys", "bind", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
  }
  for (const BindMount& bind : options.binds) {
    for (size_t i = 0; i < mounts.size(); ++i) {
      if (mounts[i]["destination"] == bind.destination) mounts.erase(i--);
    }
    std::vector<std::string> flags = {"bind"};
    flags.insert(flags.end(), bind.options.begin(), bind.options.end());
    mounts.push_back(Mount(bind.destination, "bind", bind.source, flags));
  }
  return mounts;
}

Json Linux(const SandboxRun& run, const SpecOptions& options) {
  Json linux_part;
  linux_part["namespaces"] = Json::array();
  for (const char* type : {"pid", "ipc", "uts", "mount", "network"}) {
    const bool network = std::string_view(type) == "network";
    const bool shared = network && NetworkOf(run.run) == v1::NETWORK_MODE_HOST;
    Json entry;
    entry["type"] = type;
    if (network && !run.network_namespace.empty()) entry["path"] = run.network_namespace;
    if (!shared) linux_part["namespaces"].push_back(std::move(entry));
  }
  // Besides Docker's list the cgroups, which the host's /sys brings along.
  linux_part["maskedPaths"] = {"/proc/asound",      "/proc/acpi",          "/proc/kcore",
                               "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
                               "/proc/timer_stats", "/proc/sched_debug",   "/proc/scsi",
                               "/sys/firmware",     "/sys/fs/cgroup"};
  linux_part["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  if (options.seccomp_bpf.empty()) linux_part["seccomp"] = SeccompJson(options.machine);
  return linux_part;
}

// A runtime executes this hook in the step's process id namespace, and the step's root is not yet the root:
// the shell is the worker's. Where the kernel takes no number (/proc/sys is read-only in many containers),
// ids are used up. The hook fails never: without it a step runs as usually, and the missing file tells.
Json ProcessIdsHook(unsigned process_ids, const std::string& file) {
  constexpr std::string_view kScript =
      "(echo \"$1\" >/proc/sys/kernel/ns_last_pid) 2>/dev/null ||"
      " { i=0; while [ $i -lt \"$2\" ]; do (:); i=$((i+1)); done; };"
      " /bin/sh -c 'echo $$' >\"$3\"; exit 0";
  Json hook;
  hook["path"] = "/bin/sh";
  hook["args"] = {"sh",
                  "-c",
                  kScript,
                  "sh",
                  fmt::format("{}", process_ids),
                  fmt::format("{}", process_ids / kIdsPerUsedId),
                  file};
  return hook;
}

}  // namespace

std::string HostNameOf(const v1::Run& run) {
  return run.hostname().empty() ? std::string(kStepHostName) : run.hostname();
}

std::string HostNameOf(const SandboxRun& run) {
  return run.host_name.empty() ? HostNameOf(run.run) : run.host_name;
}

Json MakeRuntimeSpec(const SandboxRun& run, const SpecOptions& options) {
  Json spec;
  spec["ociVersion"] = "1.0.2";
  spec["process"] = Process(run, options);
  Json root;
  root["path"] = run.root;
  root["readonly"] = false;
  spec["root"] = std::move(root);
  spec["hostname"] = HostNameOf(run);
  spec["mounts"] = Mounts(run, options);
  spec["linux"] = Linux(run, options);
  if (run.process_ids > 0 && !options.process_ids_file.empty()) {
    spec["hooks"]["createContainer"] = Json::array();
    spec["hooks"]["createContainer"].push_back(ProcessIdsHook(run.process_ids, options.process_ids_file));
  }
  if (!options.seccomp_bpf.empty()) spec["annotations"]["run.oci.seccomp_bpf_data"] = options.seccomp_bpf;
  return spec;
}

std::vector<BindMount> MountsInRoot(const SpecOptions& options) {
  std::vector<BindMount> mounts = {{"", "/proc", true}, {"", "/dev", true}, {"", "/sys", true}};
  mounts.insert(mounts.end(), options.binds.begin(), options.binds.end());
  return mounts;
}

}  // namespace crossmill::worker
