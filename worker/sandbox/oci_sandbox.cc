#include "worker/sandbox/oci_sandbox.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "absl/strings/escaping.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/base/wiped_io.h"
#include "worker/sandbox/processors.h"
#include "worker/sandbox/program_check.h"
#include "worker/sandbox/seccomp_profile.h"

namespace crossmill::worker {
namespace {

constexpr absl::Duration kRuntimeCommandLimit = absl::Seconds(30);

// The runtime itself needs no more than this; nothing of it reaches the step.
std::vector<std::string> RuntimeEnvironment() {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

// The first line of `runtime --version`, as "crun 1.8.1".
absl::StatusOr<std::string> RuntimeVersion(const std::string& runtime) {
  ProcessOptions options;
  options.argv = {runtime, "--version"};
  options.time_limit = kRuntimeCommandLimit;
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(options));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} --version: exit code {}", runtime, result.exit_code));
  }
  std::istringstream words(result.stdout_text);
  std::string name, word, number;
  words >> name >> word >> number;
  return fmt::format("{} {}", name, number);
}

// The last error in the runtime's log, which is one JSON object per line; empty if there is none. What the
// program in the container does is no error there.
std::string ErrorInLog(const std::string& path) {
  const auto text = ReadFile(path, 1 << 20);
  std::string message;
  std::istringstream lines(text.ok() ? *text : std::string());
  for (std::string line; std::getline(lines, line);) {
    const auto entry = ParseJson(line);
    if (entry.ok() && entry->is_object() && entry->value("level", "") == "error")
      message = entry->value("msg", "");
  }
  return message;
}

// Kills the process named in `pid_file` and waits for its end: it is its container's pid 1, and with it all
// others die. A missing file means that there was none yet.
absl::Status KillAndWait(const std::string& pid_file) {
  const auto text = ReadFile(pid_file, 64);
  const pid_t pid = text.ok() ? static_cast<pid_t>(std::atoi(text->c_str())) : 0;
  if (pid <= 0) return absl::OkStatus();
  // Readable once the process has ended, also while nobody has reaped it.
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) return absl::OkStatus();
  syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  pollfd ended{process.get(), POLLIN, 0};
  constexpr int kPatienceMs = 10'000;
  if (poll(&ended, 1, kPatienceMs) == 1) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("a step's process {} cannot be killed", pid));
}

// The number in the file that the hook wrote; 0: none, or none that differs from the usual ones.
unsigned PassedProcessIds(const std::string& file) {
  // A runtime uses up some for itself.
  constexpr int kUsual = 64;
  const auto text = ReadFile(file, 64);
  const int passed = text.ok() ? std::atoi(text->c_str()) : 0;
  return passed > kUsual ? static_cast<unsigned>(passed) : 0;
}

SandboxResult Refused(int exit_code, std::string why) {
  SandboxResult result;
  result.exit_code = exit_code;
  result.refusal = std::move(why);
  return result;
}

constexpr size_t kTailBytes = 4096;

void KeepTail(std::string_view bytes, std::string* tail) {
  tail->append(bytes.substr(bytes.size() - std::min(bytes.size(), kTailBytes)));
  if (tail->size() > kTailBytes) tail->erase(0, tail->size() - kTailBytes);
}

// crun: `exec container process "/bin/x": Exec format error`; runc: `exec /bin/x: exec format error`.
bool IsFailedExec(std::string_view last_words) {
  while (last_words.ends_with("\n")) last_words.remove_suffix(1);
  const size_t newline = last_words.rfind('\n');
  const std::string_view line =
      newline == std::string_view::npos ? last_words : last_words.substr(newline + 1);
  return line.starts_with("exec ") || line.find("exec container process") != std::string_view::npos;
}

std::string HostsFile(const SandboxRun& run, const HostSettings& settings) {
  // The step's own name is an IPv4 address only, as in Docker's builder: a machine may have no IPv6.
  std::string text =
      fmt::format("127.0.0.1 localhost {}\n::1 localhost ip6-localhost ip6-loopback\n", HostNameOf(run));
  for (const std::string& line : run.run.extra_hosts()) text += line + "\n";
  // Elsewhere names are looked up by the host itself, or not at all.
  if (NetworkOf(run.run) != v1::NETWORK_MODE_HOST) return text;
  for (const std::string& line : settings.hosts) text += line + "\n";
  return text;
}

absl::StatusOr<BindMount> BindOf(const StepMount& mount) {
  BindMount bind{mount.source, mount.target, mount.folder, {"nodev"}, mount.takes_mode};
  if (mount.read_only) bind.options.emplace_back("ro");
  if (mount.no_programs) bind.options.insert(bind.options.end(), {"nosuid", "noexec"});
  // In a user namespace, what the file system of the source forbids stays forbidden and has to be said.
  struct statvfs state {};
  if (statvfs(mount.source.c_str(), &state) != 0) return ErrnoStatus(errno, mount.source);
  if ((state.f_flag & ST_NOSUID) != 0 && !mount.no_programs) bind.options.emplace_back("nosuid");
  if ((state.f_flag & ST_NOEXEC) != 0 && !mount.no_programs) bind.options.emplace_back("noexec");
  return bind;
}

}  // namespace

struct OciSandbox::Container {
  std::string id;
  std::string bundle;
  std::string log() const { return bundle + "/runtime.log"; }
  std::string pid_file() const { return bundle + "/pid"; }
  std::string process_ids_file() const { return bundle + "/process-ids"; }
};

absl::StatusOr<std::unique_ptr<OciSandbox>> OciSandbox::Create(OciSandboxOptions options) {
  std::unique_ptr<OciSandbox> sandbox(new OciSandbox(std::move(options)));
  RETURN_IF_ERROR(sandbox->Prepare());
  return sandbox;
}

absl::Status OciSandbox::Prepare() {
  if (options_.groups != nullptr && !options_.groups->bases().empty()) {
    groups_problem_ = TryStepGroup(options_.groups->bases());
    // A kernel that lets nobody in is no reason to execute nothing.
    if (!groups_problem_.ok()) options_.groups = nullptr;
  }
  std::vector<std::string> candidates = {options_.runtime};
  if (options_.runtime.empty()) candidates = {"crun", "runc"};
  absl::Status problem;
  for (const std::string& candidate : candidates) {
    const auto version = RuntimeVersion(candidate);
    if (!version.ok()) {
      problem.Update(version.status());
      continue;
    }
    runtime_ = candidate;
    version_ = *version;
    break;
  }
  if (runtime_.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("no OCI runtime ({}); install crun or runc", Sv(problem.message())));
  }
  crun_ = version_.starts_with("crun");
  if (crun_) {
    ASSIGN_OR_RETURN(const std::string filter, CompileSeccompFilter());
    seccomp_bpf_ = absl::Base64Escape(filter);
  }
  utsname name{};
  if (uname(&name) != 0) return ErrnoStatus(errno, "uname");
  machine_ = name.machine;
  limits_ = LimitsOfThisProcess();
  DetachMounts(options_.folder);
  RETURN_IF_ERROR(RemoveTree(options_.folder));
  RETURN_IF_ERROR(MakeFolders(options_.folder, 0700));
  ASSIGN_OR_RETURN(memory_, MountTmpfs(options_.folder, 0700, 0));
  RETURN_IF_ERROR(MakeFolders(options_.folder + "/state", 0700));
  // A copy: the operator's file may be replaced while steps have it mounted.
  RETURN_IF_ERROR(WriteFileAtomic(options_.folder + "/ca.pem", options_.host_settings.ca_bundle));
  return WriteFileAtomic(options_.folder + "/ca.jks", options_.host_settings.java_trust_store);
}

absl::StatusOr<std::vector<BindMount>> OciSandbox::MakeBinds(const SandboxRun& run,
                                                             const std::string& folder) const {
  std::vector<BindMount> binds;
  const auto add = [&](const std::string& name, std::string_view content, std::string destination,
                       mode_t mode) -> absl::Status {
    const std::string path = fmt::format("{}/{}", folder, name);
    RETURN_IF_ERROR(WriteFileAtomic(path, content, mode));
    binds.push_back({path, std::move(destination)});
    return absl::OkStatus();
  };
  const bool network = NetworkOf(run.run) != v1::NETWORK_MODE_NONE;
  std::string resolver;
  // A machine without the file resolves by its hosts file alone, and so does the step.
  if (const auto text = ReadFile(options_.resolv_conf, 1 << 20);
      NetworkOf(run.run) == v1::NETWORK_MODE_HOST && text.ok()) {
    resolver = *text;
  }
  RETURN_IF_ERROR(add("hosts", HostsFile(run, options_.host_settings), "/etc/hosts", 0644));
  RETURN_IF_ERROR(add("resolv.conf", resolver, "/etc/resolv.conf", 0644));
  RETURN_IF_ERROR(add("hostname", fmt::format("{}\n", HostNameOf(run)), "/etc/hostname", 0644));
  int number = 0;
  for (const v1::InlineFile& file : run.run.files()) {
    if (file.name().empty() || file.name().find('/') != std::string::npos || file.name() == "..") {
      return absl::InvalidArgumentError(fmt::format("bad name of an inline file: '{}'", file.name()));
    }
    RETURN_IF_ERROR(add(fmt::format("inline{}", number++), file.content(), "/dev/pipes/" + file.name(),
                        file.mode() == 0 ? 0644 : static_cast<mode_t>(file.mode())));
  }
  for (const SandboxFile& file : run.files) {
    RETURN_IF_ERROR(add(file.name, file.content, file.target, 0755));
  }
  for (const StepMount& mount : run.mounts) {
    ASSIGN_OR_RETURN(BindMount bind, BindOf(mount));
    binds.push_back(std::move(bind));
  }
  // Last: a mount of the recipe at /run must not hide what the environment announces.
  if (network && !options_.host_settings.ca_bundle.empty()) {
    binds.push_back({options_.folder + "/ca.pem", std::string(kCaBundleInStep)});
  }
  if (network && !options_.host_settings.java_trust_store.empty()) {
    binds.push_back({options_.folder + "/ca.jks", std::string(kJavaTrustStoreInStep)});
  }
  return binds;
}

std::vector<std::string> OciSandbox::Command(const Container& container,
                                             std::initializer_list<std::string> arguments) const {
  std::vector<std::string> argv = {
      runtime_, "--root", options_.folder + "/state", "--log", container.log(), "--log-format", "json"};
  // Without delegated cgroups there is nothing to manage; runc finds that out by itself.
  if (crun_) argv.emplace_back("--cgroup-manager=disabled");
  argv.insert(argv.end(), arguments);
  return argv;
}

absl::Status OciSandbox::WriteConfig(const SandboxRun& run, const SpecOptions& spec,
                                     const std::string& path) {
  Json config = MakeRuntimeSpec(run, spec);
  const WipedBytes text = WriteJsonWiped(config);
  if (run.holds_secrets) {
    for (Json& entry : config["process"]["env"]) Wipe(entry.get_ptr<std::string*>());
  }
  return WriteFileAtomic(path, View(text), 0600);
}

absl::StatusOr<SandboxResult> OciSandbox::Run(const SandboxRun& run) {
  if (run.run.argv().empty()) return absl::InvalidArgumentError("nothing to run");
  if (NetworkOf(run.run) == v1::NETWORK_MODE_RECORDED && run.network_namespace.empty()) {
    return absl::InternalError("a recorded network without a namespace");
  }
  auto limits = MakeStepLimits(run.run, run.holds_secrets, limits_, run.bounds.open_files());
  if (absl::IsInvalidArgument(limits.status()))
    return Refused(126, std::string(Sv(limits.status().message())));
  RETURN_IF_ERROR(limits.status());
  for (const std::string& line : limits->warnings) {
    run.on_output(v1::LogChunk::STREAM_WORKER, fmt::format("warning: {}\n", line));
  }
  ASSIGN_OR_RETURN(const TemporaryFolder bundle, TemporaryFolder::Create(options_.folder));
  const Container container = {fmt::format("step-{}-{}", getpid(), next_container_++), bundle.path()};
  ASSIGN_OR_RETURN(std::vector<BindMount> binds, MakeBinds(run, bundle.path()));
  const SpecOptions spec = {machine_, seccomp_bpf_, std::move(binds), std::move(limits->limits),
                            container.process_ids_file()};
  RETURN_IF_ERROR(WriteConfig(run, spec, bundle.Path("config.json")));

  MountPoints points(run.root);
  absl::StatusOr<SandboxResult> result = absl::UnknownError("not run");
  const absl::Status ready = MakeMountPoints(spec, &points);
  std::optional<BoundedStep> bounded;
  if (ready.ok()) {
    bounded.emplace(run, options_.groups, container.id);
    result = Execute(run, container, *bounded);
  } else if (absl::IsFailedPrecondition(ready)) {
    // The image has something else where a step needs a mount: the recipe's fault.
    result = Refused(126, std::string(Sv(ready.message())));
  } else {
    result = ready;
  }
  if (Exists(fmt::format("{}/state/{}", options_.folder, container.id))) {
    const absl::Status destroyed = Destroy(container);
    if (!destroyed.ok() && result.ok()) result = destroyed;
  }
  bounded.reset();
  points.Remove();
  if (result.ok()) result->stubs = points.made();
  return result;
}

absl::Status OciSandbox::MakeMountPoints(const SpecOptions& spec, MountPoints* points) {
  for (const BindMount& mount : MountsInRoot(spec)) {
    ASSIGN_OR_RETURN(const MountPoint point, points->Add(mount.destination, mount.folder, mount.source));
    if (mount.takes_mode && point.existed && chmod(mount.source.c_str(), point.mode) != 0) {
      return ErrnoStatus(errno, mount.source);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SandboxResult> OciSandbox::Execute(const SandboxRun& run, const Container& container,
                                                  BoundedStep& bounded) const {
  ProcessOptions options;
  options.argv = Command(
      container, {"run", "--bundle", container.bundle, "--pid-file", container.pid_file(), container.id});
  options.env = RuntimeEnvironment();
  options.working_folder = container.bundle;
  options.joins = bounded.joins();
  options.time_limit = run.timeout;
  options.stop = bounded.stop();
  options.on_start = [&](pid_t pid) { bounded.Started(pid); };
  std::string last_words;
  options.on_output = [&](OutputStream stream, std::string_view bytes) {
    if (stream == OutputStream::kStderr) KeepTail(bytes, &last_words);
    run.on_output(stream == OutputStream::kStdout ? v1::LogChunk::STREAM_STDOUT : v1::LogChunk::STREAM_STDERR,
                  bytes);
  };
  const ProcessorLimit limit(bounded.processors());
  SandboxResult result;
  result.processors = AllowedProcessors();
  auto process = RunProcess(options);
  if (!process.ok()) return Annotate(process.status(), "cannot start the OCI runtime");
  result.exit_code = process->exit_code;
  result.timed_out = process->timed_out;
  result.stopped = process->stopped;
  result.cpu_seconds = process->cpu_seconds;
  result.peak_memory = process->peak_memory;
  RETURN_IF_ERROR(bounded.Ended(*process, &result));
  if (run.process_ids > 0) result.process_ids = PassedProcessIds(container.process_ids_file());
  if (result.timed_out || result.stopped || result.exit_code == 0) return result;
  // A runtime that lost its container to a limit says so in its log, too.
  if (result.bound && !result.bound->survived()) return result;
  if (const std::string message = ErrorInLog(container.log()); !message.empty()) return Explain(run, message);
  // A failed exec is the last thing a runtime does in the container, and tells it on stderr. A program
  // that only says the same has no visible problem.
  if (IsFailedExec(last_words) &&
      FindProgramProblem(run.root, run.run.argv(0), run.env, run.run.cwd(), machine_)) {
    return Explain(run, last_words);
  }
  return result;
}

absl::StatusOr<SandboxResult> OciSandbox::Explain(const SandboxRun& run, const std::string& message) const {
  const std::string& program = run.run.argv(0);
  if (message.find("No space left") != std::string::npos ||
      message.find("no space left") != std::string::npos) {
    return absl::ResourceExhaustedError(fmt::format("{}: {}", version_, message));
  }
  const auto problem = FindProgramProblem(run.root, program, run.env, run.run.cwd(), machine_);
  if (problem && problem->exit_code == 0) {
    return absl::UnavailableError(fmt::format(
        "no emulation for {}/{}{}{} on this worker ({})", run.platform.os(), run.platform.architecture(),
        run.platform.variant().empty() ? "" : "/", run.platform.variant(), problem->text));
  }
  if (problem) return Refused(problem->exit_code, problem->text);
  // The recipe decides about programs and folders that its user may not use.
  if (run.identity.uid != 0 && message.find("ermission denied") != std::string::npos) {
    return Refused(126, fmt::format("{}: permission denied for user {}", program, run.identity.uid));
  }
  return absl::UnavailableError(fmt::format("{}: {}", version_, message));
}

absl::Status OciSandbox::Destroy(const Container& container) const {
  ProcessOptions options;
  options.argv = Command(container, {"delete", "--force", container.id});
  options.env = RuntimeEnvironment();
  options.time_limit = kRuntimeCommandLimit;
  const auto deleted = RunProcess(options);
  RETURN_IF_ERROR(KillAndWait(container.pid_file()));
  if (!deleted.ok() || deleted->exit_code != 0) {
    LogDebug("runtime state of {} removed by hand", container.id);
  }
  return RemoveTree(fmt::format("{}/state/{}", options_.folder, container.id));
}

}  // namespace crossmill::worker
