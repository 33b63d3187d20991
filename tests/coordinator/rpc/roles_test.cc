// Who may call what, for every method of every service as the descriptors list them: a method that is added
// to a .proto file and forgets to ask for its role fails here without anybody writing a test for it.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include <map>
#include <set>

#include "common/keys/ed25519.h"
#include "common/words/platform.h"
#include "coordinator/engine/engine.h"
#include "coordinator/evidence/build_evidence.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/forecaster.h"
#include "coordinator/rpc/attestations_service.h"
#include "coordinator/rpc/blob_places/blob_places_service.h"
#include "coordinator/rpc/builds_service.h"
#include "coordinator/rpc/farm_service.h"
#include "coordinator/rpc/images_service.h"
#include "coordinator/rpc/index_pages_service.h"
#include "coordinator/rpc/matrices/matrices_service.h"
#include "coordinator/rpc/notices/notices_service.h"
#include "coordinator/rpc/notices/webhooks_service.h"
#include "coordinator/rpc/overview/overview_service.h"
#include "coordinator/rpc/packages_service.h"
#include "coordinator/rpc/people/farm_people.h"
#include "coordinator/rpc/predictions_service.h"
#include "coordinator/rpc/retention/retention_service.h"
#include "coordinator/rpc/verification_service.h"
#include "coordinator/rpc/wheels_service.h"
#include "coordinator/rpc/worker_queue_service.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/submissions/rpc/submissions_service.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/image_fixture.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FileDescriptor;
using ::google::protobuf::ServiceDescriptor;

struct Method {
  std::string path;
  v1::Access access;
};

// Every service of these files; one without an access rule is a failure.
std::vector<Method> AllMethods() {
  std::vector<Method> methods;
  for (const char* name : {"crossmill/v1/client_service.proto", "crossmill/v1/notices_service.proto",
                           "crossmill/v1/people_service.proto", "crossmill/v1/machines_service.proto",
                           "crossmill/v1/retention_service.proto", "crossmill/v1/worker_service.proto",
                           "build/bazel/remote/execution/v2/remote_execution_services.proto",
                           "google/bytestream/bytestream_service.proto"}) {
    const FileDescriptor* file = DescriptorPool::generated_pool()->FindFileByName(name);
    EXPECT_NE(file, nullptr) << name;
    if (file == nullptr) continue;
    for (int i = 0; i < file->service_count(); ++i) {
      const ServiceDescriptor& service = *file->service(i);
      for (int k = 0; k < service.method_count(); ++k) {
        const std::string& method = service.method(k)->name();
        const auto access = AccessOf(service.full_name(), method);
        EXPECT_TRUE(access.has_value()) << service.full_name() << "/" << method << " has no access rule";
        if (access) methods.push_back({"/" + service.full_name() + "/" + method, *access});
      }
    }
  }
  return methods;
}

class FixedLink final : public PageLinks {
 public:
  absl::StatusOr<PageLink> MakeLink(v1::Access, absl::Time now) override {
    return PageLink{"http://page", now};
  }
};

class RolesTest : public RpcFixture {
 protected:
  void SetUp() override {
    ASSERT_OK(engine_.Start());
    // So that what follows ends.
    farm_watchers_.Stop();
    forecaster_ =
        std::make_unique<Forecaster>(PlanningParts{images_.store(), *blobs_, nullptr, {}}, engine_.reader(),
                                     *records_->OpenAnother(), farm_indexes_, *ParsePlatform("linux/amd64"));
    predictions_ = std::make_unique<PredictionsService>(*forecaster_, authenticator_);
    evidence_ = std::make_unique<BuildEvidence>(engine_.reader(), *records_->OpenAnother(),
                                                *keys::SigningKey::Generate());
    attestations_ = std::make_unique<AttestationsService>(*evidence_, authenticator_);
    reverification_ = std::make_unique<Reverification>(rebuilds_, *records_->OpenAnother(), clock_);
    recipe_history_ = std::make_unique<RecipeHistory>(engine_.reader(), *records_->OpenAnother(), *blobs_);
    build_pairs_ = std::make_unique<BuildPairs>(engine_.reader(), *records_->OpenAnother(), *blobs_);
    verification_ = std::make_unique<VerificationService>(rebuilds_, *reverification_, *recipe_history_,
                                                          *build_pairs_, authenticator_);
    retention_ = std::make_unique<RetentionService>(
        RetentionService::Parts{collector_, policy_records_, room_, engine_.reader(), clock_, folder_.path(),
                                [](const std::string&) { return int64_t{0}; }},
        authenticator_);
    people_ = *FarmPeople::Open(*records_, clock_, authenticator_, folder_.path());
    collector_.Start();
    RpcFixture::SetUp();
  }
  void TearDown() override {
    engine_.Stop();
    server_.reset();
  }
  std::vector<ServedService> MoreServices() override {
    return {{"crossmill.v1.Builds", &builds_},
            {"crossmill.v1.Matrices", &matrices_},
            {"crossmill.v1.Packages", &packages_},
            {"crossmill.v1.Submissions", &submissions_service_},
            {"crossmill.v1.Images", &image_service_},
            {"crossmill.v1.Overview", &overview_},
            {"crossmill.v1.Farm", &farm_},
            {"crossmill.v1.Notices", &notices_},
            {"crossmill.v1.Webhooks", &webhooks_},
            {"crossmill.v1.Retention", retention_.get()},
            {"crossmill.v1.People", people_->service()},
            {"crossmill.v1.Machines", people_->machines_service()},
            {"crossmill.v1.WorkerQueue", &queue_},
            {"crossmill.v1.IndexPages", &index_pages_},
            {"crossmill.v1.BlobPlaces", &blob_places_},
            {"crossmill.v1.Predictions", predictions_.get()},
            {"crossmill.v1.Wheels", &wheels_},
            {"crossmill.v1.Verification", verification_.get()},
            {"crossmill.v1.Attestations", attestations_.get()}};
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::LogStore logs_{folder_.Path("logs")};
  ImageFixture images_{*blobs_, *records_};
  Engine engine_{*records_, logs_, *blobs_, images_.store(), images_.assembler(), clock_, {}};
  BuildsService builds_{engine_, *records_, logs_, clock_, authenticator_};
  MatricesService matrices_{engine_, clock_, authenticator_, 64};
  storage::OverviewRecords overview_records_{records_->connection()};
  overview::NewsBoard news_{1};
  FarmWatchers farm_watchers_{news_};
  OverviewService overview_{overview_records_, farm_watchers_, clock_, authenticator_};
  storage::PackageQueries package_queries_{records_->connection()};
  FileSubmissions submissions_{
      *blobs_,
      clock_,
      [](const auto&, const auto&, const auto&) -> absl::StatusOr<AdmittedBuild> { return AdmittedBuild{}; },
      {.scratch_folder = folder_.Path("submissions")}};
  SubmissionsService submissions_service_{submissions_, authenticator_};
  PackagesService packages_{package_queries_, authenticator_};
  BlobPlacesService blob_places_{nullptr, clock_, authenticator_};
  WheelsService wheels_{*records_, authenticator_};
  ImagesService image_service_{images_.store(), authenticator_};
  Rebuilds rebuilds_{engine_};
  FixedLink page_links_;
  storage::DrainRecords drain_records_{records_->connection()};
  core::DrainedWorkers drained_;
  storage::TrustRecords trust_{records_->connection()};
  Distrust distrust_{trust_, trust_, drained_, clock_};
  FarmService farm_{engine_,        clock_,      folder_.path(),
                    authenticator_, page_links_, {drain_records_, drained_, distrust_, trust_, clock_},
                    images_.store()};
  storage::StateRecords states_{records_->connection()};
  NoticesService notices_{states_, authenticator_};
  storage::WebhookRecords webhook_records_{records_->connection()};
  WebhooksService webhooks_{webhook_records_, clock_, authenticator_, [] {}};
  WorkerQueueService queue_{engine_, authenticator_, clock_, absl::Seconds(30)};
  storage::IndexPageRecords page_records_{records_->connection()};
  RecordedPages recorded_pages_{page_records_, *blobs_, clock_};
  IndexPagesService index_pages_{recorded_pages_, authenticator_};
  DiskRoom room_{{.folder = folder_.path(), .reserve_bytes = 4096}};
  std::unique_ptr<DiskBlobStore> disk_blobs_ = *OpenDiskBlobStore(folder_.Path("content"));
  storage::PolicyRecords policy_records_{records_->connection()};
  HeldBlobs held_blobs_;
  Collector collector_{*disk_blobs_, *records_->OpenAnother(), logs_, held_blobs_, room_, clock_};
  http::FakeHttpClient http_;
  FarmIndexes farm_indexes_{{}, http_, *blobs_, nullptr, clock_};
  // Made when the engine runs.
  std::unique_ptr<Forecaster> forecaster_;
  std::unique_ptr<PredictionsService> predictions_;
  std::unique_ptr<RetentionService> retention_;
  std::unique_ptr<FarmPeople> people_;
  std::unique_ptr<BuildEvidence> evidence_;
  std::unique_ptr<AttestationsService> attestations_;
  std::unique_ptr<Reverification> reverification_;
  std::unique_ptr<RecipeHistory> recipe_history_;
  std::unique_ptr<BuildPairs> build_pairs_;
  std::unique_ptr<VerificationService> verification_;
};

TEST_F(RolesTest, WhatChangesSomethingIsForNobodyWhoOnlyReads) {
  for (const auto& [path, access] :
       std::map<std::string, v1::Access>{{"crossmill.v1.Builds/GetBuild", v1::ACCESS_READ},
                                         {"crossmill.v1.Builds/SubmitBuild", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Builds/CancelBuild", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Submissions/SubmitFiles", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Submissions/CancelSubmission", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Images/PushImage", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Images/RemoveImage", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Wheels/RemoveFarmWheels", v1::ACCESS_OPERATE},
                                         {"crossmill.v1.Farm/DrainWorker", v1::ACCESS_OPERATE},
                                         {"crossmill.v1.Farm/MakePageLink", v1::ACCESS_SOCKET},
                                         {"crossmill.v1.Webhooks/ListWebhooks", v1::ACCESS_OPERATE},
                                         {"crossmill.v1.Retention/SetPolicy", v1::ACCESS_OPERATE},
                                         {"crossmill.v1.Retention/Collect", v1::ACCESS_OPERATE},
                                         {"crossmill.v1.Retention/PinBuild", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.People/CreateToken", v1::ACCESS_ADMIN},
                                         {"crossmill.v1.People/SetProject", v1::ACCESS_ADMIN},
                                         {"crossmill.v1.People/ListAudit", v1::ACCESS_ADMIN},
                                         {"crossmill.v1.People/IssueCertificate", v1::ACCESS_SUBMIT},
                                         {"crossmill.v1.Machines/CreateInvitation", v1::ACCESS_ADMIN},
                                         {"crossmill.v1.Machines/RemoveMachine", v1::ACCESS_ADMIN},
                                         {"crossmill.v1.Machines/Join", v1::ACCESS_OPEN},
                                         {"crossmill.v1.Machines/RenewCertificate", v1::ACCESS_WORKER},
                                         {"crossmill.v1.People/CreateIdentityRule", v1::ACCESS_ADMIN},
                                         {"crossmill.v1.People/ExchangeIdentity", v1::ACCESS_OPEN},
                                         {"crossmill.v1.WorkerQueue/Synchronize", v1::ACCESS_WORKER},
                                         {"crossmill.v1.IndexPages/Save", v1::ACCESS_WORKER},
                                         {"google.bytestream.ByteStream/Write", v1::ACCESS_CONTENT}}) {
    const size_t slash = path.find('/');
    EXPECT_EQ(AccessOf(path.substr(0, slash), path.substr(slash + 1)), access) << path;
  }
  EXPECT_EQ(AccessOf("crossmill.v1.Builds", "NoSuchMethod"), std::nullopt);
  // By name: what is called so looks, and what looks is called so (or is listed here).
  const std::set<std::string> others = {"WatchBuild", "WatchFarm", "CompareBuilds"};
  std::set<std::string> services;
  for (const Method& method : AllMethods()) {
    services.insert(method.path.substr(1, method.path.rfind('/') - 1));
    if (!method.path.starts_with("/crossmill.v1.") || method.access == v1::ACCESS_WORKER) continue;
    const std::string name = method.path.substr(method.path.rfind('/') + 1);
    const bool looks = name.starts_with("Get") || name.starts_with("List") || name.starts_with("Read") ||
                       others.contains(name);
    EXPECT_TRUE(looks || method.access != v1::ACCESS_READ) << method.path;
  }
  EXPECT_THAT(services,
              ::testing::IsSupersetOf({"crossmill.v1.Builds", "crossmill.v1.Packages", "crossmill.v1.Images",
                                       "crossmill.v1.Farm", "crossmill.v1.WorkerQueue",
                                       "google.bytestream.ByteStream"}));
}

TEST_F(RolesTest, EveryMethodIsRefusedWithoutToken) {
  for (const Method& method : AllMethods()) {
    for (const std::string token : {"", "guess"}) {
      const grpc::Status status = CallRaw(token, method.path, "").first;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED)
          << method.path << " with token '" << token << "': " << status.error_message();
    }
  }
}

// What the tokens of the fixture may do, by the words of docs/api.md.
bool May(const std::string& token, v1::Access access) {
  const std::set<std::string> readers = {"read-token", "submit-token", "client-token"};
  const std::set<std::string> submitters = {"submit-token", "client-token"};
  switch (access) {
    case v1::ACCESS_READ:
      return readers.contains(token);
    case v1::ACCESS_SUBMIT:
      return submitters.contains(token);
    case v1::ACCESS_OPERATE:
      return token == "client-token";
    case v1::ACCESS_WORKER:
      return token == "worker-token";
    case v1::ACCESS_ANY:
      return true;
    case v1::ACCESS_CONTENT:
      return token == "worker-token" || submitters.contains(token);
    default:
      return false;
  }
}

// Refused to those who may not. With the right token the same calls get past the door; they may still fail,
// because an empty message is not what they need.
TEST_F(RolesTest, EveryMethodIsForThoseThatItsRuleSaysAndForNobodyElse) {
  int refused = 0;
  std::set<std::string> open;
  for (const Method& method : AllMethods()) {
    // Of strangers: a token is nothing to it. EveryMethodIsRefusedWithoutToken asks it.
    if (method.access == v1::ACCESS_OPEN) {
      open.insert(method.path);
      continue;
    }
    for (const char* token : {kReadToken, kSubmitToken, kClientToken, kWorkerToken}) {
      const grpc::Status status = CallRaw(token, method.path, "").first;
      const grpc::StatusCode code = status.error_code();
      EXPECT_EQ(code != grpc::StatusCode::PERMISSION_DENIED, May(token, method.access))
          << method.path << " with " << token << ": " << status.error_message();
      if (code == grpc::StatusCode::PERMISSION_DENIED) ++refused;
      EXPECT_NE(code, grpc::StatusCode::UNAUTHENTICATED) << method.path;
      EXPECT_NE(code, grpc::StatusCode::UNIMPLEMENTED)
          << method.path << " is in the descriptors, but not served";
      EXPECT_NE(code, grpc::StatusCode::DEADLINE_EXCEEDED) << method.path;
    }
  }
  EXPECT_GE(refused, 60);
  EXPECT_THAT(open,
              ::testing::ElementsAre("/crossmill.v1.Machines/Join", "/crossmill.v1.People/ExchangeIdentity"));
}

TEST_F(RolesTest, ARefusalSaysWhatIsMissing) {
  const grpc::Status status = CallRaw(kReadToken, "/crossmill.v1.Builds/SubmitBuild", "").first;
  EXPECT_EQ(status.error_message(), "this needs the role submit; the token's role is read");
}

TEST_F(RolesTest, CallersAreToldWhoTheyAre) {
  const auto caller = [this](const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    v1::GetCallerResponse response;
    EXPECT_TRUE(v1::Farm::NewStub(channel)->GetCaller(&context, {}, &response).ok());
    return response;
  };
  EXPECT_EQ(caller(TcpChannel(kReadToken)).role(), v1::ACCESS_READ);
  EXPECT_EQ(caller(TcpChannel(kSubmitToken)).name(), "submitter");
  EXPECT_EQ(caller(TcpChannel(kClientToken)).role(), v1::ACCESS_OPERATE);
  EXPECT_TRUE(caller(UnixChannel()).worker());
}

TEST_F(RolesTest, ATokenOfTheRecordMayWhatItsRoleSaysUntilItIsRevoked) {
  const auto made = [this](v1::Access role) {
    grpc::ClientContext context;
    v1::CreateTokenRequest request;
    request.set_name(fmt::format("t{}", static_cast<int>(role)));
    request.set_role(role);
    v1::CreateTokenResponse response;
    EXPECT_TRUE(v1::People::NewStub(UnixChannel())->CreateToken(&context, request, &response).ok());
    return response.secret();
  };
  const std::string admin = made(v1::ACCESS_ADMIN);
  const std::string operate = made(v1::ACCESS_OPERATE);
  const std::string read = made(v1::ACCESS_READ);
  const auto code = [this](const std::string& token, const std::string& method) {
    return CallRaw(token, "/crossmill.v1." + method, "").first.error_code();
  };
  EXPECT_EQ(code(admin, "People/ListTokens"), grpc::StatusCode::OK);
  EXPECT_EQ(code(admin, "Retention/ListPins"), grpc::StatusCode::OK);
  EXPECT_EQ(code(operate, "People/ListTokens"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(code(operate, "Webhooks/ListWebhooks"), grpc::StatusCode::OK);
  EXPECT_EQ(code(read, "Webhooks/ListWebhooks"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(code(read, "Builds/ListBuilds"), grpc::StatusCode::OK);
  // Nor by a token of the file, whose highest role is operate.
  EXPECT_EQ(code(kClientToken, "People/ListTokens"), grpc::StatusCode::PERMISSION_DENIED);
  ASSERT_OK(people_->people().RevokeToken("t1"));
  EXPECT_EQ(code(read, "Builds/ListBuilds"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(code(operate, "Builds/ListBuilds"), grpc::StatusCode::OK);
}

TEST_F(RolesTest, ATokenPushesWhereItsPatternsSay) {
  const auto push = [this](const std::string& token, const std::string& to) {
    v1::PushImageRequest request;
    request.set_name("app");
    request.set_reference(to);
    return CallRaw(token, "/crossmill.v1.Images/PushImage", request.SerializeAsString()).first.error_code();
  };
  v1::Token wanted;
  wanted.set_name("ci");
  wanted.set_role(v1::ACCESS_SUBMIT);
  wanted.add_pushes("registry.example/shop/*");
  const std::string some = people_->people().CreateToken(wanted)->secret();
  wanted.set_name("none");
  wanted.clear_pushes();
  const std::string none = people_->people().CreateToken(wanted)->secret();
  // There is no such image, which is told to those who might have pushed it.
  EXPECT_EQ(push(some, "registry.example/shop/app:1"), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(push(some, "registry.example/other/app:1"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(push(some, "registry.example.evil/shop/app:1"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(push(some, ""), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(push(none, "registry.example/shop/app:1"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(push(kSubmitToken, "registry.example/other/app:1"), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RolesTest, ADrainedWorkerIsOneThatThereIs) {
  const auto drain = [this](const std::string& worker) {
    grpc::ClientContext context;
    v1::DrainWorkerRequest request;
    request.set_worker(worker);
    v1::DrainWorkerResponse response;
    return v1::Farm::NewStub(TcpChannel(kClientToken))->DrainWorker(&context, request, &response);
  };
  const auto is_any_recorded = [this] {
    core::DrainedWorkers recorded;
    EXPECT_TRUE(drain_records_.Restore(recorded).ok());
    return recorded.IsAny();
  };
  EXPECT_EQ(drain("none").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_FALSE(is_any_recorded());
  ASSERT_OK(drain_records_.Set("gone", true, 1));
  drained_.Set("gone", true);
  grpc::ClientContext context;
  v1::UndrainWorkerRequest request;
  request.set_worker("gone");
  v1::UndrainWorkerResponse response;
  EXPECT_TRUE(v1::Farm::NewStub(UnixChannel())->UndrainWorker(&context, request, &response).ok());
  EXPECT_FALSE(is_any_recorded());
  EXPECT_FALSE(drained_.Contains("gone"));
}

}  // namespace
}  // namespace crossmill::coordinator
