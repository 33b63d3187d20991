#include "coordinator/server.h"

#include <algorithm>
#include <thread>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/room/descriptors.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "common/http/curl_http_client.h"
#include "common/keys/key_file.h"
#include "common/registry/registry.h"
#include "common/words/platform.h"
#include "coordinator/audit/audit_log.h"
#include "coordinator/backup/restoring.h"
#include "coordinator/buildkit/buildkit_front.h"
#include "coordinator/core/standing/state_changes.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/planning/known_end.h"
#include "coordinator/engine/trust/farm_trust.h"
#include "coordinator/evidence/build_evidence.h"
#include "coordinator/forecast/ahead_forecast.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/forecaster.h"
#include "coordinator/forecast/recorded_pages.h"
#include "coordinator/free_memory.h"
#include "coordinator/health/readiness.h"
#include "coordinator/http/http_door.h"
#include "coordinator/http/sessions.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_source.h"
#include "coordinator/images/image_store.h"
#include "coordinator/leftovers.h"
#include "coordinator/registry_options.h"
#include "coordinator/retention/aging.h"
#include "coordinator/retention/collector.h"
#include "coordinator/room/disk_room.h"
#include "coordinator/room/held_blobs.h"
#include "coordinator/room/roomy_blob_store.h"
#include "coordinator/rpc/attestations_service.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/blob_places/blob_places_service.h"
#include "coordinator/rpc/builds_service.h"
#include "coordinator/rpc/byte_stream_service.h"
#include "coordinator/rpc/cas_service.h"
#include "coordinator/rpc/connections/door_shares.h"
#include "coordinator/rpc/connections/open_connections.h"
#include "coordinator/rpc/farm_service.h"
#include "coordinator/rpc/images_service.h"
#include "coordinator/rpc/index_pages_service.h"
#include "coordinator/rpc/local_door.h"
#include "coordinator/rpc/matrices/matrices_service.h"
#include "coordinator/rpc/notices/notices_service.h"
#include "coordinator/rpc/notices/webhooks_service.h"
#include "coordinator/rpc/overview/overview_service.h"
#include "coordinator/rpc/packages_service.h"
#include "coordinator/rpc/peers/audit_interceptor.h"
#include "coordinator/rpc/people/farm_people.h"
#include "coordinator/rpc/predictions_service.h"
#include "coordinator/rpc/retention/retention_service.h"
#include "coordinator/rpc/token_file.h"
#include "coordinator/rpc/verification_service.h"
#include "coordinator/rpc/wheels_service.h"
#include "coordinator/rpc/worker_queue_service.h"
#include "coordinator/rule_files.h"
#include "coordinator/sources/fetched_sources.h"
#include "coordinator/storage/drain_records.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/index_page_records.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/notices/webhook_records.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/remote_records_sqlite.h"
#include "coordinator/storage/retention/aging_records.h"
#include "coordinator/storage/retention/policy_records.h"
#include "coordinator/submissions/file_submissions.h"
#include "coordinator/submissions/rpc/submissions_service.h"
#include "coordinator/telemetry.h"
#include "coordinator/verification/build_pairs.h"
#include "coordinator/verification/rebuilds.h"
#include "coordinator/verification/recipe_history.h"
#include "coordinator/webhooks/address_rules.h"
#include "coordinator/webhooks/deliverer.h"

namespace crossmill::coordinator {
namespace {

// Running calls (watchers, worker streams) get so long to end when the server stops.
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);

absl::StatusOr<v1::Platform> BuildPlatform(const std::string& given) {
  if (!given.empty()) {
    auto platform = ParsePlatform(given);
    return platform.ok() ? platform : Annotate(platform.status(), "--build-platform");
  }
  return OwnPlatform();
}

// Members in order of dependency: what is declared later is destroyed first.
class ServerImpl final : public Server {
 public:
  explicit ServerImpl(ServerOptions options) : options_(std::move(options)) {}
  ~ServerImpl() override {
    BeginStop();
    // Watches first, so that their calls end; the engine last, so that nothing that workers say until their
    // streams end is lost.
    // Its builds are cancelled as long as they can be.
    if (buildkit_) buildkit_->Stop();
    if (reverification_) reverification_->Stop();
    if (deliverer_) deliverer_->Stop();
    if (collector_) collector_->Stop();
    if (bucket_) bucket_->store().Stop();
    if (engine_) engine_->EndWatches();
    if (farm_watchers_) farm_watchers_->Stop();
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
    RETURN_IF_ERROR(backup::CheckRestored(options_.data_folder));
    // First: the record is opened with its reserve on a disk that is full already.
    room_ = std::make_unique<DiskRoom>(
        DiskRoomOptions{.folder = options_.data_folder, .least_space = options_.least_space});
    ASSIGN_OR_RETURN(disk_blobs_, OpenDiskBlobStore(options_.data_folder + "/content"));
    ASSIGN_OR_RETURN(records_, storage::RecordStore::Open(options_.data_folder + "/record.db"));
    ASSIGN_OR_RETURN(BlobStore* const all_blobs, OpenBucket());
    blobs_ = MakeRoomyBlobStore(*all_blobs, *room_, RoomFor::kResults);
    new_blobs_ = MakeRoomyBlobStore(*all_blobs, *room_, RoomFor::kNew);
    index_page_records_ = std::make_unique<storage::IndexPageRecords>(records_->connection());
    ASSIGN_OR_RETURN(removed_logs_, records_->OpenAnother());
    storage::LogStoreOptions logs;
    logs.removed = [this](int64_t execution) {
      const auto at = storage::AgingRecords(removed_logs_->connection()).LogRemovedAt(execution);
      return at.value_or(0) == 0 ? v1::LogChunk() : RemovedConsole(*at);
    };
    logs_ = std::make_unique<storage::LogStore>(options_.data_folder + "/logs", logs);
    image_records_ = std::make_unique<storage::SqliteImageRecords>(records_->connection());
    http_ = http::MakeCurlHttpClient();
    ASSIGN_OR_RETURN(registry::RegistryOptions registry,
                     MakeRegistryOptions(options_.plain_registries, options_.registry_mirrors));
    const auto is_own = [patterns = options_.push_credentials](const std::string& repository) {
      return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return !pattern.empty() && core::MatchesNames(pattern, repository);
      });
    };
    source_ = std::make_unique<RegistrySource>(*http_, std::move(registry), is_own);
    images_ = std::make_unique<ImageStore>(*new_blobs_, *image_records_, *source_, clock_, is_own);
    images_->LimitBy([this](const std::string& project) { return projects_.Find(project).most_image_bytes; });
    RETURN_IF_ERROR(OpenSources());
    const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    assembler_ = std::make_unique<ImageAssembler>(*blobs_, *image_records_, clock_, threads);
    engine.passing = &passing_;
    engine.scheduler.worker_timeout = options_.worker_timeout;
    engine.scheduler.emulation = options_.emulation;
    engine.scheduler.drained = &drained_;
    for (const auto& [project, share] : options_.placing.shares) projects_.Set(project, {.share = share});
    engine.scheduler.projects = &projects_;
    engine.scheduler.verify_reserve = options_.placing.verify_reserve / 100.0;
    engine.usual_pools = options_.placing.pools;
    engine.most_priority = options_.placing.most_priority;
    drain_records_ = std::make_unique<storage::DrainRecords>(records_->connection());
    RETURN_IF_ERROR(drain_records_->Restore(drained_));
    ASSIGN_OR_RETURN(trust_, FarmTrust::Open(*records_, drained_, clock_));
    engine.accelerators = &trust_->accelerators();
    engine.on_accelerator_off = [this](const v1::SwitchedOffAccelerator& off) {
      // As a call of the worker's that changed the farm.
      if (audit_ != nullptr)
        audit_->Add({off.worker(), "worker", "", "accelerators/off", {{"digest", off.digest()}}, "OK"});
    };
    engine.on_untrue_report = [this](const std::string& worker, const std::string& what) {
      // Whatever it reports next would be as good. An operator looks at it and undrains it.
      LogWarning("worker={} drained: {}", worker, what);
      const absl::Status kept = drain_records_->Set(worker, true, UnixNanos(clock_.Now()));
      if (!kept.ok())
        LogWarning("worker={} is drained until the next start only: {}", worker, Sv(kept.message()));
      drained_.Set(worker, true);
    };
    engine.unplaceable_grace = options_.unplaceable_grace;
    engine.room = room_.get();
    if (bucket_) engine.bucket_away = [this] { return !bucket_->store().status().trouble.empty(); };
    engine.held_blobs = &held_blobs_;
    engine.remote_sources = sources_.get();
    engine.planning_limits = options_.limits.planning;
    engine.usual_bounds = options_.usual_bounds;
    engine.known_end = known_end_.WasKnown();
    engine.on_failure = [this](const absl::Status& reason) {
      known_end_.Note();
      readiness_.Enter(Readiness::Stage::kRecordFailed);
      if (options_.on_failure) options_.on_failure(reason);
    };
    engine.on_alive = options_.on_alive;
    engine.counters = &telemetry_.counters();
    engine.on_build_ended = [this](int64_t build, const std::optional<BuildTimes>& times) {
      telemetry_.BuildEnded(build, times);
    };
    ASSIGN_OR_RETURN(engine.build_platform, BuildPlatform(options_.build_platform));
    RETURN_IF_ERROR(OpenIndexes());
    engine.ahead_planner = ahead_forecast_.get();
    engine_ = std::make_unique<Engine>(*records_, *logs_, *blobs_, *images_, *assembler_, clock_, engine);
    RETURN_IF_ERROR(OpenRetention());
    RETURN_IF_ERROR(telemetry_.OpenTraces(options_.otlp, *records_));
    RETURN_IF_ERROR(engine_->Start());
    collector_->Start();
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_->OpenAnother());
    forecaster_ = std::make_unique<Forecaster>(
        PlanningParts{*images_, *blobs_, sources_.get(), engine.planning_limits}, engine_->reader(),
        std::move(committed), *indexes_, engine.build_platform);
    RETURN_IF_ERROR(OpenSubmissions());
    RETURN_IF_ERROR(OpenEvidence());
    RETURN_IF_ERROR(OpenVerification());
    RETURN_IF_ERROR(OpenNotices());
    RETURN_IF_ERROR(Listen());
    RETURN_IF_ERROR(OpenHttpDoor());
    RETURN_IF_ERROR(OpenBuildKit(engine.build_platform));
    known_end_.Begin();
    readiness_.Tell([this](bool serves) { rpc_->SetServing(serves); });
    readiness_.Enter(Readiness::Stage::kServing);
    return absl::OkStatus();
  }

  absl::Status Reload(const Limits& limits) override {
    connections_->SetLimits(ShareDescriptors(limits.doors, RaiseDescriptorLimit()).tcp);
    absl::Status loaded = rpc_->ReloadCertificate();
    if (http_door_) loaded.Update(http_door_->ReloadCertificate());
    loaded.Update(buildkit_->ReloadCertificates());
    return loaded;
  }

  void BeginStop() override { readiness_.Enter(Readiness::Stage::kStopping); }

  int tcp_port() const override { return rpc_->tcp_port(); }
  const std::string& unix_socket() const override { return options_.listen.unix_socket; }
  const std::string& buildkit_socket() const override { return buildkit_->unix_socket(); }

 private:
  absl::Status OpenRetention() {
    policy_records_ = std::make_unique<storage::PolicyRecords>(records_->connection());
    ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> own, records_->OpenAnother());
    CollectorOptions options;
    // Whatever is asked of the engine's loop is answered behind the restored builds.
    options.await_builds = [this] { engine_->reader().Consoles(0).status().IgnoreError(); };
    options.bucket = bucket_ ? &bucket_->store() : nullptr;
    collector_ = std::make_unique<Collector>(*disk_blobs_, std::move(own), *logs_, held_blobs_, *room_,
                                             clock_, std::move(options));
    ASSIGN_OR_RETURN(const auto policies, policy_records_->List());
    collector_->SetPolicies(Policies(policies));
    room_->OnShort([this] { collector_->MakeRoom(); });
    return absl::OkStatus();
  }

  // The disk, and what is behind it.
  absl::StatusOr<BlobStore*> OpenBucket() {
    if (options_.bucket.place.empty()) return disk_blobs_.get();
    ASSIGN_OR_RETURN(const storage::FarmIdentity farm,
                     storage::StateRecords(records_->connection()).Identity());
    cache_ = MakeRoomyBlobStore(*disk_blobs_, *room_, RoomFor::kResults);
    const auto wanted = [this] {
      // A tenth more than the floor, before anything has to be refused.
      const auto floor = static_cast<int64_t>(room_->least_space());
      return floor + floor / 10 - static_cast<int64_t>(room_->space().free);
    };
    ASSIGN_OR_RETURN(bucket_, FarmBucket::Open(options_.bucket, options_.data_folder, farm.id, *disk_blobs_,
                                               *cache_, clock_, wanted));
    return &bucket_->store();
  }

  absl::Status OpenSources() {
    remote_records_ = std::make_unique<storage::SqliteRemoteRecords>(records_->connection());
    FetchedSourcesOptions options;
    options.scratch_folder = options_.data_folder + "/checkouts";
    options.file_limit = options_.limits.download_bytes;
    options.checkout_limit.bytes = options_.context_limit;
    options.checkout_limit.files = options_.limits.planning.recipe.context_entries;
    options.floor_rate = options_.limits.download_floor;
    RemoveLeftovers(options.scratch_folder);
    sources_ =
        std::make_unique<FetchedSources>(*new_blobs_, *remote_records_, *http_, clock_, std::move(options));
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
    options.check_room = [this] { return room_->Check(RoomFor::kNew); };
    RemoveLeftovers(options.scratch_folder);
    const AdmitBuild admit = [this](const v1::BuildSubmission& submission, const std::string& key,
                                    const std::vector<v1::Secret>& secrets) -> absl::StatusOr<AdmittedBuild> {
      ASSIGN_OR_RETURN(const Submitted submitted, engine_->Submit(submission, key, secrets));
      return AdmittedBuild{submitted.build, submitted.existing};
    };
    submissions_ = std::make_unique<FileSubmissions>(*new_blobs_, clock_, admit, std::move(options));
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
    // A file that cannot be understood stops the start; one that comes later does not stop the farm.
    RETURN_IF_ERROR(ReadTokenFile(options_.token_file).status());
    std::vector<TokenRecord> tokens;
    ASSIGN_OR_RETURN(std::string session_key, door::Sessions::LoadKey(options_.data_folder + "/session-key"));
    sessions_ = std::make_unique<door::Sessions>(std::move(session_key));
    // Sessions of browsers act with tokens that only this process has.
    for (const auto& [role, token] : session_tokens_)
      tokens.push_back({.hash = Sha256Hex(token), .client = role, .worker = false, .name = "page"});
    authenticator_ = std::make_unique<Authenticator>(std::vector<TokenRecord>());
    authenticator_->Follow(options_.token_file, std::move(tokens));
    shares_ = ShareDescriptors(options_.limits.doors, RaiseDescriptorLimit());
    connections_ = std::make_unique<OpenConnections>(shares_.tcp, options_.limits.doors.unknown_time);
    ASSIGN_OR_RETURN(people_, FarmPeople::Open(*records_, clock_, *authenticator_, options_.data_folder,
                                               options_.certificate_life));
    people_->people().LimitBy([this](const v1::Project& project) {
      projects_.SetLimits(project.name(), static_cast<uint32_t>(project.running_steps()),
                          static_cast<uint32_t>(project.queued_builds()), project.image_bytes());
    });
    authenticator_->OnKnown([this](std::string_view peer) { connections_->Know(peer); });
    authenticator_->OnWorthless([this](std::string_view peer) { connections_->Retire(peer); });
    options_.listen.connections = connections_.get();
    options_.listen.most_local = shares_.local;
    options_.listen.most_streams = options_.limits.doors.streams;
    options_.listen.most_threads = options_.limits.doors.threads;
    options_.listen.handshake_time = absl::FromChrono(options_.limits.doors.unknown_time);
    BlobStore& blobs = telemetry_.Counted(*blobs_);
    BlobStore& new_blobs = telemetry_.Counted(*new_blobs_);
    cas_ = std::make_unique<CasService>(blobs, *authenticator_, &new_blobs);
    capabilities_ = std::make_unique<CapabilitiesService>(*authenticator_);
    byte_stream_ = std::make_unique<ByteStreamService>(blobs, *authenticator_, passing_, &new_blobs,
                                                       options_.limits.uploads);
    wheels_ = std::make_unique<WheelsService>(*records_, *authenticator_);
    builds_ = std::make_unique<BuildsService>(*engine_, *records_, *logs_, clock_, *authenticator_);
    matrices_ = std::make_unique<MatricesService>(*engine_, clock_, *authenticator_, options_.limits.matrix);
    submissions_service_ = std::make_unique<SubmissionsService>(*submissions_, *authenticator_);
    packages_ = std::make_unique<PackagesService>(engine_->reader().package_queries(), *authenticator_);
    farm_watchers_ = std::make_unique<FarmWatchers>(engine_->reader().news());
    overview_ = std::make_unique<OverviewService>(engine_->reader().overview(), *farm_watchers_, clock_,
                                                  *authenticator_);
    image_service_ = std::make_unique<ImagesService>(*images_, *authenticator_, evidence_.get());
    attestations_ = std::make_unique<AttestationsService>(*evidence_, *authenticator_);
    verification_ = std::make_unique<VerificationService>(*rebuilds_, *reverification_, *recipe_history_,
                                                          *build_pairs_, *authenticator_);
    farm_ =
        std::make_unique<FarmService>(*engine_, clock_, options_.data_folder, *authenticator_, *sessions_,
                                      WorkerControl{*drain_records_, drained_, trust_->distrust(),
                                                    trust_->committed(), passing_, &trust_->accelerators()},
                                      *images_, room_.get(), bucket_ ? &bucket_->store() : nullptr);
    blob_places_ =
        std::make_unique<BlobPlacesService>(bucket_ ? &bucket_->store() : nullptr, clock_, *authenticator_);
    notices_ = std::make_unique<NoticesService>(*states_, *authenticator_);
    webhooks_ = std::make_unique<WebhooksService>(*webhook_records_, clock_, *authenticator_,
                                                  [this] { deliverer_->Wake(); });
    queue_ =
        std::make_unique<WorkerQueueService>(*engine_, *authenticator_, passing_, options_.worker_timeout);
    retention_ = std::make_unique<RetentionService>(
        RetentionService::Parts{*collector_, *policy_records_, *room_, engine_->reader(), clock_,
                                options_.data_folder, Telemetry::LastBackupAt},
        *authenticator_);
    index_pages_ = std::make_unique<IndexPagesService>(*pages_, *authenticator_);
    predictions_ = std::make_unique<PredictionsService>(*forecaster_, *authenticator_);
    door_ = std::make_unique<LocalDoor>(blobs, *authenticator_, passing_);
    // Without it everything goes over the wire, as from other machines.
    if (const absl::Status door = door_->Start(); !door.ok())
      LogWarning("local_door error={}", door.ToString());
    const std::vector<ServedService> services = {
        {"build.bazel.remote.execution.v2.ContentAddressableStorage", cas_.get()},
        {"build.bazel.remote.execution.v2.Capabilities", capabilities_.get()},
        {"google.bytestream.ByteStream", byte_stream_.get()},
        {"crossmill.v1.Builds", builds_.get()},
        {"crossmill.v1.Matrices", matrices_.get()},
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
        {"crossmill.v1.Retention", retention_.get()},
        {"crossmill.v1.People", people_->service()},
        {"crossmill.v1.Machines", people_->machines_service()},
        {"crossmill.v1.WorkerQueue", queue_.get()},
        {"crossmill.v1.IndexPages", index_pages_.get()},
        {"crossmill.v1.LocalDoor", door_.get()},
        {"crossmill.v1.BlobPlaces", blob_places_.get()},
    };
    ASSIGN_OR_RETURN(const AuditLogOptions audit, people_->AuditOptions());
    ASSIGN_OR_RETURN(audit_, AuditLog::Open(options_.data_folder + "/audit.log", clock_, audit));
    ASSIGN_OR_RETURN(refusals_, AuditLog::Open(options_.data_folder + "/refused.log", clock_, {.kept = 1}));
    Interceptors interceptors;
    interceptors.push_back(people_->MakeInterceptors(*audit_));
    interceptors.push_back(MakeAuditInterceptors(*audit_, *refusals_, *authenticator_));
    ASSIGN_OR_RETURN(rpc_, RpcServer::Start(options_.listen, services, std::move(interceptors)));
    LogInfo("serving data={} socket={} tcp={} connections={} http_connections={} local_connections={}",
            options_.data_folder, options_.listen.unix_socket,
            options_.listen.tcp_address.empty() ? "none" : fmt::format("port {}", rpc_->tcp_port()),
            shares_.tcp.most, shares_.http.most, shares_.local);
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
    options.limits.connections = shares_.http;
    options.limits.unknown_time = options_.limits.doors.unknown_time;
    door::DoorParts parts{.services = rpc_->InProcessChannel(),
                          .own_tokens = session_tokens_,
                          .sessions = *sessions_,
                          .clock = clock_};
    parts.unready = [this] { return readiness_.Reasons(); };
    parts.numbers = [this] {
      return telemetry_.Numbers(*engine_, passing_.Now(), options_.data_folder, collector_->policies());
    };
    ASSIGN_OR_RETURN(http_door_, door::HttpDoor::Start(options, std::move(parts)));
    LogInfo("serving http={}", http_door_->url());
    return absl::OkStatus();
  }

  absl::Status OpenBuildKit(const v1::Platform& platform) {
    const buildkit::FrontOptions options{
        options_.data_folder,     options_.buildkit_address,   options_.listen.certificate_file,
        options_.listen.key_file, options_.buildkit_client_ca, options_.limits.buildkit};
    buildkit::ExportServices exports{*blobs_, *images_, *image_records_, assembler_->compressor(),
                                     evidence_.get()};
    exports.temporary_folder = options_.data_folder;
    exports.take_room = [this](int64_t bytes) { return room_->Take(RoomFor::kNew, bytes); };
    const auto page = [this] { return http_door_ ? http_door_->url() : ""; };
    ASSIGN_OR_RETURN(
        buildkit_, buildkit::BuildKitFront::Start(
                       options, {*authenticator_, rpc_->InProcessChannel(), *new_blobs_, *images_, *sources_,
                                 *submissions_, clock_, platform, options_.limits.planning, exports,
                                 [this](int64_t build) { return telemetry_.SpansOfRecorded(build); }, page}));
    return absl::OkStatus();
  }

  ServerOptions options_;
  KnownEnd known_end_{options_.data_folder + "/record.alive"};
  const door::OwnTokens session_tokens_ = {
      {v1::ACCESS_READ, NewToken()}, {v1::ACCESS_SUBMIT, NewToken()}, {v1::ACCESS_OPERATE, NewToken()}};
  SystemClock clock_;
  SteadyClock passing_;
  Telemetry telemetry_;
  std::unique_ptr<DiskRoom> room_;
  Readiness readiness_{[this] { return room_->level() != RoomLevel::kEnough; }};
  std::unique_ptr<DiskBlobStore> disk_blobs_;
  std::unique_ptr<BlobStore> cache_;
  // For what builds make, and for what is new.
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<BlobStore> new_blobs_;
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<FarmBucket> bucket_;
  std::unique_ptr<storage::IndexPageRecords> index_page_records_;
  std::unique_ptr<storage::DrainRecords> drain_records_;
  std::unique_ptr<storage::PolicyRecords> policy_records_;
  HeldBlobs held_blobs_;
  core::DrainedWorkers drained_;
  core::ProjectTerms projects_;
  std::unique_ptr<FarmTrust> trust_;
  // What a policy has removed of it.
  std::unique_ptr<storage::RecordStore> removed_logs_;
  std::unique_ptr<storage::LogStore> logs_;
  std::unique_ptr<Collector> collector_;
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
  DoorShares shares_;
  // The authenticator tells it who is known.
  std::unique_ptr<OpenConnections> connections_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<FarmPeople> people_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<AuditLog> refusals_;
  std::unique_ptr<CasService> cas_;
  std::unique_ptr<CapabilitiesService> capabilities_;
  std::unique_ptr<ByteStreamService> byte_stream_;
  std::unique_ptr<BuildsService> builds_;
  std::unique_ptr<SubmissionsService> submissions_service_;
  std::unique_ptr<PackagesService> packages_;
  std::unique_ptr<FarmWatchers> farm_watchers_;
  std::unique_ptr<OverviewService> overview_;
  std::unique_ptr<ImagesService> image_service_;
  std::unique_ptr<WheelsService> wheels_;
  std::unique_ptr<Rebuilds> rebuilds_;
  std::unique_ptr<Reverification> reverification_;
  std::unique_ptr<RecipeHistory> recipe_history_;
  std::unique_ptr<BuildPairs> build_pairs_;
  std::unique_ptr<VerificationService> verification_;
  std::unique_ptr<FarmService> farm_;
  std::unique_ptr<BlobPlacesService> blob_places_;
  std::unique_ptr<NoticesService> notices_;
  std::unique_ptr<WebhooksService> webhooks_;
  std::unique_ptr<MatricesService> matrices_;
  std::unique_ptr<RetentionService> retention_;
  std::unique_ptr<AttestationsService> attestations_;
  std::unique_ptr<IndexPagesService> index_pages_;
  std::unique_ptr<PredictionsService> predictions_;
  std::unique_ptr<WorkerQueueService> queue_;
  std::unique_ptr<LocalDoor> door_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<door::HttpDoor> http_door_;
  std::unique_ptr<buildkit::BuildKitFront> buildkit_;
  const FreeMemory free_memory_;
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
