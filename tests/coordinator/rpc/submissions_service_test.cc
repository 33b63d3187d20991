// Archives over the wire, to their end and not.
#include "coordinator/submissions/rpc/submissions_service.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::coordinator {
namespace {

class SubmissionsServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    FileSubmissionsOptions options;
    options.scratch_folder = folder_.Path("scratch");
    const AdmitBuild admit = [this](const v1::BuildSubmission&, const std::string&,
                                    const std::vector<v1::Secret>&) -> absl::StatusOr<AdmittedBuild> {
      return AdmittedBuild{++builds_, false};
    };
    submissions_ = std::make_unique<FileSubmissions>(*blobs_, clock_, admit, options);
    service_ = std::make_unique<SubmissionsService>(*submissions_, authenticator_);
    const std::string address = "unix:" + folder_.Path("socket");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    stub_ = v1::Submissions::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }
  // Sends a request and an archive, with or without the blocks that end it.
  void Begin(grpc::ClientWriter<v1::SubmitFilesPiece>& writer, bool all) {
    v1::SubmitFilesPiece piece;
    piece.mutable_request()->add_platforms("linux/amd64");
    ASSERT_TRUE(writer.Write(piece));
    // More than is read ahead.
    std::string tar = TarText()
                          .Add("Dockerfile", layer::EntryType::kFile, "FROM scratch\n")
                          .Add("large", layer::EntryType::kFile, std::string(4 << 20, 'x'))
                          .Finish();
    if (!all) tar.resize(tar.size() - 1024);
    for (size_t at = 0; at < tar.size(); at += 1 << 20) {
      piece.set_archive(tar.substr(at, 1 << 20));
      ASSERT_TRUE(writer.Write(piece));
    }
  }
  bool HasUnpacked(std::string_view name) {
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.Path("scratch"), ignored)) {
      if (entry.path().filename() == name && entry.file_size(ignored) > 0) return true;
    }
    return false;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::atomic<int64_t> builds_ = 0;
  Authenticator authenticator_{std::vector<TokenRecord>()};
  std::unique_ptr<FileSubmissions> submissions_;
  std::unique_ptr<SubmissionsService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Submissions::Stub> stub_;
};

TEST_F(SubmissionsServiceTest, AWholeArchiveIsABuild) {
  grpc::ClientContext context;
  v1::Submission state;
  const auto writer = stub_->SubmitFiles(&context, &state);
  Begin(*writer, true);
  ASSERT_TRUE(writer->WritesDone());
  const grpc::Status status = writer->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(state.build_id(), 1);
}

// An archive may end without its end's blocks, as this one seems to.
TEST_F(SubmissionsServiceTest, ACallThatIsCancelledIsNoBuildOfHalfAnArchive) {
  grpc::ClientContext context;
  v1::Submission state;
  const auto writer = stub_->SubmitFiles(&context, &state);
  Begin(*writer, false);
  ASSERT_TRUE(Eventually([&] { return HasUnpacked("Dockerfile"); }));
  // What is on its way arrives, so that all that misses is the end.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  context.TryCancel();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // Waits for the service's side of the call.
  server_->Shutdown();
  server_->Wait();
  EXPECT_EQ(builds_, 0);
  EXPECT_FALSE(HasUnpacked("Dockerfile"));
}

}  // namespace
}  // namespace crossmill::coordinator
