// How Control.Solve ends, with a real client's session behind it.
#include "coordinator/buildkit/solve/control_service.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/files.h"
#include "coordinator/buildkit/files/folder_memory.h"
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
    builder.RegisterService(&control_);
    server_ = builder.BuildAndStart();
    stub_ = bk::Control::NewStub(server_->InProcessChannel({}));
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
  };
  ClientBuilds builds_;
  const std::unique_ptr<BuildHistory> history_ = BuildHistory::Open(folder_.Path("history"));
  ControlService control_{solve_services_, builds_, *history_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<bk::Control::Stub> stub_;
};

// Whatever the client's end answers: an output that did not arrive is no success.
TEST_F(ControlServiceTest, AnOutputThatTheClientRefusesFailsTheBuild) {
  for (const grpc::StatusCode code : {grpc::StatusCode::ABORTED, grpc::StatusCode::INTERNAL}) {
    const grpc::Status ended = SolveRefused(code);
    EXPECT_FALSE(ended.ok()) << code;
    EXPECT_NE(ended.error_message().find("not written"), std::string::npos) << ended.error_message();
  }
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
