// crossmill up and down: a whole farm on this machine, as background processes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include "absl/time/clock.h"
#include "cli/commands/commands.h"
#include "cli/local/daemons.h"
#include "cli/local/keeper.h"
#include "cli/show/exit_codes.h"
#include "common/base/files.h"
#include "common/base/subprocess.h"

namespace crossmill::cli {
namespace {

constexpr char kWorkerUser[] = "crossmill";
// As of the packages. Not the workers': a step that gets out of its sandbox must not have the record.
constexpr char kCoordinatorUser[] = "crossmill-coordinator";
constexpr absl::Duration kStartPatience = absl::Seconds(30);
constexpr absl::Duration kStopPatience = absl::Seconds(20);
// Between two looks at what is awaited.
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr absl::Duration kKeeperLook = absl::Milliseconds(500);

struct UpFlags {
  int workers = 2;
  std::vector<std::string> worker_options;
  // Words for coordinator and workers: all of them ask the same package indexes.
  std::vector<std::string> index_options;
  int slots = 0;
  // Empty: only the socket; started by root, any free port of the loopback.
  std::string listen;
  // Of the page; empty: as the last time, at first any free port of the loopback; "none".
  std::string http;
  bool restart = true;
};

constexpr char kNoHttp[] = "none";

// The farm below one data folder:
//   coordinator.sock, tokens, ...   the coordinator's own
//   workers/wN                      data folder of worker wN
//   run/NAME.pid, run/NAME.log      daemons
//   run/http                        where the page is, so that its address stays
//   run/listen, run/wN.token        how workers of root reach the coordinator: they become another user,
//                                   to whom the socket (0600) is closed
class LocalFarm {
 public:
  LocalFarm(Session& session, const UpFlags& flags)
      : session_(session),
        flags_(flags),
        data_(session.DataFolder()),
        programs_(session.env.ProgramFolder()) {}

  // When it fails, or is interrupted, what it has started is ended again.
  absl::Status Up();
  std::string socket() const { return "unix:" + data_ + "/coordinator.sock"; }

 private:
  absl::Status StartAll();
  // Last started, first stopped.
  void StopStarted();
  absl::StatusOr<pid_t> Start(const DaemonSpec& daemon);
  absl::Status CheckPrograms();
  // Sets listen_; true if a running coordinator does not listen there yet.
  absl::StatusOr<bool> PrepareAccess();
  // Sets http_; true if a running coordinator does not know it yet.
  absl::StatusOr<bool> PrepareHttp();
  // The file with the token of that worker, which is made if there is none; empty: it uses the socket.
  absl::StatusOr<std::string> TokenOf(const std::string& worker);
  // Whom workers and coordinator become.
  absl::Status CheckUsers();
  // run and workers: root's, before the coordinator's user may make anything beside them.
  absl::Status MakeOwnFolders();
  absl::Status StartCoordinator();
  // A coordinator that runs as somebody else than it is to: of an earlier version, or from before there was a
  // user.
  bool RunsAsAnother(const DaemonSpec& daemon) const;
  absl::Status StartWorker(const std::string& name);
  absl::Status WaitForCoordinator();
  absl::Status WaitForWorkers(std::set<std::string> names);
  DaemonSpec Daemon(const std::string& name, std::vector<std::string> argv) const {
    return {name, std::move(argv), data_ + "/run"};
  }
  void Say(const std::string& text) { session_.Tell(text + "\n"); }
  absl::Status Died(const DaemonSpec& daemon) const;

  Session& session_;
  const UpFlags& flags_;
  const std::string data_;
  const std::string programs_;
  // Of the workers; only its ids.
  std::optional<passwd> user_;
  // Empty: the coordinator stays who we are.
  std::string coordinator_user_;
  // host:port the coordinator listens on; empty: only its socket.
  std::string listen_;
  // ADDRESS:PORT of the page, or kNoHttp.
  std::string http_;
  std::vector<DaemonSpec> started_;
  std::atomic<bool> interrupted_ = false;
};

// A port of the loopback that nobody uses now.
absl::StatusOr<std::string> FreeLoopbackAddress() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return ErrnoStatus(errno, "find a free port");
  }
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

// Whether a coordinator could listen at 127.0.0.1:PORT; of other addresses it finds out itself.
bool IsFree(const std::string& text) {
  constexpr std::string_view kLoopback = "127.0.0.1:";
  if (!text.starts_with(kLoopback)) return true;
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + kLoopback.size())));
  return fd.valid() && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
         bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

std::string Trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return text;
}

absl::StatusOr<std::string> LocalFarm::TokenOf(const std::string& worker) {
  if (!user_) return "";
  std::string file = fmt::format("{}/run/{}.token", data_, worker);
  if (Exists(file)) return file;
  ProcessOptions options;
  options.argv = {
      programs_ + "/crossmill-coordinator", "--config", "none", "--data", data_, "token", "worker", worker};
  ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(options));
  if (result.exit_code != 0)
    return absl::InternalError(
        fmt::format("no token for worker {}: {}", worker, Trimmed(result.stderr_text)));
  RETURN_IF_ERROR(WriteFileAtomic(file, Trimmed(result.stdout_text) + "\n", 0600));
  return file;
}

absl::StatusOr<bool> LocalFarm::PrepareAccess() {
  const std::string listen_file = data_ + "/run/listen";
  const std::string before = Trimmed(ReadFile(listen_file).value_or(""));
  listen_ = flags_.listen.empty() ? before : flags_.listen;
  if (user_ && listen_.empty()) {
    ASSIGN_OR_RETURN(listen_, FreeLoopbackAddress());
  }
  const bool news = listen_ != before;
  if (news) RETURN_IF_ERROR(WriteFileAtomic(listen_file, listen_ + "\n"));
  return news;
}

absl::StatusOr<bool> LocalFarm::PrepareHttp() {
  const std::string http_file = data_ + "/run/http";
  const std::string before = Trimmed(ReadFile(http_file).value_or(""));
  http_ = flags_.http.empty() ? before : flags_.http;
  const bool runs = RunningDaemon(Daemon("coordinator", {}).PidFile()).has_value();
  if (http_.empty() || (flags_.http.empty() && !runs && http_ != kNoHttp && !IsFree(http_))) {
    ASSIGN_OR_RETURN(http_, FreeLoopbackAddress());
  }
  if (http_ == before) return false;
  RETURN_IF_ERROR(WriteFileAtomic(http_file, http_ + "\n"));
  return true;
}

absl::Status LocalFarm::CheckPrograms() {
  for (const char* name : {"crossmill-coordinator", "crossmill-worker"}) {
    const std::string path = programs_ + "/" + name;
    if (access(path.c_str(), X_OK) != 0) {
      return WithHint(absl::FailedPreconditionError(fmt::format("{} is missing", path)),
                      "`cmake --build --preset release` builds all three programs into one folder");
    }
  }
  return absl::OkStatus();
}

absl::Status LocalFarm::CheckUsers() {
  if (!session_.env.IsRoot()) return absl::OkStatus();
  if (const passwd* entry = getpwnam(kWorkerUser)) {
    user_ = *entry;
  } else {
    return WithHint(
        absl::FailedPreconditionError(
            "workers started by root run as the system user crossmill, which does not exist"),
        "useradd --system --no-create-home --shell /usr/sbin/nologin crossmill, then `crossmill doctor` "
        "says which ids it needs");
  }
  if (getpwnam(kCoordinatorUser) != nullptr) {
    coordinator_user_ = kCoordinatorUser;
  } else {
    Say(fmt::format(
        "warning: the coordinator runs as root: there is no system user {0}; scripts/setup-host makes "
        "it, then `crossmill down` and `crossmill up`",
        kCoordinatorUser));
  }
  return absl::OkStatus();
}

absl::Status LocalFarm::Died(const DaemonSpec& daemon) const {
  return absl::InternalError(fmt::format("{} ended at once; the end of {}:\n{}", daemon.name,
                                         daemon.LogFile(), LogTail(daemon.LogFile(), 10)));
}

absl::Status LocalFarm::MakeOwnFolders() {
  for (const char* name : {"run", "workers"}) {
    const std::string path = data_ + "/" + name;
    RETURN_IF_ERROR(MakeFolders(path, 0755));
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
    if (!user_ || (S_ISDIR(info.st_mode) && info.st_uid == 0 && (info.st_mode & 0022) == 0)) continue;
    return absl::FailedPreconditionError(fmt::format(
        "{} must be a folder of root's that nobody else can write to: root starts what it finds there",
        path));
  }
  return absl::OkStatus();
}

bool LocalFarm::RunsAsAnother(const DaemonSpec& daemon) const {
  if (coordinator_user_.empty()) return false;
  const std::string nul(1, '\0');
  const std::string said = ReadFile(fmt::format("{}/{}.argv", daemon.run_folder, daemon.name)).value_or("");
  return said.find(fmt::format("{0}--user{0}{1}{0}", nul, coordinator_user_)) == std::string::npos;
}

absl::Status LocalFarm::StartCoordinator() {
  ASSIGN_OR_RETURN(const bool new_access, PrepareAccess());
  ASSIGN_OR_RETURN(const bool new_http, PrepareHttp());
  // Settings files are those of services that the machine itself starts.
  std::vector<std::string> argv = {programs_ + "/crossmill-coordinator", "--config", "none", "--data", data_};
  if (!coordinator_user_.empty()) argv.insert(argv.end(), {"--user", coordinator_user_});
  if (!listen_.empty()) argv.insert(argv.end(), {"--listen", listen_});
  if (http_ != kNoHttp) argv.insert(argv.end(), {"--http", http_});
  argv.insert(argv.end(), flags_.index_options.begin(), flags_.index_options.end());
  const DaemonSpec daemon = Daemon("coordinator", std::move(argv));
  if (new_access || new_http || RunsAsAnother(daemon))
    RETURN_IF_ERROR(StopDaemon(daemon.PidFile(), kStopPatience).status());
  if (const auto pid = RunningDaemon(daemon.PidFile())) {
    Say(fmt::format("coordinator is running (pid {})", *pid));
  } else {
    ASSIGN_OR_RETURN(const pid_t started, Start(daemon));
    Say(fmt::format("coordinator started (pid {}, log {})", started, daemon.LogFile()));
  }
  return WaitForCoordinator();
}

absl::Status LocalFarm::WaitForCoordinator() {
  const DaemonSpec daemon = Daemon("coordinator", {});
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kStartPatience);
  absl::Status last;
  while (std::chrono::steady_clock::now() < deadline) {
    ASSIGN_OR_RETURN(Farm * farm, session_.Connect());
    last = session_.Call(*farm->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest()).status();
    if (last.ok() || !absl::IsUnavailable(last)) return last;
    if (!RunningDaemon(daemon.PidFile())) return Died(daemon);
    if (interrupted_) return absl::CancelledError("interrupted");
    absl::SleepFor(kLook);
  }
  return last;
}

absl::Status LocalFarm::StartWorker(const std::string& name) {
  const std::string folder = data_ + "/workers/" + name;
  RETURN_IF_ERROR(MakeFolders(folder, 0755));
  if (user_ && chown(folder.c_str(), user_->pw_uid, user_->pw_gid) != 0) return ErrnoStatus(errno, folder);
  std::vector<std::string> argv = {
      programs_ + "/crossmill-worker", "--config", "none", "--data", folder, "--name", name};
  ASSIGN_OR_RETURN(const std::string token_file, TokenOf(name));
  if (token_file.empty()) {
    argv.insert(argv.end(), {"--coordinator", socket()});
  } else {
    argv.insert(argv.end(), {"--coordinator", listen_, "--token-file", token_file});
  }
  // Shorter than `down` waits before it kills.
  argv.insert(argv.end(), {"--grace", "10"});
  if (flags_.slots > 0) argv.insert(argv.end(), {"--slots", std::to_string(flags_.slots)});
  argv.insert(argv.end(), flags_.index_options.begin(), flags_.index_options.end());
  argv.insert(argv.end(), flags_.worker_options.begin(), flags_.worker_options.end());
  const DaemonSpec daemon = Daemon("worker-" + name, std::move(argv));
  if (const auto pid = RunningDaemon(daemon.PidFile())) {
    Say(fmt::format("worker {} is running (pid {})", name, *pid));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const pid_t started, Start(daemon));
  Say(fmt::format("worker {} started (pid {}, log {})", name, started, daemon.LogFile()));
  return absl::OkStatus();
}

absl::Status LocalFarm::WaitForWorkers(std::set<std::string> names) {
  ASSIGN_OR_RETURN(Farm * farm, session_.Connect());
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kStartPatience);
  while (true) {
    ASSIGN_OR_RETURN(
        const v1::ListWorkersResponse response,
        session_.Call(*farm->farm, &v1::Farm::StubInterface::ListWorkers, v1::ListWorkersRequest()));
    for (const v1::WorkerView& worker : response.workers()) {
      if (worker.connected()) names.erase(worker.info().name());
    }
    if (names.empty()) return absl::OkStatus();
    for (const std::string& name : names) {
      const DaemonSpec daemon = Daemon("worker-" + name, {});
      if (!RunningDaemon(daemon.PidFile())) return Died(daemon);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      const DaemonSpec daemon = Daemon("worker-" + *names.begin(), {});
      return absl::UnavailableError(fmt::format("worker {} does not connect; the end of {}:\n{}",
                                                *names.begin(), daemon.LogFile(),
                                                LogTail(daemon.LogFile(), 10)));
    }
    if (interrupted_) return absl::CancelledError("interrupted");
    absl::SleepFor(kLook);
  }
}

absl::StatusOr<pid_t> LocalFarm::Start(const DaemonSpec& daemon) {
  ASSIGN_OR_RETURN(const pid_t pid, StartDaemon(daemon));
  started_.push_back(daemon);
  RETURN_IF_ERROR(KeepDaemon(daemon));
  return pid;
}

void LocalFarm::StopStarted() {
  while (!started_.empty()) {
    const absl::StatusOr<bool> stopped = StopDaemon(started_.back().PidFile(), kStopPatience);
    if (!stopped.ok()) {
      Say(std::string(Sv(stopped.status().message())));
    } else if (*stopped) {
      Say(fmt::format("{} stopped again", started_.back().name));
    }
    started_.pop_back();
  }
}

absl::Status LocalFarm::Up() {
  session_.env.OnInterrupt([this](int) { interrupted_ = true; });
  // It would start again what is stopped here.
  const DaemonSpec keeper = Daemon("keeper", {programs_ + "/crossmill", "--data", data_, "keep"});
  absl::Status status = StopDaemon(keeper.PidFile(), kStopPatience).status();
  if (status.ok()) status = StartAll();
  if (!status.ok()) {
    StopStarted();
  } else if (flags_.restart) {
    const auto kept = StartDaemon(keeper);
    if (!kept.ok()) Say(fmt::format("what dies is not started again: {}", Sv(kept.status().message())));
  }
  session_.env.OnInterrupt(nullptr);
  return status;
}

absl::Status LocalFarm::StartAll() {
  RETURN_IF_ERROR(CheckPrograms());
  RETURN_IF_ERROR(CheckUsers());
  RETURN_IF_ERROR(MakeOwnFolders());
  // The socket of this data folder, whatever else is configured.
  session_.coordinator = socket();
  RETURN_IF_ERROR(StartCoordinator());
  std::set<std::string> names;
  for (int i = 1; i <= flags_.workers; ++i) {
    const std::string name = "w" + std::to_string(i);
    RETURN_IF_ERROR(StartWorker(name));
    names.insert(name);
  }
  return WaitForWorkers(std::move(names));
}

// Empty where there is no page.
absl::StatusOr<std::string> PageLink(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  const auto link =
      session.Call(*farm->farm, &v1::Farm::StubInterface::MakePageLink, v1::MakePageLinkRequest());
  // Without a door, or of an earlier version.
  if (absl::IsUnavailable(link.status()) || absl::IsUnimplemented(link.status())) return std::string();
  RETURN_IF_ERROR(link.status());
  return link->url();
}

absl::StatusOr<int> Up(Session& session, const UpFlags& flags) {
  // Needed in the lines below only when commands would go elsewhere.
  const std::string data = session.data.empty() && !session.Login() ? "" : " --data " + session.DataFolder();
  LocalFarm farm(session, flags);
  // Whatever other farm commands go to.
  session.coordinator = farm.socket();
  RETURN_IF_ERROR(farm.Up());
  const std::string program = session.env.ProgramFolder() + "/crossmill";
  RETURN_IF_ERROR(
      session.Print(fmt::format("the farm is up: {1} worker{2}\n"
                                "  build   {0}{3} build --platform linux/amd64,linux/arm64 FOLDER\n"
                                "  look    {0}{3} ls, {0}{3} worker ls, {0}{3} doctor\n"
                                "  docker  {0}{3} buildx-setup, then docker buildx build builds here, too\n"
                                "  stop    {0}{3} down\n",
                                program, flags.workers, flags.workers == 1 ? "" : "s", data)));
  ASSIGN_OR_RETURN(const std::string link, PageLink(session));
  if (!link.empty()) {
    RETURN_IF_ERROR(session.Print(
        fmt::format("  page    {}\n          good once, for 10 minutes; `{}{} page` prints another\n", link,
                    program, data)));
  }
  return kExitOk;
}

absl::StatusOr<int> Down(Session& session) {
  const std::string folder = session.DataFolder() + "/run";
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".pid") names.push_back(entry.path().stem());
  }
  // First who would start the others again; then workers: they hand back what they run.
  const auto turn = [](const std::string& name) {
    return std::pair(name == "keeper" ? 0 : name == "coordinator" ? 2 : 1, name);
  };
  std::sort(names.begin(), names.end(),
            [&](const std::string& a, const std::string& b) { return turn(a) < turn(b); });
  int stopped = 0;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const bool ran, StopDaemon(folder + "/" + name + ".pid", kStopPatience));
    if (!ran || name == "keeper") continue;
    ++stopped;
    session.Tell(fmt::format("{} stopped\n", name));
  }
  RETURN_IF_ERROR(session.Print(stopped == 0 ? "nothing of this farm is running\n" : "the farm is down\n"));
  return kExitOk;
}

// Looks until it is told to end.
absl::StatusOr<int> Keep(Session& session) {
  std::atomic<bool> ended = false;
  session.env.OnInterrupt([&ended](int) { ended = true; });
  SystemClock clock;
  Keeper keeper(session.DataFolder() + "/run", clock, [&](const std::string& line) {
    session.Tell(
        fmt::format("{} {}\n", absl::FormatTime(absl::RFC3339_sec, clock.Now(), absl::UTCTimeZone()), line));
  });
  while (!ended) {
    keeper.Look();
    absl::SleepFor(kKeeperLook);
  }
  session.env.OnInterrupt(nullptr);
  return kExitOk;
}

}  // namespace

void AddFarmCommands(CLI::App& app, Session& session) {
  CLI::App* up =
      app.add_subcommand("up", "Start a coordinator and workers on this machine, in the background");
  auto flags = std::make_shared<UpFlags>();
  up->add_option("--workers", flags->workers, "Number of workers")
      ->type_name("N")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  up->add_option("--slots", flags->slots,
                 "Tasks that each worker runs at a time [as many as the machine has room for]")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  up->add_option(
        "--worker-option", flags->worker_options,
        "One word for the command line of each worker: --worker-option=--log-level=debug; repeatable")
      ->type_name("WORD")
      ->allow_extra_args(false);
  for (const char* name : {"--index-url", "--extra-index-url"}) {
    up->add_option_function<std::string>(
          name,
          [flags, name](const std::string& url) {
            flags->index_options.push_back(fmt::format("{}={}", name, url));
          },
          std::string_view(name) == "--index-url"
              ? "Package index of the farm's steps and predictions, or none [what this machine's pip uses]"
              : "One more, besides --index-url; repeatable")
        ->type_name("URL")
        ->trigger_on_parse()
        ->allow_extra_args(false);
  }
  up->add_option("--listen", flags->listen,
                 "Let clients and workers with a token reach the coordinator here [only its socket]")
      ->type_name("HOST:PORT");
  up->add_option("--http", flags->http,
                 "Where the page and the HTTP API are, or none [as the last time; at first a free port of "
                 "the loopback]")
      ->type_name("ADDRESS:PORT");
  up->add_flag("!--no-restart", flags->restart, "Leave it dead what dies");
  up->callback([&session, flags] { session.command = [&session, flags] { return Up(session, *flags); }; });

  CLI::App* down = app.add_subcommand("down", "Stop what `up` started");
  CLI::App* keep =
      app.add_subcommand("keep", "Start again what dies of the farm that `up` started")->group("");
  keep->callback([&session] { session.command = [&session] { return Keep(session); }; });
  down->callback([&session] { session.command = [&session] { return Down(session); }; });
}

}  // namespace crossmill::cli
