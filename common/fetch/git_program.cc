#include "common/fetch/git_program.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/shell_word.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/subprocess.h"
#include "common/fetch/git_reference.h"

namespace crossmill::fetch {
namespace {

// Enough for a message; the end says what went wrong.
constexpr size_t kMessageBytes = 2000;

// Whether git found the disk full. What the server says is not its own word.
bool SaysNoRoom(std::string_view errors) {
  for (const absl::string_view each : absl::StrSplit(Av(errors), absl::ByAnyChar("\r\n"))) {
    const std::string_view line = Sv(each);
    if (line.starts_with("remote:") || line.find("remote error:") != line.npos) continue;
    for (const int error : {ENOSPC, EDQUOT}) {
      if (line.ends_with(fmt::format(": {}", strerrordesc_np(error)))) return true;
    }
  }
  return false;
}

// Settings of git's that say how to reach a repository, not what is in it.
bool IsAccessSetting(std::string_view name) {
  for (const std::string_view prefix : {"credential.", "http.", "url.", "protocol.version"}) {
    if (name.starts_with(prefix)) return true;
  }
  return name == "core.sshcommand" || name == "core.gitproxy";
}

// The caller's environment without git's own variables, but for those that say how to reach a repository.
std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> clean;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const std::string_view name = variable.substr(0, variable.find('='));
    const bool access = name == "GIT_SSH" || name == "GIT_SSH_COMMAND" || name == "GIT_SSH_VARIANT" ||
                        name.starts_with("GIT_SSL_") || name == "GIT_PROXY_COMMAND";
    if (name.starts_with("GIT_") && !access) continue;
    if (name == "SSH_ASKPASS" || name.starts_with("LC_") || name == "LANG" || name == "LANGUAGE") continue;
    clean.emplace_back(variable);
  }
  clean.emplace_back("LC_ALL=C");
  clean.emplace_back("GIT_TERMINAL_PROMPT=0");
  return clean;
}

// What only the user can reach is not reached: no keys, no passwords (git also reads ~/.netrc), no helpers.
std::vector<std::string> AnonymousEnvironment() {
  std::vector<std::string> environment = CleanEnvironment();
  std::erase_if(environment, [](std::string_view variable) {
    const std::string_view name = variable.substr(0, variable.find('='));
    return name == "HOME" || name == "XDG_CONFIG_HOME" || name == "SSH_AUTH_SOCK" ||
           name.starts_with("GIT_SSH") || name == "GIT_PROXY_COMMAND" || name == "GIT_SSL_CERT" ||
           name == "GIT_SSL_KEY";
  });
  environment.emplace_back("HOME=/nonexistent");
  return environment;
}

bool HasVariable(const std::vector<std::string>& environment, std::string_view name) {
  return std::any_of(environment.begin(), environment.end(), [name](std::string_view variable) {
    return variable.starts_with(name) && variable.substr(name.size()).starts_with('=');
  });
}

std::string Ending(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text.size() > kMessageBytes) text = "..." + text.substr(text.size() - kMessageBytes);
  return text;
}

}  // namespace

GitProgram::GitProgram(GitProgramOptions options)
    : options_(std::move(options)),
      deadline_(std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.time_limit)) {
  settings_ = {
      {"core.hooksPath", "/dev/null"},
      {"core.autocrlf", "false"},
      {"core.eol", "lf"},
      {"core.symlinks", "true"},
      {"core.fileMode", "true"},
      {"core.fsmonitor", "false"},
      {"core.attributesFile", "/dev/null"},
      {"core.excludesFile", "/dev/null"},
      {"core.askPass", "/bin/false"},
      {"init.templateDir", ""},
      {"init.defaultBranch", "master"},
      {"advice.detachedHead", "false"},
      {"gc.auto", "0"},
      {"maintenance.auto", "false"},
      {"safe.directory", "*"},
      {"pack.threads", "1"},
      // Packs are looked at through small windows: they fit into any limit of memory.
      {"core.packedGitWindowSize", "64m"},
      {"core.packedGitLimit", "1g"},
      {"core.logAllRefUpdates", "false"},
  };
  const GitAccess& access = options_.access;
  if (!access.authorization.empty()) {
    settings_.emplace_back(fmt::format("http.{}.extraHeader", access.header_scope),
                           "Authorization: " + access.authorization);
  }
}

std::string GitProgram::SshCommand() const {
  const GitAccess& access = options_.access;
  std::vector<std::string> options = {
      "BatchMode=yes",
      "IdentityFile=none",
      "IdentityAgent=" + access.agent_socket,
      "GSSAPIAuthentication=no",
      "HostbasedAuthentication=no",
      "ForwardAgent=no",
      "ClearAllForwardings=yes",
      "UserKnownHostsFile=" + access.known_hosts,
      fmt::format("StrictHostKeyChecking={}", access.believe_new_hosts ? "accept-new" : "yes")};
  std::string command = "ssh -F /dev/null";
  for (const std::string& option : options) command += " -o " + ShellQuoted(option);
  return command;
}

void GitProgram::UseCredentials(const std::string& site, const std::string& user,
                                const std::string& password) {
  settings_.emplace_back(
      fmt::format("credential.{}.helper", site),
      "!f() { [ \"$1\" != get ] || printf 'username=%s\\npassword=%s\\n' \"$CROSSMILL_GIT_USER\" "
      "\"$CROSSMILL_GIT_PASSWORD\"; }; f");
  variables_ = {"CROSSMILL_GIT_USER=" + user, "CROSSMILL_GIT_PASSWORD=" + password};
}

void GitProgram::ReadUserSettings() {
  if (settings_read_) return;
  settings_read_ = true;
  ProcessOptions process;
  process.argv = {"git", "config", "--includes", "--null", "--list"};
  process.working_folder = "/";
  process.env = CleanEnvironment();
  process.time_limit = absl::Seconds(20);
  process.stop = options_.stop;
  const auto result = RunProcess(process);
  if (!result.ok() || result->exit_code != 0) return;
  std::string_view rest = result->stdout_text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    const std::string_view entry = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t line = entry.find('\n');
    const std::string_view name = entry.substr(0, line);
    if (!IsAccessSetting(name)) continue;
    own_ssh_ = own_ssh_ || name == "core.sshcommand";
    // A name without a value means yes.
    settings_.emplace_back(name, line == std::string_view::npos ? "true" : entry.substr(line + 1));
  }
}

ProcessOptions GitProgram::Prepare(const std::string& folder, const std::vector<std::string>& arguments) {
  if (!options_.anonymous && options_.access.agent_socket.empty()) ReadUserSettings();
  ProcessOptions process;
  // The umask and limits of a process with threads cannot be changed for one child.
  const std::string limit =
      options_.memory_limit == 0 ? "" : fmt::format("ulimit -v {} && ", options_.memory_limit >> 10);
  process.argv = {"/bin/sh", "-c", fmt::format("umask 022 && {}exec git \"$@\"", limit), "git"};
  process.argv.insert(process.argv.end(), arguments.begin(), arguments.end());
  process.working_folder = folder;
  const bool by_agent = !options_.access.agent_socket.empty();
  std::vector<std::string> environment =
      options_.anonymous || by_agent ? AnonymousEnvironment() : CleanEnvironment();
  if (by_agent) {
    environment.emplace_back("SSH_AUTH_SOCK=" + options_.access.agent_socket);
    environment.emplace_back("GIT_SSH_COMMAND=" + SshCommand());
  } else if (!options_.anonymous && !own_ssh_ && !HasVariable(environment, "GIT_SSH") &&
             !HasVariable(environment, "GIT_SSH_COMMAND")) {
    environment.emplace_back("GIT_SSH_COMMAND=ssh -o BatchMode=yes");
  }
  environment.insert(environment.end(), variables_.begin(), variables_.end());
  environment.emplace_back("GIT_CONFIG_NOSYSTEM=1");
  environment.emplace_back("GIT_CONFIG_GLOBAL=/dev/null");
  environment.emplace_back(fmt::format("GIT_ALLOW_PROTOCOL=http:https:git{}{}",
                                       options_.anonymous ? "" : ":ssh",
                                       options_.allow_local ? ":file" : ""));
  // By the environment, not by flags: values may be secrets, and flags can be seen by everybody.
  environment.emplace_back(fmt::format("GIT_CONFIG_COUNT={}", settings_.size()));
  for (size_t i = 0; i < settings_.size(); ++i) {
    environment.emplace_back(fmt::format("GIT_CONFIG_KEY_{}={}", i, settings_[i].first));
    environment.emplace_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i, settings_[i].second));
  }
  process.env = std::move(environment);
  process.time_limit =
      std::max(absl::FromChrono(deadline_ - std::chrono::steady_clock::now()), absl::ZeroDuration());
  process.stop = options_.stop;
  return process;
}

absl::Status GitProgram::Judge(const std::string& what, const ProcessResult& result,
                               std::string_view errors) const {
  if (result.stopped) return absl::CancelledError(fmt::format("{}: cancelled", what));
  if (result.timed_out) {
    return absl::DeadlineExceededError(
        fmt::format("{}: not done after {}", what, absl::FormatDuration(options_.time_limit)));
  }
  if (result.exit_code == 0) return absl::OkStatus();
  const std::string message = fmt::format("{}: exit code {}: {}", what, result.exit_code,
                                          Ending(WithoutCredentials(std::string(errors))));
  return SaysNoRoom(errors) ? absl::ResourceExhaustedError(message) : absl::InvalidArgumentError(message);
}

absl::StatusOr<std::string> GitProgram::Run(const std::string& folder,
                                            const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(Prepare(folder, arguments)));
  if (result.exit_code == 127 && result.stdout_text.empty()) {
    return absl::FailedPreconditionError("the program git is needed and is not here: apt-get install git");
  }
  const std::string what = fmt::format("git {}", arguments.empty() ? "" : arguments[0]);
  RETURN_IF_ERROR(Judge(what, result, result.stderr_text));
  return result.stdout_text;
}

absl::StatusOr<int64_t> GitProgram::Count(const std::string& folder,
                                          const std::vector<std::string>& arguments, int64_t most) {
  ProcessOptions process = Prepare(folder, arguments);
  std::stop_source enough;
  const StopOfEither either(process.stop, enough.get_token());
  process.stop = either.token();
  int64_t count = 0;
  std::string errors;
  process.on_output = [&](OutputStream stream, std::string_view bytes) {
    if (stream == OutputStream::kStderr) {
      if (errors.size() < kMessageBytes) errors += bytes;
      return;
    }
    count += std::count(bytes.begin(), bytes.end(), '\0');
    if (count > most) enough.request_stop();
  };
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(process));
  if (count > most) return most + 1;
  RETURN_IF_ERROR(Judge(fmt::format("git {}", arguments.empty() ? "" : arguments[0]), result, errors));
  return count;
}

}  // namespace crossmill::fetch
