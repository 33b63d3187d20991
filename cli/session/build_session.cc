#include "cli/session/build_session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <stop_token>
#include <thread>

#include "cli/show/text.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/base/wiped_io.h"

namespace crossmill::cli {
namespace {

// BuildKit's limit.
constexpr size_t kMaxSecretBytes = 500 << 10;
constexpr auto kAgentStart = std::chrono::seconds(5);
constexpr auto kAgentEnd = std::chrono::seconds(3);

// A keeper watches each agent of ours and ends it when we have ended. ssh-agent is a setgid program, which
// the kernel does not end with its parent, and it must not outlive us with the keys, however we end.
constexpr const char* kKeeper =
    "while kill -0 \"$1\" 2>/dev/null && test -S \"$SSH_AUTH_SOCK\"; do sleep 0.2; done; kill "
    "\"$SSH_AGENT_PID\"";

absl::Status BadSecret(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(
      fmt::format("--secret {}: {}; expected id=ID,src=FILE or id=ID,env=NAME", text, problem));
}

bool IsSocket(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

absl::StatusOr<WipedBytes> ReadSecret(const SecretSource& source, Environment& env) {
  if (!source.variable.empty()) {
    std::optional<std::string> value = env.Variable(source.variable);
    if (!value) {
      return absl::InvalidArgumentError(
          fmt::format("--secret id={}: the variable {} is not set", source.id, source.variable));
    }
    WipedBytes kept = ToWiped(*value);
    Wipe(&*value);
    return kept;
  }
  auto file = OpenFile(source.file, O_RDONLY);
  if (!file.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("--secret id={}: {}", source.id, Sv(file.status().message())));
  }
  auto value = ReadAllWiped(file->get(), kMaxSecretBytes + 1);
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("--secret id={}: {}: {}", source.id, source.file, Sv(value.status().message())));
  }
  return value;
}

}  // namespace

absl::StatusOr<SecretSource> ParseSecret(std::string_view text, Environment& env) {
  SecretSource source;
  std::string type;
  for (const std::string& field : Split(text, ',')) {
    const size_t equals = field.find('=');
    if (equals == std::string::npos) return BadSecret(text, fmt::format("\"{}\" is not NAME=VALUE", field));
    const std::string name = field.substr(0, equals);
    const std::string value = field.substr(equals + 1);
    if (name == "id") {
      source.id = value;
    } else if (name == "src" || name == "source") {
      source.file = value;
    } else if (name == "env") {
      source.variable = value;
    } else if (name == "type") {
      if (value != "file" && value != "env") return BadSecret(text, "type is file or env");
      type = value;
    } else {
      return BadSecret(text, fmt::format("{} is not known", name));
    }
  }
  if (source.id.empty()) return BadSecret(text, "the id is missing");
  if (!source.file.empty() && !source.variable.empty())
    return BadSecret(text, "both a file and a variable are named");
  if (type == "env" && !source.file.empty()) std::swap(source.file, source.variable);
  if (type == "file" && !source.variable.empty())
    return BadSecret(text, "type=file, but a variable is named");
  if (source.file.empty() && source.variable.empty()) {
    const bool variable = type == "env" || (type.empty() && env.Variable(source.id).has_value());
    (variable ? source.variable : source.file) = source.id;
  }
  return source;
}

absl::StatusOr<AgentSource> ParseAgent(std::string_view text) {
  AgentSource source;
  const size_t equals = text.find('=');
  source.id = std::string(text.substr(0, equals));
  if (source.id.empty() || source.id.find(',') != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("--ssh {}: expected default, ID, ID=SOCKET or ID=KEY_FILE,...", text));
  }
  if (equals == std::string_view::npos) return source;
  source.paths = Split(text.substr(equals + 1), ',');
  for (const std::string& path : source.paths) {
    if (path.empty()) return absl::InvalidArgumentError(fmt::format("--ssh {}: a path is empty", text));
  }
  return source;
}

absl::StatusOr<WipedSecrets<v1::Secret>> ReadSecrets(const std::vector<std::string>& flags,
                                                     Environment& env) {
  WipedSecrets<v1::Secret> secrets;
  std::set<std::string> ids;
  for (const std::string& text : flags) {
    ASSIGN_OR_RETURN(const SecretSource source, ParseSecret(text, env));
    if (!ids.insert(source.id).second) {
      return absl::InvalidArgumentError(fmt::format("--secret names {} twice", source.id));
    }
    ASSIGN_OR_RETURN(const WipedBytes value, ReadSecret(source, env));
    v1::Secret& secret = secrets.emplace_back();
    secret.set_id(source.id);
    secret.set_value(value.data(), value.size());
    if (secret.value().size() > kMaxSecretBytes) {
      return absl::InvalidArgumentError(
          fmt::format("--secret id={}: more than {} KiB", source.id, kMaxSecretBytes >> 10));
    }
  }
  return secrets;
}

bool ClientOffers::HasSecret(std::string_view id) const {
  return std::any_of(secrets.begin(), secrets.end(),
                     [id](const v1::Secret& secret) { return secret.id() == id; });
}

absl::Status CheckGivenAgain(const ClientOffers& offers, const std::vector<std::string>& secret_ids,
                             const std::vector<std::string>& ssh_ids) {
  for (const std::string& id : secret_ids) {
    if (offers.HasSecret(id)) continue;
    return absl::InvalidArgumentError(fmt::format(
        "the build was given secret {0}, which is not kept; give it again: --secret id={0},src=FILE or "
        "--secret id={0},env=NAME",
        id));
  }
  for (const std::string& id : ssh_ids) {
    if (offers.HasAgent(id)) continue;
    return absl::InvalidArgumentError(
        fmt::format("the build was given ssh agent {0}; give it again: --ssh {0}", id));
  }
  return absl::OkStatus();
}

// An ssh-agent of ours with the keys of some files, as long as it lives.
class LocalAgents::OwnAgent {
 public:
  static absl::StatusOr<std::unique_ptr<OwnAgent>> Start(const AgentSource& source, Environment& env) {
    std::unique_ptr<OwnAgent> agent(new OwnAgent());
    auto folder = TemporaryFolder::Create();
    RETURN_IF_ERROR(folder.status());
    agent->folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    agent->thread_ = std::jthread([&agent = *agent](const std::stop_token& stop) { agent.Run(stop); });
    RETURN_IF_ERROR(agent->AwaitSocket());
    ProcessOptions add;
    add.argv = {"ssh-add", "-q", "--"};
    add.argv.insert(add.argv.end(), source.paths.begin(), source.paths.end());
    // Nobody is there to be asked for a passphrase.
    add.env = {{"PATH=" + env.VariableOr("PATH"), "HOME=" + env.VariableOr("HOME"),
                "SSH_AUTH_SOCK=" + agent->socket(), "SSH_ASKPASS_REQUIRE=force", "SSH_ASKPASS=/bin/false"}};
    add.time_limit = absl::Seconds(30);
    const auto added = RunProcess(add);
    if (!added.ok() || added->exit_code != 0) {
      std::string problem = added.ok() ? added->stderr_text : std::string(Sv(added.status().message()));
      while (!problem.empty() && problem.back() == '\n') problem.pop_back();
      return absl::InvalidArgumentError(fmt::format(
          "--ssh {}: cannot load the key: {}; a key with a passphrase has to be in an agent (ssh-add), "
          "which --ssh {} then uses",
          source.id, problem, source.id));
    }
    return agent;
  }

  // Ends the agent: it goes when its socket does.
  ~OwnAgent() {
    if (folder_ != nullptr) unlink(socket().c_str());
    const auto deadline = std::chrono::steady_clock::now() + kAgentEnd;
    while (!ended() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  std::string socket() const { return folder_->Path("agent"); }

 private:
  OwnAgent() = default;

  // To the agent's end: by the stop, or its own.
  void Run(const std::stop_token& stop) {
    ProcessOptions options;
    options.argv = {"ssh-agent", "-a", socket(), "sh", "-c", kKeeper, "sh", std::to_string(getpid())};
    options.stop = stop;
    const auto result = RunProcess(options);
    MutexLock lock(mutex_);
    problem_ =
        result.ok() ? "ssh-agent ended: " + result->stderr_text : std::string(Sv(result.status().message()));
  }

  bool ended() {
    MutexLock lock(mutex_);
    return !problem_.empty() || !thread_.joinable();
  }

  absl::Status AwaitSocket() {
    const auto deadline = std::chrono::steady_clock::now() + kAgentStart;
    while (!IsSocket(socket())) {
      {
        MutexLock lock(mutex_);
        if (!problem_.empty()) return absl::InternalError(fmt::format("--ssh with key files: {}", problem_));
      }
      if (std::chrono::steady_clock::now() > deadline) {
        return absl::InternalError("--ssh with key files: ssh-agent does not come up");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return absl::OkStatus();
  }

  std::unique_ptr<TemporaryFolder> folder_;
  Mutex mutex_;
  std::string problem_ ABSL_GUARDED_BY(mutex_);
  // Last: it uses the folder.
  std::jthread thread_;
};

LocalAgents::LocalAgents() = default;
LocalAgents::~LocalAgents() = default;

absl::StatusOr<std::unique_ptr<LocalAgents>> LocalAgents::Start(const std::vector<std::string>& flags,
                                                                Environment& env) {
  std::unique_ptr<LocalAgents> agents(new LocalAgents());
  for (const std::string& text : flags) {
    ASSIGN_OR_RETURN(AgentSource source, ParseAgent(text));
    if (agents->sockets_.contains(source.id)) {
      return absl::InvalidArgumentError(fmt::format("--ssh names {} twice", source.id));
    }
    if (source.paths.empty()) {
      const std::string socket = env.VariableOr("SSH_AUTH_SOCK");
      if (socket.empty()) {
        return absl::InvalidArgumentError(fmt::format(
            "--ssh {0}: SSH_AUTH_SOCK is not set; start an agent (eval $(ssh-agent); ssh-add) or name a "
            "key file: --ssh {0}=FILE",
            source.id));
      }
      source.paths.push_back(socket);
      if (!IsSocket(socket)) {
        return absl::InvalidArgumentError(
            fmt::format("--ssh {}: SSH_AUTH_SOCK={} is not a socket", source.id, socket));
      }
    }
    if (source.paths.size() == 1 && IsSocket(source.paths.front())) {
      agents->sockets_[source.id] = source.paths.front();
      continue;
    }
    for (const std::string& path : source.paths) {
      if (!Exists(path)) {
        return absl::InvalidArgumentError(fmt::format("--ssh {}: there is no file {}", source.id, path));
      }
      if (IsSocket(path)) {
        return absl::InvalidArgumentError(
            fmt::format("--ssh {}: {} is a socket; it cannot be combined with others", source.id, path));
      }
    }
    ASSIGN_OR_RETURN(std::unique_ptr<OwnAgent> own, OwnAgent::Start(source, env));
    agents->sockets_[source.id] = own->socket();
    agents->own_.push_back(std::move(own));
  }
  return agents;
}

}  // namespace crossmill::cli
