// Who may call what, for every method of every service as the descriptors list them: a method that is added
// to a .proto file and forgets to ask for its role fails here without anybody writing a test for it.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include <set>

#include "common/keys/ed25519.h"
#include "common/words/platform.h"
#include "coordinator/engine/engine.h"
#include "coordinator/evidence/build_evidence.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/forecaster.h"
#include "coordinator/rpc/attestations_service.h"
#include "coordinator/rpc/builds_service.h"
#include "coordinator/rpc/farm_service.h"
#include "coordinator/rpc/images_service.h"
#include "coordinator/rpc/index_pages_service.h"
#include "coordinator/rpc/packages_service.h"
#include "coordinator/rpc/predictions_service.h"
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
  Access access;
};

// Every service of these files; one without an access rule is a failure.
std::vector<Method> AllMethods() {
  std::vector<Method> methods;
  for (const char* name : {"crossmill/v1/client_service.proto", "crossmill/v1/worker_service.proto",
                           "build/bazel/remote/execution/v2/remote_execution_services.proto",
                           "google/bytestream/bytestream_service.proto"}) {
    const FileDescriptor* file = DescriptorPool::generated_pool()->FindFileByName(name);
    EXPECT_NE(file, nullptr) << name;
    if (file == nullptr) continue;
    for (int i = 0; i < file->service_count(); ++i) {
      const ServiceDescriptor& service = *file->service(i);
      const auto access = AccessOf(service.full_name());
      EXPECT_TRUE(access.has_value()) << service.full_name() << " has no access rule";
      for (int k = 0; access && k < service.method_count(); ++k) {
        methods.push_back({"/" + service.full_name() + "/" + service.method(k)->name(), *access});
      }
    }
  }
  return methods;
}

// Makes a session out of nothing, so it is for the operator at the unix socket only.
constexpr std::string_view kOperatorsOwn = "/crossmill.v1.Farm/MakePageLink";

class FixedLink final : public PageLinks {
 public:
  absl::StatusOr<PageLink> MakeLink(absl::Time now) override { return PageLink{"http://page", now}; }
};

class RolesTest : public RpcFixture {
 protected:
  void SetUp() override {
    ASSERT_OK(engine_.Start());
    forecaster_ =
        std::make_unique<Forecaster>(PlanningStores{images_.store(), *blobs_, nullptr}, engine_.reader(),
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
    RpcFixture::SetUp();
  }
  void TearDown() override {
    engine_.Stop();
    server_.reset();
  }
  std::vector<ServedService> MoreServices() override {
    return {{"crossmill.v1.Builds", &builds_},
            {"crossmill.v1.Packages", &packages_},
            {"crossmill.v1.Submissions", &submissions_service_},
            {"crossmill.v1.Images", &image_service_},
            {"crossmill.v1.Farm", &farm_},
            {"crossmill.v1.WorkerQueue", &queue_},
            {"crossmill.v1.IndexPages", &index_pages_},
            {"crossmill.v1.Predictions", predictions_.get()},
            {"crossmill.v1.Wheels", &wheels_},
            {"crossmill.v1.Verification", verification_.get()},
            {"crossmill.v1.Attestations", attestations_.get()}};
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::LogStore logs_{folder_.Path("logs")};
  ImageFixture images_{*blobs_, *records_};
  Engine engine_{*records_, logs_, *blobs_, images_.store(), images_.assembler(), clock_, {}};
  BuildsService builds_{engine_, logs_, authenticator_};
  storage::PackageQueries package_queries_{records_->connection()};
  FileSubmissions submissions_{
      *blobs_,
      clock_,
      [](const auto&, const auto&, const auto&) -> absl::StatusOr<AdmittedBuild> { return AdmittedBuild{}; },
      {.scratch_folder = folder_.Path("submissions")}};
  SubmissionsService submissions_service_{submissions_, authenticator_};
  PackagesService packages_{package_queries_, authenticator_};
  WheelsService wheels_{*records_, authenticator_};
  ImagesService image_service_{images_.store(), authenticator_};
  Rebuilds rebuilds_{engine_};
  FixedLink page_links_;
  FarmService farm_{engine_, clock_, folder_.path(), authenticator_, page_links_};
  WorkerQueueService queue_{engine_, authenticator_};
  storage::IndexPageRecords page_records_{records_->connection()};
  RecordedPages recorded_pages_{page_records_, *blobs_, clock_};
  IndexPagesService index_pages_{recorded_pages_, authenticator_};
  http::FakeHttpClient http_;
  FarmIndexes farm_indexes_{{}, http_, *blobs_, nullptr, clock_};
  // Made when the engine runs.
  std::unique_ptr<Forecaster> forecaster_;
  std::unique_ptr<PredictionsService> predictions_;
  std::unique_ptr<BuildEvidence> evidence_;
  std::unique_ptr<AttestationsService> attestations_;
  std::unique_ptr<Reverification> reverification_;
  std::unique_ptr<RecipeHistory> recipe_history_;
  std::unique_ptr<BuildPairs> build_pairs_;
  std::unique_ptr<VerificationService> verification_;
};

TEST_F(RolesTest, ServicesAreForTheRolesTheyAreMeantFor) {
  for (const char* name :
       {"crossmill.v1.Builds", "crossmill.v1.Images", "crossmill.v1.Farm", "crossmill.v1.Predictions",
        "crossmill.v1.Wheels", "crossmill.v1.Packages", "crossmill.v1.Attestations",
        "crossmill.v1.Verification", "crossmill.v1.Submissions"}) {
    EXPECT_EQ(AccessOf(name), Access::kClient) << name;
  }
  EXPECT_EQ(AccessOf("crossmill.v1.WorkerQueue"), Access::kWorker);
  EXPECT_EQ(AccessOf("crossmill.v1.IndexPages"), Access::kWorker);
  std::set<std::string> services;
  for (const Method& method : AllMethods())
    services.insert(method.path.substr(1, method.path.rfind('/') - 1));
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

TEST_F(RolesTest, EveryMethodIsRefusedToTheOtherRole) {
  int called = 0;
  for (const Method& method : AllMethods()) {
    if (method.access != Access::kClient && method.access != Access::kWorker) continue;
    const char* other = method.access == Access::kClient ? kWorkerToken : kClientToken;
    const grpc::Status status = CallRaw(other, method.path, "").first;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
        << method.path << ": " << status.error_message();
    ++called;
  }
  EXPECT_GE(called, 14);
}

// What makes the refusals above mean something: with the right token the same calls get past the door. They
// may still fail, because an empty message is not what they need.
TEST_F(RolesTest, EveryMethodIsOpenToItsOwnRole) {
  for (const Method& method : AllMethods()) {
    for (const auto& [token, allowed] : {std::pair(kClientToken, method.access != Access::kWorker),
                                         {kWorkerToken, method.access != Access::kClient}}) {
      if (!allowed) continue;
      const grpc::StatusCode code = CallRaw(token, method.path, "").first.error_code();
      EXPECT_NE(code, grpc::StatusCode::UNAUTHENTICATED) << method.path;
      EXPECT_EQ(code == grpc::StatusCode::PERMISSION_DENIED, method.path == kOperatorsOwn) << method.path;
      EXPECT_NE(code, grpc::StatusCode::UNIMPLEMENTED)
          << method.path << " is in the descriptors, but not served";
      EXPECT_NE(code, grpc::StatusCode::DEADLINE_EXCEEDED) << method.path;
    }
  }
}

}  // namespace
}  // namespace crossmill::coordinator
