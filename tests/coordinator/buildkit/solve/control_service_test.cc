// How Control.Solve ends, with a real client's session behind it.
#include "coordinator/buildkit/solve/control_service.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/files.h"
#include "coordinator/buildkit/files/folder_memory.h"
#include "coordinator/buildkit/solve/content_service.h"
#include "coordinator/buildkit/solve/gateway_service.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"
#include "tests/coordinator/buildkit/fake_buildkit_client.h"
#include "tests/coordinator/buildkit/outputs/outputs_fixture.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr char kCaller[] = "caller";

class NoSources final : public RemoteSources {
 public:
  absl::StatusOr<File> FetchFile(const std::string&, const std::string&, const OnProgress&,
                                 std::stop_token) override {
    return absl::NotFoundError("");
  }
  absl::StatusOr<File> FetchPrivateFile(const std::string&, const std::string&, const std::string&,
                                        const OnProgress&, std::stop_token) override {
    return absl::NotFoundError("");
  }
  absl::StatusOr<Tree> FetchGit(const std::string&, const std::string&, bool, const OnProgress&,
                                std::stop_token) override {
    return absl::NotFoundError("");
  }
  absl::StatusOr<std::optional<int64_t>> CommitTime(const std::string&, const std::string&, const OnProgress&,
                                                    std::stop_token) override {
    return absl::NotFoundError("");
  }
};

// A client that takes no output, and says so in its own way.
class Refuser final : public moby::filesync::v1::FileSend::Service {
 public:
  explicit Refuser(grpc::StatusCode code) : code_(code) {}
  grpc::Status DiffCopy(grpc::ServerContext*,
                        grpc::ServerReaderWriter<fsutil::types::Packet, fsutil::types::Packet>*) override {
    return {code_, "not written"};
  }

 private:
  const grpc::StatusCode code_;
};

class ControlServiceTest : public OutputsFixture {
 protected:
  ControlServiceTest() {
    grpc::ServerBuilder builder;
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{&control_, &gateway_, &content_})
      builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    stub_ = bk::Control::NewStub(server_->InProcessChannel({}));
    files_ = gateway::LLBBridge::NewStub(server_->InProcessChannel({}));
  }
  ~ControlServiceTest() override {
    builds_.Stop();
    sessions_.Stop();
    server_->Shutdown();
  }

  // A build that ended well, whose only output the client refuses with the code.
  grpc::Status SolveRefused(grpc::StatusCode code) {
    Refuser refuser(code);
    ClientSession::Introduction introduction;
    introduction.id = "session";
    introduction.owner = kCaller;
    introduction.methods = {"/moby.filesync.v1.filesend/diffcopy"};
    const ServedBuildKitClient client(sessions_, introduction, {&refuser});
    bk::SolveRequest request;
    request.set_ref("build");
    request.set_session("session");
    request.set_internal(true);
    request.add_exporters()->set_type("tar");
    grpc::Status ended;
    std::thread solving([&] {
      grpc::ClientContext context;
      bk::SolveResponse response;
      ended = stub_->Solve(&context, request, &response);
    });
    const auto build = builds_.Wait(kCaller, "build", std::chrono::seconds(20), {});
    EXPECT_OK(build);
    auto finished = std::make_shared<FinishedBuild>();
    finished->image = BuiltFor({"amd64"});
    const std::shared_ptr<ClientResult> result = NewResult();
    result->built = finished;
    (*build)->Keep(result);
    gateway::ReturnRequest returned;
    returned.mutable_result()->mutable_ref()->set_id(result->id);
    EXPECT_OK((*build)->Return(returned));
    solving.join();
    return ended;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create(testing::TempDir());
  const Authenticator authenticator_{{}};
  ClientSessions sessions_;
  FolderMemory folders_{clock_};
  NoSources sources_;
  FileSubmissions archives_{*blobs_, clock_, nullptr, {}};
  const SolveServices solve_services_{
      .admit = [](const grpc::ServerContextBase&, v1::Access) -> absl::StatusOr<CallerIdentity> {
        return CallerIdentity{Roles{.client = v1::ACCESS_ADMIN, .at_socket = true}, kCaller};
      },
      .authenticator = authenticator_,
      .farm = nullptr,
      .sessions = sessions_,
      .folders = folders_,
      .blobs = *blobs_,
      .images = images_,
      .sources = sources_,
      .archives = archives_,
      .clock = clock_,
      .build_platform = oci::LinuxPlatform("amd64"),
      .planning = {},
      .place_of_build = [](int64_t) { return "here"; },
      .exports = services_,
      .spans_of = [](int64_t build) -> absl::StatusOr<std::vector<opentelemetry::proto::trace::v1::Span>> {
        opentelemetry::proto::trace::v1::Span span;
        span.set_name(fmt::format("build {}", build));
        return std::vector{span};
      },
  };
  ClientBuilds builds_;
  const std::unique_ptr<BuildHistory> history_ = BuildHistory::Open(folder_.Path("history"));
  ControlService control_{solve_services_, builds_, *history_};
  GatewayService gateway_{solve_services_, builds_};
  ContentService content_{solve_services_, *history_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<bk::Control::Stub> stub_;
  std::unique_ptr<gateway::LLBBridge::Stub> files_;
};

// Whatever the client's end answers: an output that did not arrive is no success.
TEST_F(ControlServiceTest, AnOutputThatTheClientRefusesFailsTheBuild) {
  for (const grpc::StatusCode code : {grpc::StatusCode::ABORTED, grpc::StatusCode::INTERNAL}) {
    const grpc::Status ended = SolveRefused(code);
    EXPECT_FALSE(ended.ok()) << code;
    EXPECT_NE(ended.error_message().find("not written"), std::string::npos) << ended.error_message();
  }
}

// While its build goes on, a result is read by the name that it was given.
class ResultFilesTest : public ControlServiceTest {
 protected:
  ResultFilesTest() {
    solving_ = std::thread([this] {
      grpc::ClientContext context;
      bk::SolveRequest request;
      request.set_ref("build");
      request.set_internal(true);
      bk::SolveResponse response;
      stub_->Solve(&context, request, &response);
    });
    build_ = *builds_.Wait(kCaller, "build", std::chrono::seconds(20), {});
    result_ = NewResult();
    auto finished = std::make_shared<FinishedBuild>();
    finished->image = BuiltFor({"amd64", "arm64"});
    result_->built = finished;
    result_->platform = oci::LinuxPlatform("arm64");
    build_->Keep(result_);
  }
  ~ResultFilesTest() override {
    EXPECT_OK(build_->Return({}));
    solving_.join();
  }
  // Of a call of the build.
  static void Name(grpc::ClientContext* context) {
    context->AddMetadata("buildkit-controlapi-buildid", "build");
  }
  grpc::Status Read(const std::string& path, gateway::ReadFileResponse* response, int64_t offset = 0) {
    grpc::ClientContext context;
    Name(&context);
    gateway::ReadFileRequest request;
    request.set_ref(result_->id);
    request.set_filepath(path);
    if (offset > 0) request.mutable_range()->set_offset(offset);
    return files_->ReadFile(&context, request, response);
  }

  std::thread solving_;
  std::shared_ptr<ClientBuild> build_;
  std::shared_ptr<ClientResult> result_;
};

TEST_F(ResultFilesTest, FilesOfThePlatformsImageAreRead) {
  gateway::ReadFileResponse file;
  ASSERT_TRUE(Read("/srv/app", &file).ok());
  EXPECT_EQ(file.data(), "the app of arm64");
  ASSERT_TRUE(Read("/srv/app", &file, 11).ok());
  EXPECT_EQ(file.data(), "arm64");
  const grpc::Status missing = Read("/srv/none", &file);
  EXPECT_NE(missing.error_message().find("no such file"), std::string::npos);

  grpc::ClientContext stat_call;
  Name(&stat_call);
  gateway::StatFileRequest stat;
  stat.set_ref(result_->id);
  stat.set_path("srv");
  gateway::StatFileResponse folder;
  ASSERT_TRUE(files_->StatFile(&stat_call, stat, &folder).ok());
  EXPECT_EQ(folder.stat().path(), "srv");
  EXPECT_NE(folder.stat().mode() & (1u << 31), 0u);

  grpc::ClientContext list_call;
  Name(&list_call);
  gateway::ReadDirRequest list;
  list.set_ref(result_->id);
  list.set_dirpath("/srv");
  list.set_includepattern("app?");
  gateway::ReadDirResponse listed;
  ASSERT_TRUE(files_->ReadDir(&list_call, list, &listed).ok());
  ASSERT_EQ(listed.entries_size(), 1);
  EXPECT_EQ(listed.entries(0).path(), "app2");
  EXPECT_EQ(listed.entries(0).size(), 16);
}

TEST_F(ResultFilesTest, ThereIsAPlaceForFourImages) {
  std::vector<std::shared_ptr<void>> places;
  for (int i = 0; i < 4; ++i) places.push_back(*builds_.TakeTree());
  gateway::ReadFileResponse file;
  EXPECT_EQ(Read("/srv/app", &file).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  places.pop_back();
  EXPECT_TRUE(Read("/srv/app", &file).ok());
  EXPECT_FALSE(builds_.TakeTree().ok());
  places.clear();
}

// Of what is in the store only what a listed build names is given away.
TEST_F(ControlServiceTest, ContentIsThatOfListedBuilds) {
  const BuiltImage image = BuiltFor({"amd64"});
  const auto exported = oci::ParseImageManifest(*blobs_->Get(image.root));
  ASSERT_OK(exported);
  const auto stub = containerd::services::content::v1::Content::NewStub(server_->InProcessChannel({}));
  const auto read = [&](const std::string& digest, std::string* bytes) {
    grpc::ClientContext context;
    containerd::services::content::v1::ReadContentRequest request;
    request.set_digest(digest);
    const auto reader = stub->Read(&context, request);
    containerd::services::content::v1::ReadContentResponse piece;
    while (reader->Read(&piece)) *bytes += piece.data();
    return reader->Finish().error_code();
  };
  std::string bytes;
  EXPECT_EQ(read(image.root.Oci(), &bytes), grpc::StatusCode::NOT_FOUND);
  bk::BuildHistoryRecord record;
  record.set_ref("listed");
  record.mutable_createdat()->set_seconds(1);
  record.mutable_completedat()->set_seconds(2);
  bk::Descriptor& result = (*record.mutable_result()->mutable_results())[0];
  result.set_digest(image.root.Oci());
  result.set_size(image.root.size);
  v1::KeptClientBuild kept;
  kept.set_record(record.SerializeAsString());
  kept.set_caller(kCaller);
  history_->Tell(kept);
  EXPECT_EQ(read(image.root.Oci(), &bytes), grpc::StatusCode::OK);
  EXPECT_EQ(bytes, *blobs_->Get(image.root));
  bytes.clear();
  EXPECT_EQ(read(exported->config.digest.Oci(), &bytes), grpc::StatusCode::OK);
  // Layers are the registry's to give, or an export's.
  EXPECT_EQ(read(exported->layers[0].digest.Oci(), &bytes), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(read("sha256:../../etc/passwd", &bytes), grpc::StatusCode::NOT_FOUND);
}

TEST(KeptByPruneTest, SizesMeanWhatTheyMeanToBuildKit) {
  const auto kept = [](int64_t reserved, int64_t most, int64_t least_free) {
    bk::PruneRequest request;
    request.set_reservedspace(reserved);
    request.set_maxusedspace(most);
    request.set_minfreespace(least_free);
    // 100 used, 50 free.
    return KeptByPrune(request, 100, 50);
  };
  EXPECT_EQ(kept(30, 0, 0), 30);
  EXPECT_EQ(kept(0, 70, 0), 70);
  EXPECT_EQ(kept(80, 70, 0), 80);
  EXPECT_EQ(kept(0, 0, 60), 90);
  EXPECT_EQ(kept(0, 0, 40), 100);
  EXPECT_EQ(kept(0, 70, 60), 70);
  EXPECT_EQ(kept(0, 95, 60), 90);
  EXPECT_EQ(kept(0, 0, 500), 0);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
