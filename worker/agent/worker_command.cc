#include "worker/agent/worker_command.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "common/base/absolute_path.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/logging/log_format.h"
#include "common/base/room/descriptors.h"
#include "common/base/room/disk_space.h"
#include "common/base/status.h"
#include "common/index/configured_indexes.h"
#include "common/keys/key_file.h"
#include "common/rpc/channel.h"
#include "common/rpc/local_blob_store.h"
#include "common/service/service_notices.h"
#include "common/settings/command_settings.h"
#include "common/words/platform.h"
#include "common/words/step_bounds.h"
#include "common/words/worker_labels.h"
#include "worker/agent/accelerator_flags.h"
#include "worker/agent/agent.h"
#include "worker/agent/coordinator_forwarder.h"
#include "worker/agent/direct_blobs.h"
#include "worker/agent/farm_page_archive.h"
#include "worker/agent/lease_board.h"
#include "worker/agent/package_index.h"
#include "worker/agent/signing_observer.h"
#include "worker/agent/undelivered_results.h"
#include "worker/bounds/enforcement.h"
#include "worker/budget/space_keeper.h"
#include "worker/host/host_load.h"
#include "worker/host/probes.h"
#include "worker/host/step_groups.h"
#include "worker/host/user_namespace.h"
#include "worker/joining/identity_renewal.h"
#include "worker/joining/join_command.h"
#include "worker/layers/overlay_snapshotter.h"
#include "worker/mounts/step_mounts.h"
#include "worker/mounts/task_secrets.h"
#include "worker/network/network_services.h"
#include "worker/sandbox/host_settings.h"
#include "worker/sandbox/oci_sandbox.h"
#include "worker/task/folder_blob_store.h"
#include "worker/task/stage_executor.h"
#include "worker/task/task_file.h"

namespace crossmill::worker {
namespace {

constexpr int kExitInfrastructure = 5;

struct Flags {
  rpc::ChannelOptions channel;
  std::string token_file;
  std::string name;
  std::string data = "/var/lib/crossmill/worker";
  std::string pool;
  // KEY=VALUE.
  std::vector<std::string> labels;
  uint32_t slots = 0;
  std::string runtime;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string user = "crossmill";
  std::string ca_bundle;
  std::vector<std::string> pass_env;
  NetworkFlags network;
  // The main one first.
  std::vector<std::string> index_urls;
  std::vector<std::string> extra_index_urls;
  double grace_seconds = 60;
  // Bytes; 0: UsualLeastSpace.
  uint64_t least_space = 0;
  std::string direct_fetch = "auto";
  StepGroupOptions steps;
  std::vector<std::string> step_most;
  AcceleratorFlags accelerators;
  // Bytes; 0: a share of the disk.
  uint64_t layers_budget = 0;
  uint64_t caches_budget = 0;
  // For `run`.
  std::string task_file;
  std::string blobs;
  std::vector<std::string> secrets;
};

void DeclareFlags(CLI::App& app, Flags* flags) {
  app.add_option("--data", flags->data,
                 "Folder for layers, results and bundles; started as root, it is given to --user")
      ->capture_default_str();
  app.add_option("--runtime", flags->runtime, "OCI runtime: crun, runc or a path (default: crun, else runc)");
  app.add_option("--user", flags->user, "System user to become when started as root")->capture_default_str();
  app.add_option("--ca-bundle", flags->ca_bundle,
                 "PEM bundle given to RUN steps (default: SSL_CERT_FILE and the like; 'none': no bundle)");
  app.add_option("--pass-env", flags->pass_env,
                 "Variable of this environment that RUN steps see; repeatable");
  app.add_option(
      "--network-upstream-proxy", flags->network.upstream_proxy,
      "Proxy through which the recording network goes out: http://[USER:PASSWORD@]HOST:PORT, or 'none' "
      "(default: http_proxy, https_proxy; no_proxy holds for either)");
  app.add_option(
      "--network-allow", flags->network.allow,
      "Steps on the recording network reach nothing else: NAME, *.DOMAIN, ADDRESS or ADDRESS/BITS, with or "
      "without :PORT; repeatable");
  app.add_option("--network-deny", flags->network.deny,
                 "They do not reach this, whatever is allowed; repeatable");
  app.add_option("--network-allow-local", flags->network.allow_local,
                 "HOST:PORT of this machine that they may reach; repeatable");
  app.add_option("--index-url", flags->index_urls,
                 "Package index for steps on the recording network, or 'none' (default: what this machine's "
                 "pip uses)")
      ->expected(1);
  app.add_option("--extra-index-url", flags->extra_index_urls, "One more, with --index-url; repeatable");
  app.add_option("--step-memory", flags->steps.memory,
                 "Memory of all steps of this worker together, where control groups can be made: 8g "
                 "(default: the machine's "
                 "without a tenth, a gigabyte at least)")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--step-processes", flags->steps.processes,
                 "Processes and threads of all steps of this worker together, likewise (default: a quarter "
                 "of the kernel's "
                 "process ids, 8192 at most)");
  app.add_option("--step-most", flags->step_most,
                 "NAME=VALUE: the most that one step gets, whatever its build asks: memory=4g, cpus=2, "
                 "processes=1000, disk=10g, log=100m, open-files=4096; repeatable (default: memory and "
                 "processes, 15/16 of those of all steps)")
      ->allow_extra_args(false);
  flags->accelerators.Declare(app);
  app.add_option("--log-level", flags->log_level, "trace, debug, info, warn or error")->capture_default_str();
  app.add_option("--log-format", flags->log_format, "text, or json: an object in each line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void DeclareAgentFlags(CLI::App& app, Flags* flags) {
  app.add_option("--coordinator", flags->channel.address, "unix:/path or host:port");
  app.add_option("--name", flags->name, "Unique in the farm (default: HOST-PID)");
  app.add_option("--pool", flags->pool,
                 "Pool that it is in: builds may ask for one (over TCP: of workers called POOL-NAME)");
  app.add_option("--label", flags->labels, "KEY=VALUE that builds may ask for with --constraint; repeatable")
      ->allow_extra_args(false);
  app.add_option("--slots", flags->slots,
                 "Tasks at the same time (default: as many as the machine has room for)");
  app.add_option("--token-file", flags->token_file, "File with the worker token (for host:port)");
  app.add_option("--ca", flags->channel.ca_file, "PEM file with the coordinator's certificate authority");
  app.add_option(
      "--identity", flags->channel.identity_file,
      "PEM file with this worker's key and certificate, as `join` writes it; with --ca, instead of a "
      "token. It is renewed");
  app.add_flag("--insecure", flags->channel.insecure, "Allow plain text to another machine");
  app.add_option(
         "--least-space", flags->least_space,
         "Free space of --data's disk below which the worker takes no tasks: 500m, 2g (default: 1 GB, or "
         "the twentieth part of a small disk)")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--direct-fetch", flags->direct_fetch,
                 "Large blobs from the farm's bucket without the coordinator: auto (from another machine), "
                 "always, never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.add_option(
         "--layers-budget", flags->layers_budget,
         "Unpacked layers that it keeps, counted by their tars: beyond it, and where the disk is short, "
         "those used least lately go (default: half of the disk)")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--caches-budget", flags->caches_budget,
                 "Cache mounts that it keeps, likewise (default: a fifth of the disk)")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--grace", flags->grace_seconds, "Seconds that running tasks may go on after SIGTERM")
      ->capture_default_str();
}

// Makes a folder and, as root, gives it to the user that the worker becomes.
absl::Status MakeOwnFolder(const std::string& path, const std::string& user) {
  RETURN_IF_ERROR(MakeFolders(path));
  if (geteuid() != 0) return absl::OkStatus();
  struct stat state {};
  if (stat(path.c_str(), &state) != 0) return ErrnoStatus(errno, path);
  const passwd* entry = getpwnam(user.c_str());
  // A user that does not exist is EnterNamespaces' to explain.
  if (entry == nullptr || state.st_uid != 0) return absl::OkStatus();
  if (chown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

// Whom the worker becomes; nothing if it stays who it is, or if that is EnterNamespaces' to explain.
std::optional<std::pair<uint32_t, uint32_t>> OwnerOf(const std::string& user) {
  const passwd* entry = geteuid() == 0 ? getpwnam(user.c_str()) : nullptr;
  if (entry == nullptr) return std::nullopt;
  return std::pair<uint32_t, uint32_t>(entry->pw_uid, entry->pw_gid);
}

std::optional<std::string> OwnVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

// What the operator and the machine say about steps.
struct StepSettings {
  HostSettings host;
  NetworkSettings network;
  std::vector<index::IndexAddress> indexes;
  // What one step gets at most.
  v1::StepBounds most;
};

absl::StatusOr<StepSettings> ReadSettings(const Flags& flags, const std::string& host_name) {
  HostSettingsSource source;
  source.environment = OwnVariable;
  source.host_name = host_name;
  source.pass_env = flags.pass_env;
  source.ca_bundle = flags.ca_bundle;
  StepSettings settings;
  ASSIGN_OR_RETURN(settings.host, DetectHostSettings(source));
  ASSIGN_OR_RETURN(settings.network, ReadNetworkSettings(flags.network, OwnVariable));
  ASSIGN_OR_RETURN(settings.indexes, index::FindIndexes(flags.index_urls, flags.extra_index_urls));
  for (const std::string& text : flags.step_most)
    RETURN_IF_ERROR(AddStepBound(text, "--step-most", &settings.most));
  return settings;
}

// Requests a stop at SIGTERM, SIGINT and SIGHUP; the second signal ends the process, and with it, being the
// namespaces' last, everything in them. Construct before any other thread: they inherit the blocked signals.
class StopAtSignals {
 public:
  StopAtSignals() {
    sigemptyset(&signals_);
    for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals_, number);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    // A broken connection is an error of write, not a death.
    signal(SIGPIPE, SIG_IGN);
    thread_ = std::jthread([this](const std::stop_token& end) { Wait(end); });
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Wait(const std::stop_token& end) {
    const timespec patience{0, 200'000'000};
    while (!end.stop_requested()) {
      if (sigtimedwait(&signals_, nullptr, &patience) < 0) continue;
      if (stop_.stop_requested()) _exit(130);
      LogInfo("stopping; a second signal ends at once");
      stop_.request_stop();
    }
  }

  sigset_t signals_{};
  std::stop_source stop_;
  std::jthread thread_;
};

// What executes tasks, over any blob store. Members in order of dependency.
struct Machinery {
  SystemClock clock;
  std::unique_ptr<OverlaySnapshotter> snapshotter;
  std::unique_ptr<OciSandbox> sandbox;
  std::unique_ptr<MountStore> mounts;
  std::unique_ptr<PackageIndex> index;
  std::unique_ptr<NetworkServices> network;
  std::unique_ptr<StepAccelerators> accelerators;
  std::unique_ptr<StageExecutor> executor;
};

// The most tasks of a worker whose slots follow its load: steps that only wait are many, but each has its
// root file system and its threads.
uint32_t MostSlots(uint32_t cpus) { return std::clamp(cpus * 8, 16u, 128u); }

absl::StatusOr<std::unique_ptr<Machinery>> MakeMachinery(const Flags& flags, const StepSettings& settings,
                                                         StepGroups& groups, BlobStore& blobs,
                                                         index::PageArchive* pages, SshForwarder* ssh,
                                                         v1::WorkerInfo* info) {
  auto machinery = std::make_unique<Machinery>();
  // First: it holds the lock that keeps a second worker out of the data folder.
  ASSIGN_OR_RETURN(machinery->snapshotter, OverlaySnapshotter::Create(flags.data + "/snapshots", blobs));
  ASSIGN_OR_RETURN(machinery->sandbox, OciSandbox::Create({.runtime = flags.runtime,
                                                           .folder = flags.data + "/sandbox",
                                                           .host_settings = settings.host,
                                                           .groups = &groups}));
  if (const absl::Status& problem = machinery->sandbox->groups_problem(); !problem.ok())
    groups.GiveUp(Sv(problem.message()));
  LogInfo("limits of all steps together: {}", groups.said());
  ASSIGN_OR_RETURN(machinery->mounts, MountStore::Create(flags.data + "/mounts"));
  machinery->index =
      std::make_unique<PackageIndex>(settings.indexes, settings.network, blobs, pages, machinery->clock);
  ASSIGN_OR_RETURN(machinery->network,
                   NetworkServices::Create(flags.data + "/network", settings.network, machinery->clock,
                                           {&machinery->index->service()}));
  ASSIGN_OR_RETURN(machinery->accelerators, OpenAccelerators(flags.accelerators, flags.data, info));
  info->set_runtime(machinery->sandbox->version());
  ASSIGN_OR_RETURN(*info->mutable_file_system(), FileSystemOf(flags.data));
  ExecutorOptions options;
  options.platforms.assign(info->platforms().begin(), info->platforms().end());
  options.host_settings = settings.host;
  options.most_bounds = MostOfOneStep(settings.most, groups);
  LogInfo("limits of one step: {}", TellEnforcement(groups, options.most_bounds, info));
  options.host_facts = {info->kernel(), info->cpu_model()};
  options.mounts = machinery->mounts.get();
  options.networks = &machinery->network->networks();
  options.indexes = settings.indexes.size();
  options.ssh = ssh;
  options.accelerators = machinery->accelerators.get();
  options.disk_space = [data = flags.data] { return SpaceOf(data); };
  options.least_space = flags.least_space;
  machinery->executor = std::make_unique<StageExecutor>(*machinery->snapshotter, *machinery->sandbox, blobs,
                                                        machinery->clock, std::move(options));
  return machinery;
}

// What the worker keeps and may remove. `caches_bytes` gets what was measured last, for the coordinator.
SpaceKeeperOptions BudgetsOf(const Flags& flags, const Machinery& machinery,
                             std::atomic<uint64_t>* caches_bytes) {
  OverlaySnapshotter& layers = *machinery.snapshotter;
  CacheFolders& caches = machinery.mounts->caches();
  SpaceKeeperOptions options;
  options.stocks.push_back({.name = "layers",
                            .budget = flags.layers_budget,
                            .bytes = [&layers] { return layers.bytes(); },
                            .oldest = [&layers] { return layers.oldest(); },
                            .remove_oldest = [&layers] { return layers.RemoveOldest(); }});
  options.stocks.push_back({.name = "cache mounts",
                            .budget = flags.caches_budget,
                            .bytes =
                                [&caches, caches_bytes] {
                                  caches_bytes->store(caches.Measure());
                                  return caches_bytes->load();
                                },
                            .oldest = [&caches] { return caches.oldest(); },
                            .remove_oldest = [&caches] { return caches.RemoveOldest(); }});
  options.free = [data = flags.data]() -> std::optional<uint64_t> {
    const auto space = SpaceOf(data);
    if (!space.ok()) return std::nullopt;
    return UsableSpace(*space);
  };
  options.least = [data = flags.data, least = flags.least_space]() -> uint64_t {
    const auto space = least == 0 ? SpaceOf(data) : absl::StatusOr<DiskSpace>(DiskSpace{});
    return least != 0 ? least : space.ok() ? UsualLeastSpace(*space) : 0;
  };
  return options;
}

// Where the operator says nothing.
void FillBudgets(Flags* flags) {
  const auto space = SpaceOf(flags->data);
  if (!space.ok()) return;
  if (flags->layers_budget == 0) flags->layers_budget = space->total / 2;
  if (flags->caches_budget == 0) flags->caches_budget = space->total / 5;
}

absl::Status ServeCoordinator(const Flags& flags, const StepSettings& settings, StepGroups& groups,
                              v1::WorkerInfo info, const ServiceAddress& manager) {
  const StopAtSignals signals;
  SteadyClock passing;
  ServiceNotices notices(manager, passing);
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, rpc::MakeChannel(flags.channel));
  RETURN_IF_ERROR(MakeFolders(flags.data + "/upload"));
  rpc::RemoteBlobOptions blob_options;
  blob_options.buffer_folder = flags.data + "/upload";
  // Some two minutes: a step that ends while the coordinator restarts must not be lost.
  blob_options.retry.attempts = 45;
  blob_options.compress = rpc::LeavesMachine(flags.channel.address);
  const std::unique_ptr<BlobStore> farm_blobs = rpc::MakeLocalBlobStore(channel, blob_options);
  const std::unique_ptr<http::HttpClient> direct_http = MakeDirectHttpClient();
  DirectBlobOptions direct_options;
  direct_options.buffer_folder = blob_options.buffer_folder;
  const std::unique_ptr<BlobStore> direct_blobs =
      MakeDirectBlobStore(*farm_blobs, channel, *direct_http, direct_options);
  // On the coordinator's machine a file is handed over, which no fetch is faster than.
  const bool direct = flags.direct_fetch == "always" ||
                      (flags.direct_fetch == "auto" && rpc::LeavesMachine(flags.channel.address));
  BlobStore* const blobs = direct ? direct_blobs.get() : farm_blobs.get();
  CoordinatorForwarder ssh(channel);
  FarmPageArchive pages(channel);
  ASSIGN_OR_RETURN(const auto machinery, MakeMachinery(flags, settings, groups, *blobs, &pages, &ssh, &info));
  // After the machinery, which keeps a second worker out of the folder.
  ASSIGN_OR_RETURN(const keys::SigningKey key, keys::LoadOrMakeKey(flags.data + "/signing-key.pem"));
  info.set_public_key(key.public_key().Pem());
  ASSIGN_OR_RETURN(UndeliveredResults results, UndeliveredResults::Open(flags.data + "/spool"));
  LeaseBoard board(
      info,
      [&machinery, &info, &key](const v1::Task& task, const TaskContext& context, ExecutionObserver& observer,
                                const std::stop_token& stop) {
        SigningObserver signing(task, info, key, observer);
        v1::TaskResult result = machinery->executor->Execute(task, context, signing, stop);
        signing.AddStatements(&result);
        return result;
      },
      results);
  RETURN_IF_ERROR(board.Restore());
  for (const v1::PlatformSupport& support : info.platforms()) {
    LogInfo("platform={} {}", FormatPlatform(support.platform()), support.emulated() ? "emulated" : "native");
  }
  LogInfo("worker={} slots={} runtime='{}' coordinator={}", info.name(), info.slots(), info.runtime(),
          flags.channel.address);
  std::atomic<uint64_t> caches_bytes = 0;
  const SpaceKeeper keeper(BudgetsOf(flags, *machinery, &caches_bytes));
  AgentOptions options;
  options.grace = absl::Seconds(flags.grace_seconds);
  HostLoadMeter meter(info.cpus());
  options.measure = [&meter, &flags, &machinery, &caches_bytes]() -> std::optional<v1::HostLoad> {
    std::optional<v1::HostLoad> load = meter.Sample();
    const absl::StatusOr<DiskSpace> space = SpaceOf(flags.data);
    if (!load || !space.ok()) return load;
    load->set_free_space(UsableSpace(*space));
    load->set_least_space(flags.least_space == 0 ? UsualLeastSpace(*space) : flags.least_space);
    load->set_layers_bytes(machinery->snapshotter->bytes());
    load->set_caches_bytes(caches_bytes);
    load->set_clock(UnixNanos(machinery->clock.Now()));
    return load;
  };
  options.on_alive = [&notices] { notices.Alive(); };
  options.on_connection = [&notices, &flags](bool connected) {
    notices.Status(
        fmt::format("{} {}", connected ? "connected to" : "no connection to", flags.channel.address));
  };
  // Whoever waits for this worker's start does not wait for a coordinator that is away.
  notices.Ready(fmt::format("connecting to {}", flags.channel.address));
  const std::stop_callback told(signals.token(), [&notices, &flags] {
    notices.Stopping(fmt::format(
        "tasks that run may go on for {} s; then the coordinator gives them to others", flags.grace_seconds));
  });
  std::optional<IdentityRenewal> renewal;
  if (!flags.channel.identity_file.empty()) renewal.emplace(channel, flags.channel.identity_file);
  return Agent(channel, board, options).Run(signals.token());
}

absl::StatusOr<int> ExecuteTaskFile(const Flags& flags, const v1::Task& task,
                                    const std::vector<SecretSource>& secrets, const StepSettings& settings,
                                    StepGroups& groups, v1::WorkerInfo info) {
  const StopAtSignals signals;
  TaskContext context;
  ASSIGN_OR_RETURN(context.secrets, ReadSecrets(secrets));
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore> blobs, OpenFolderBlobStore(flags.blobs));
  ASSIGN_OR_RETURN(const auto machinery,
                   MakeMachinery(flags, settings, groups, *blobs, nullptr, nullptr, &info));
  PrintingObserver observer(task, std::cerr);
  const v1::TaskResult result = machinery->executor->Execute(task, context, observer, signals.token());
  std::cout << TaskResultJson(result) << std::flush;
  return ExitCodeOf(result);
}

// Where memory is short, the machine ends a worker before a coordinator, and steps (runtime_spec) before
// workers.
void DieBeforeTheCoordinator() {
  constexpr std::string_view kInTheMiddle = "300";
  const auto file = OpenFile("/proc/self/oom_score_adj", O_WRONLY);
  // Anybody may raise it; what was set higher stays.
  const auto present = ReadFile("/proc/self/oom_score_adj", 64);
  if (!file.ok() || !present.ok() || std::atoi(present->c_str()) >= 300) return;
  if (!WriteAll(file->get(), kInTheMiddle).ok()) LogDebug("oom_score_adj stays {}", *present);
}

absl::Status CompleteAgentFlags(const v1::WorkerInfo& info, Flags* flags) {
  if (flags->channel.address.empty()) return absl::InvalidArgumentError("--coordinator is missing");
  if (!flags->token_file.empty()) {
    ASSIGN_OR_RETURN(std::string token, ReadFile(flags->token_file, 4096));
    token.erase(token.find_last_not_of(" \r\n") + 1);
    flags->channel.token = std::move(token);
  }
  if (flags->name.empty()) flags->name = fmt::format("{}-{}", info.host_name(), getpid());
  return absl::OkStatus();
}

absl::Status AddPlace(const Flags& flags, v1::WorkerInfo* info) {
  RETURN_IF_ERROR(Annotate(CheckPoolName(flags.pool), "--pool"));
  info->set_pool(flags.pool);
  for (const std::string& text : flags.labels) {
    auto label = ParseWorkerLabel(text);
    if (!label.ok()) return Annotate(label.status(), "--label");
    *info->add_labels() = *std::move(label);
  }
  return Annotate(CheckWorkerLabels(*info), "--label");
}

// Everything that needs the outside is read first, then the namespaces are entered.
absl::StatusOr<int> Execute(Flags flags, bool from_file) {
  const ServiceAddress manager = TakeServiceAddress();
  ASSIGN_OR_RETURN(v1::WorkerInfo info, ProbeMachine());
  ASSIGN_OR_RETURN(const StepSettings settings, ReadSettings(flags, info.host_name()));
  std::optional<v1::Task> task;
  std::vector<SecretSource> secrets;
  if (from_file) {
    ASSIGN_OR_RETURN(task, ReadTaskFile(flags.task_file));
    ASSIGN_OR_RETURN(secrets, OpenSecrets(flags.secrets));
    RETURN_IF_ERROR(MakeOwnFolder(flags.blobs, flags.user));
    flags.blobs = AbsolutePath(flags.blobs);
  } else {
    RETURN_IF_ERROR(CompleteAgentFlags(info, &flags));
  }
  RETURN_IF_ERROR(MakeOwnFolder(flags.data, flags.user));
  flags.data = AbsolutePath(flags.data);
  if (!flags.channel.identity_file.empty())
    flags.channel.identity_file = AbsolutePath(flags.channel.identity_file);
  FillBudgets(&flags);
  info.set_layers_budget(flags.layers_budget);
  info.set_caches_budget(flags.caches_budget);
  // Layers are mounted, and steps run, with other working folders.
  if (flags.runtime.find('/') != std::string::npos) flags.runtime = AbsolutePath(flags.runtime);
  info.set_name(flags.name);
  RETURN_IF_ERROR(AddPlace(flags, &info));
  info.set_slots(flags.slots == 0 ? MostSlots(info.cpus()) : flags.slots);
  info.set_slots_by_load(flags.slots == 0);
  for (const index::IndexAddress& index : settings.indexes) info.add_index_urls(index.url);
  RETURN_IF_ERROR(flags.accelerators.ReadBefore(from_file));
  flags.steps.owner = OwnerOf(flags.user);
  StepGroups groups = StepGroups::Make(flags.steps);
  DieBeforeTheCoordinator();
  // Each connection of a step through the recorded network is two; steps have limits of their own.
  RaiseDescriptorLimit();
  NamespaceOptions namespaces;
  namespaces.user = flags.user;
  ASSIGN_OR_RETURN(const std::optional<int> ended, EnterNamespaces(namespaces));
  if (ended) return *ended;
  if (from_file) return ExecuteTaskFile(flags, *task, secrets, settings, groups, std::move(info));
  RETURN_IF_ERROR(ServeCoordinator(flags, settings, groups, std::move(info), manager));
  return 0;
}

}  // namespace

int RunWorkerCommand(int argc, char** argv) {
  Flags flags;
  CLI::App app{"Executes build stages for a Crossmill coordinator."};
  app.set_version_flag("--version", std::string("crossmill-worker " CROSSMILL_VERSION));
  DeclareFlags(app, &flags);
  DeclareAgentFlags(app, &flags);
  settings::CommandSettings effective(app, {"CROSSMILL_WORKER_", "/etc/crossmill/worker.toml", std::nullopt});
  CLI::App* run = app.add_subcommand("run", "Executes one task from a file and prints its result as JSON");
  run->add_option("TASK_FILE", flags.task_file, "A Task, in protobuf's binary or JSON form")->required();
  run->add_option("--blobs", flags.blobs,
                  "Folder with blobs named sha256-HEX; new ones are added; as root, it is given to --user")
      ->required();
  run->add_option("--secret", flags.secrets,
                  "Value for RUN --mount=type=secret: id=ID,src=FILE or id=ID,env=NAME; repeatable");
  DeclareFlags(*run, &flags);
  std::function<int()> join;
  AddJoinCommand(app, join);
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (join) return join();
  // What one task from a file needs is all on its command line.
  if (!run->parsed()) {
    if (const absl::Status read = effective.Complete(settings::OwnEnvironment()); !read.ok()) {
      std::cerr << "crossmill-worker: " << Sv(read.message()) << "\n";
      return 2;
    }
  }
  if (effective.print_wanted()) {
    std::cout << effective.Text();
    return 0;
  }
  SetLogFormat(LogFormatNamed(flags.log_format).value_or(LogFormat::kText));
  SetUpLog("crossmill-worker", flags.log_level);
  for (const std::string& warning : effective.warnings()) LogWarning("{}", warning);
  const auto code = Execute(std::move(flags), run->parsed());
  if (code.ok()) return *code;
  std::cerr << "crossmill-worker: " << Sv(code.status().message()) << "\n";
  return absl::IsInvalidArgument(code.status()) ? 2 : kExitInfrastructure;
}

}  // namespace crossmill::worker
