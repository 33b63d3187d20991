#include "coordinator/server.h"

#include <algorithm>
#include <thread>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "common/compare/known_files.h"
#include "common/failures/failure_rules.h"
#include "common/http/curl_http_client.h"
#include "common/keys/key_file.h"
#include "common/registry/registry.h"
#include "common/words/platform.h"
#include "coordinator/engine/engine.h"
#include "coordinator/evidence/build_evidence.h"
#include "coordinator/forecast/ahead_forecast.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/forecaster.h"
#include "coordinator/forecast/recorded_pages.h"
#include "coordinator/http/http_door.h"
#include "coordinator/http/sessions.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_source.h"
#include "coordinator/images/image_store.h"
#include "coordinator/rpc/attestations_service.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/builds_service.h"
#include "coordinator/rpc/byte_stream_service.h"
#include "coordinator/rpc/cas_service.h"
#include "coordinator/rpc/farm_service.h"
#include "coordinator/rpc/images_service.h"
#include "coordinator/rpc/index_pages_service.h"
#include "coordinator/rpc/local_door.h"
#include "coordinator/rpc/notices/notices_service.h"
#include "coordinator/rpc/notices/webhooks_service.h"
#include "coordinator/rpc/overview/overview_service.h"
#include "coordinator/rpc/packages_service.h"
#include "coordinator/rpc/predictions_service.h"
#include "coordinator/rpc/token_file.h"
#include "coordinator/rpc/verification_service.h"
#include "coordinator/rpc/wheels_service.h"
#include "coordinator/rpc/worker_queue_service.h"
#include "coordinator/sources/fetched_sources.h"
#include "coordinator/storage/drain_records.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/index_page_records.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/notices/webhook_records.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/remote_records_sqlite.h"
#include "coordinator/submissions/file_submissions.h"
#include "coordinator/submissions/rpc/submissions_service.h"
#include "coordinator/verification/build_pairs.h"
#include "coordinator/verification/rebuilds.h"
#include "coordinator/verification/recipe_history.h"
#include "coordinator/webhooks/address_rules.h"
#include "coordinator/webhooks/deliverer.h"

namespace crossmill::coordinator {
namespace {

// Running calls (watchers, worker streams) get so long to end when the server stops.
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);

// What a killed coordinator left. Folders are made in it under names of their own, so that what cannot be
// removed costs room, and is no reason not to start.
void RemoveLeftovers(const std::string& folder) {
  if (const absl::Status removed = RemoveTree(folder); !removed.ok())
    LogWarning("what is left in {} cannot be removed; do it by hand: {}", folder, Sv(removed.message()));
}

absl::StatusOr<registry::RegistryOptions> MakeRegistryOptions(const ServerOptions& options) {
  registry::RegistryOptions registry;
  registry.plain_http = options.plain_registries;
  for (const std::string& pair : options.registry_mirrors) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return absl::InvalidArgumentError(fmt::format("--registry-mirror {}: expected REGISTRY=MIRROR", pair));
    }
    registry.mirrors[pair.substr(0, equals)].push_back(pair.substr(equals + 1));
  }
  registry.credentials =
      registry::DockerCredentials([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      });
  return registry;
}

absl::StatusOr<v1::Platform> BuildPlatform(const std::string& given) {
  if (!given.empty()) {
    auto platform = ParsePlatform(given);
    return platform.ok() ? platform : Annotate(platform.status(), "--build-platform");
  }
  return OwnPlatform();
}

absl::StatusOr<std::shared_ptr<const failures::FailureRules>> LoadFailureRules(
    const std::vector<std::string>& paths) {
  constexpr int64_t kLongestFile = int64_t{4} << 20;
  std::vector<failures::RuleFile> files;
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> text = ReadFile(path, kLongestFile);
    if (!text.ok()) return Annotate(text.status(), "--failure-rules");
    files.push_back({path, *std::move(text)});
  }
  auto rules = failures::FailureRules::Load(files);
  return rules.ok() ? rules : Annotate(rules.status(), "--failure-rules");
}

absl::StatusOr<std::shared_ptr<const compare::KnownFiles>> LoadKnownFiles(
    const std::vector<std::string>& paths) {
  constexpr int64_t kLongestFile = int64_t{4} << 20;
  compare::KnownFiles known = compare::KnownFiles::Embedded();
  for (const std::string& path : paths) {
    const absl::StatusOr<std::string> text = ReadFile(path, kLongestFile);
    if (!text.ok()) return Annotate(text.status(), "--known-files");
    const auto more = compare::KnownFiles::Parse(path, *text);
    if (!more.ok()) return Annotate(more.status(), "--known-files");
    known = known.With(*more);
  }
  return std::make_shared<const compare::KnownFiles>(std::move(known));
}

// Members in order of dependency: what is declared later is destroyed first.
class ServerImpl final : public Server {
 public:
  explicit ServerImpl(ServerOptions options) : options_(std::move(options)) {}
  ~ServerImpl() override {
    // Watches first, so that their calls end; the engine last, so that nothing that workers say until their
    // streams end is lost.
    if (reverification_) reverification_->Stop();
    if (deliverer_) deliverer_->Stop();
    if (engine_) engine_->EndWatches();
    // A build that waits for a download is planned again after the next start.
    if (sources_) sources_->Stop();
    if (submissions_) submissions_->Stop();
    if (images_) images_->Stop();
    if (predictions_) predictions_->Stop();
    if (door_) door_->Stop();
    if (http_door_) http_door_->Stop();
    if (rpc_) rpc_->Shutdown(kShutdownGrace);
    if (engine_) engine_->Stop();
  }

  absl::Status Open() {
    EngineOptions engine;
    ASSIGN_OR_RETURN(engine.failure_rules, LoadFailureRules(options_.failure_rule_files));
    ASSIGN_OR_RETURN(engine.known_files, LoadKnownFiles(options_.known_file_rules));
    RETURN_IF_ERROR(MakeFolders(options_.data_folder));
    ASSIGN_OR_RETURN(blobs_, OpenDiskBlobStore(options_.data_folder + "/content"));
    ASSIGN_OR_RETURN(records_, storage::RecordStore::Open(options_.data_folder + "/record.db"));
    index_page_records_ = std::make_unique<storage::IndexPageRecords>(records_->connection());
    logs_ = std::make_unique<storage::LogStore>(options_.data_folder + "/logs");
    image_records_ = std::make_unique<storage::SqliteImageRecords>(records_->connection());
    http_ = http::MakeCurlHttpClient();
    ASSIGN_OR_RETURN(registry::RegistryOptions registry, MakeRegistryOptions(options_));
    source_ = std::make_unique<RegistrySource>(*http_, std::move(registry));
    images_ = std::make_unique<ImageStore>(*blobs_, *image_records_, *source_, clock_);
    RETURN_IF_ERROR(OpenSources());
    const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    assembler_ = std::make_unique<ImageAssembler>(*blobs_, *image_records_, clock_, threads);
    engine.scheduler.worker_timeout = options_.worker_timeout;
    engine.scheduler.emulation = options_.emulation;
    engine.scheduler.drained = &drained_;
    drain_records_ = std::make_unique<storage::DrainRecords>(records_->connection());
    ASSIGN_OR_RETURN(const std::vector<std::string> drained, drain_records_->List());
    for (const std::string& worker : drained) drained_.Set(worker, true);
    engine.unplaceable_grace = options_.unplaceable_grace;
    engine.remote_sources = sources_.get();
    engine.on_failure = options_.on_failure;
    ASSIGN_OR_RETURN(engine.build_platform, BuildPlatform(options_.build_platform));
    RETURN_IF_ERROR(OpenIndexes());
    engine.ahead_planner = ahead_forecast_.get();
    engine_ = std::make_unique<Engine>(*records_, *logs_, *blobs_, *images_, *assembler_, clock_, engine);
    RETURN_IF_ERROR(engine_->Start());
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_->OpenAnother());
    forecaster_ =
        std::make_unique<Forecaster>(PlanningStores{*images_, *blobs_, sources_.get()}, engine_->reader(),
                                     std::move(committed), *indexes_, engine.build_platform);
    RETURN_IF_ERROR(OpenSubmissions());
    RETURN_IF_ERROR(OpenEvidence());
    RETURN_IF_ERROR(OpenVerification());
    RETURN_IF_ERROR(OpenNotices());
    RETURN_IF_ERROR(Listen());
    return OpenHttpDoor();
  }

  int tcp_port() const override { return rpc_->tcp_port(); }
  const std::string& unix_socket() const override { return options_.listen.unix_socket; }

 private:
  absl::Status OpenSources() {
    remote_records_ = std::make_unique<storage::SqliteRemoteRecords>(records_->connection());
    FetchedSourcesOptions options;
    options.scratch_folder = options_.data_folder + "/checkouts";
    RemoveLeftovers(options.scratch_folder);
    sources_ =
        std::make_unique<FetchedSources>(*blobs_, *remote_records_, *http_, clock_, std::move(options));
    return absl::OkStatus();
  }

  absl::Status OpenIndexes() {
    pages_ = std::make_unique<RecordedPages>(*index_page_records_, *blobs_, clock_);
    indexes_ = std::make_unique<FarmIndexes>(options_.indexes, *http_, *blobs_, pages_.get(), clock_);
    if (options_.indexes.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_->OpenAnother());
    ahead_forecast_ = std::make_unique<AheadForecast>(*blobs_, std::move(committed), *indexes_);
    return absl::OkStatus();
  }

  absl::Status OpenSubmissions() {
    FileSubmissionsOptions options;
    options.scratch_folder = options_.data_folder + "/submissions";
    options.most_bytes = options_.context_limit;
    RemoveLeftovers(options.scratch_folder);
    const AdmitBuild admit = [this](const v1::BuildSubmission& submission, const std::string& key,
                                    const std::vector<v1::Secret>& secrets) -> absl::StatusOr<AdmittedBuild> {
      ASSIGN_OR_RETURN(const Submitted submitted, engine_->Submit(submission, key, secrets));
      return AdmittedBuild{submitted.build, submitted.existing};
    };
    submissions_ = std::make_unique<FileSubmissions>(*blobs_, clock_, admit, std::move(options));
    return absl::OkStatus();
  }

  absl::Status OpenEvidence() {
    ASSIGN_OR_RETURN(keys::SigningKey key, keys::LoadOrMakeKey(options_.data_folder + "/signing-key.pem"));
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_->OpenAnother());
    evidence_ = std::make_unique<BuildEvidence>(engine_->reader(), std::move(committed), std::move(key));
    return absl::OkStatus();
  }

  absl::Status OpenVerification() {
    rebuilds_ = std::make_unique<Rebuilds>(*engine_);
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> due, records_->OpenAnother());
    reverification_ = std::make_unique<Reverification>(*rebuilds_, std::move(due), clock_);
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_->OpenAnother());
    recipe_history_ = std::make_unique<RecipeHistory>(engine_->reader(), std::move(committed), *blobs_);
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> compared, records_->OpenAnother());
    build_pairs_ = std::make_unique<BuildPairs>(engine_->reader(), std::move(compared), *blobs_);
    reverification_->Start(options_.reverification, [this] { return engine_->reader().IsIdle(); });
    return absl::OkStatus();
  }

  absl::Status OpenNotices() {
    auto rules = AddressRules::Allowing(options_.webhook_networks);
    if (!rules.ok()) return Annotate(rules.status(), "--webhook-allow");
    ASSIGN_OR_RETURN(state_reader_, records_->OpenAnother());
    states_ = std::make_unique<storage::StateRecords>(state_reader_->connection());
    webhook_records_ = std::make_unique<storage::WebhookRecords>(records_->connection());
    ASSIGN_OR_RETURN(const storage::FarmIdentity farm, states_->Identity());
    webhook_client_ = MakeWebhookClient(*rules);
    deliverer_ = std::make_unique<Deliverer>(*webhook_records_, *webhook_client_, clock_, farm.id);
    deliverer_->Start();
    return absl::OkStatus();
  }

  absl::Status Listen() {
    ASSIGN_OR_RETURN(std::vector<TokenRecord> tokens, ReadTokenFile(options_.token_file));
    ASSIGN_OR_RETURN(std::string session_key, door::Sessions::LoadKey(options_.data_folder + "/session-key"));
    sessions_ = std::make_unique<door::Sessions>(std::move(session_key));
    // Sessions of browsers act with tokens that only this process has.
    for (const auto& [role, token] : session_tokens_)
      tokens.push_back({.hash = Sha256Hex(token), .client = role, .worker = false, .name = "page"});
    authenticator_ = std::make_unique<Authenticator>(std::move(tokens));
    cas_ = std::make_unique<CasService>(*blobs_, *authenticator_);
    capabilities_ = std::make_unique<CapabilitiesService>(*authenticator_);
    byte_stream_ = std::make_unique<ByteStreamService>(*blobs_, *authenticator_, clock_);
    wheels_ = std::make_unique<WheelsService>(*records_, *authenticator_);
    builds_ = std::make_unique<BuildsService>(*engine_, *logs_, clock_, *authenticator_);
    submissions_service_ = std::make_unique<SubmissionsService>(*submissions_, *authenticator_);
    packages_ = std::make_unique<PackagesService>(engine_->reader().package_queries(), *authenticator_);
    overview_ = std::make_unique<OverviewService>(engine_->reader().overview(), clock_, *authenticator_);
    image_service_ = std::make_unique<ImagesService>(*images_, *authenticator_, evidence_.get());
    attestations_ = std::make_unique<AttestationsService>(*evidence_, *authenticator_);
    verification_ = std::make_unique<VerificationService>(*rebuilds_, *reverification_, *recipe_history_,
                                                          *build_pairs_, *authenticator_);
    farm_ = std::make_unique<FarmService>(*engine_, clock_, options_.data_folder, *authenticator_, *sessions_,
                                          WorkerControl{*drain_records_, drained_});
    notices_ = std::make_unique<NoticesService>(*states_, *authenticator_);
    webhooks_ = std::make_unique<WebhooksService>(*webhook_records_, clock_, *authenticator_,
                                                  [this] { deliverer_->Wake(); });
    queue_ = std::make_unique<WorkerQueueService>(*engine_, *authenticator_);
    index_pages_ = std::make_unique<IndexPagesService>(*pages_, *authenticator_);
    predictions_ = std::make_unique<PredictionsService>(*forecaster_, *authenticator_);
    door_ = std::make_unique<LocalDoor>(*blobs_, *authenticator_, clock_);
    // Without it everything goes over the wire, as from other machines.
    if (const absl::Status door = door_->Start(); !door.ok())
      LogWarning("local_door error={}", door.ToString());
    const std::vector<ServedService> services = {
        {"build.bazel.remote.execution.v2.ContentAddressableStorage", cas_.get()},
        {"build.bazel.remote.execution.v2.Capabilities", capabilities_.get()},
        {"google.bytestream.ByteStream", byte_stream_.get()},
        {"crossmill.v1.Builds", builds_.get()},
        {"crossmill.v1.Submissions", submissions_service_.get()},
        {"crossmill.v1.Packages", packages_.get()},
        {"crossmill.v1.Images", image_service_.get()},
        {"crossmill.v1.Wheels", wheels_.get()},
        {"crossmill.v1.Predictions", predictions_.get()},
        {"crossmill.v1.Attestations", attestations_.get()},
        {"crossmill.v1.Verification", verification_.get()},
        {"crossmill.v1.Overview", overview_.get()},
        {"crossmill.v1.Farm", farm_.get()},
        {"crossmill.v1.Notices", notices_.get()},
        {"crossmill.v1.Webhooks", webhooks_.get()},
        {"crossmill.v1.WorkerQueue", queue_.get()},
        {"crossmill.v1.IndexPages", index_pages_.get()},
        {"crossmill.v1.LocalDoor", door_.get()},
    };
    ASSIGN_OR_RETURN(rpc_, RpcServer::Start(options_.listen, services));
    LogInfo("serving data={} socket={} tcp={}", options_.data_folder, options_.listen.unix_socket,
            options_.listen.tcp_address.empty() ? "none" : fmt::format("port {}", rpc_->tcp_port()));
    return absl::OkStatus();
  }

  absl::Status OpenHttpDoor() {
    if (options_.http_address.empty()) return absl::OkStatus();
    door::DoorOptions options;
    options.address = options_.http_address;
    options.certificate_file = options_.listen.certificate_file;
    options.key_file = options_.listen.key_file;
    options.insecure = options_.listen.insecure;
    options.names = options_.http_names;
    options.public_badges = options_.public_badges;
    ASSIGN_OR_RETURN(http_door_, door::HttpDoor::Start(options, {.services = rpc_->InProcessChannel(),
                                                                 .own_tokens = session_tokens_,
                                                                 .sessions = *sessions_,
                                                                 .clock = clock_}));
    LogInfo("serving http={}", http_door_->url());
    return absl::OkStatus();
  }

  ServerOptions options_;
  const door::OwnTokens session_tokens_ = {
      {v1::ACCESS_READ, NewToken()}, {v1::ACCESS_SUBMIT, NewToken()}, {v1::ACCESS_OPERATE, NewToken()}};
  SystemClock clock_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<storage::IndexPageRecords> index_page_records_;
  std::unique_ptr<storage::DrainRecords> drain_records_;
  core::DrainedWorkers drained_;
  std::unique_ptr<storage::LogStore> logs_;
  std::unique_ptr<storage::SqliteImageRecords> image_records_;
  std::unique_ptr<http::HttpClient> http_;
  std::unique_ptr<RegistrySource> source_;
  std::unique_ptr<ImageStore> images_;
  std::unique_ptr<storage::SqliteRemoteRecords> remote_records_;
  std::unique_ptr<FetchedSources> sources_;
  std::unique_ptr<ImageAssembler> assembler_;
  std::unique_ptr<RecordedPages> pages_;
  std::unique_ptr<FarmIndexes> indexes_;
  std::unique_ptr<AheadForecast> ahead_forecast_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<storage::RecordStore> state_reader_;
  std::unique_ptr<storage::StateRecords> states_;
  std::unique_ptr<storage::WebhookRecords> webhook_records_;
  std::unique_ptr<http::HttpClient> webhook_client_;
  std::unique_ptr<Deliverer> deliverer_;
  std::unique_ptr<Forecaster> forecaster_;
  std::unique_ptr<FileSubmissions> submissions_;
  std::unique_ptr<BuildEvidence> evidence_;
  std::unique_ptr<door::Sessions> sessions_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<CasService> cas_;
  std::unique_ptr<CapabilitiesService> capabilities_;
  std::unique_ptr<ByteStreamService> byte_stream_;
  std::unique_ptr<BuildsService> builds_;
  std::unique_ptr<SubmissionsService> submissions_service_;
  std::unique_ptr<PackagesService> packages_;
  std::unique_ptr<OverviewService> overview_;
  std::unique_ptr<ImagesService> image_service_;
  std::unique_ptr<WheelsService> wheels_;
  std::unique_ptr<Rebuilds> rebuilds_;
  std::unique_ptr<Reverification> reverification_;
  std::unique_ptr<RecipeHistory> recipe_history_;
  std::unique_ptr<BuildPairs> build_pairs_;
  std::unique_ptr<VerificationService> verification_;
  std::unique_ptr<FarmService> farm_;
  std::unique_ptr<NoticesService> notices_;
  std::unique_ptr<WebhooksService> webhooks_;
  std::unique_ptr<AttestationsService> attestations_;
  std::unique_ptr<IndexPagesService> index_pages_;
  std::unique_ptr<PredictionsService> predictions_;
  std::unique_ptr<WorkerQueueService> queue_;
  std::unique_ptr<LocalDoor> door_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<door::HttpDoor> http_door_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  if (options.listen.unix_socket.empty())
    options.listen.unix_socket = options.data_folder + "/coordinator.sock";
  if (options.token_file.empty()) options.token_file = options.data_folder + "/tokens";
  auto server = std::make_unique<ServerImpl>(std::move(options));
  RETURN_IF_ERROR(server->Open());
  return server;
}

}  // namespace crossmill::coordinator
