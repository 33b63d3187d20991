// A build is its submitter's: who else may change it, and whose idempotency key is whose.
#include <gmock/gmock.h>

#include "common/rpc/status_proto.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/builds_service.h"
#include "coordinator/rpc/token_file.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/image_fixture.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class OwnershipTest : public RpcFixture {
 protected:
  void SetUp() override {
    authenticator_.SetTokens(
        {*MakeTokenRecord("ann", "submit", "ann"), *MakeTokenRecord("bob", "submit", "bob"),
         *MakeTokenRecord("boss", "operate", "boss"), *MakeTokenRecord("eve", "read", "ann")});
    ASSERT_OK(engine_.Start());
    RpcFixture::SetUp();
  }
  void TearDown() override {
    engine_.Stop();
    server_.reset();
  }
  std::vector<ServedService> MoreServices() override { return {{"crossmill.v1.Builds", &builds_}}; }

  std::unique_ptr<v1::Builds::Stub> As(const std::string& token) {
    return v1::Builds::NewStub(token.empty() ? UnixChannel() : TcpChannel(token));
  }
  v1::SubmitBuildRequest Request(const std::string& key = "") {
    v1::SubmitBuildRequest request;
    request.mutable_submission()->mutable_recipe()->set_dockerfile("FROM scratch\nRUN one\n");
    request.mutable_submission()->mutable_recipe()->set_dockerfile_name("Dockerfile");
    ::build::bazel::remote::execution::v2::Directory root;
    ToProto(*blobs_->PutBytes(root.SerializeAsString()),
            request.mutable_submission()->mutable_recipe()->mutable_context_root());
    v1::Platform& platform = *request.mutable_submission()->mutable_options()->add_platforms();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    request.mutable_submission()->mutable_options()->set_network(v1::NETWORK_MODE_NONE);
    request.set_idempotency_key(key);
    return request;
  }
  absl::StatusOr<v1::SubmitBuildResponse> TrySubmit(const std::string& token,
                                                    const v1::SubmitBuildRequest& request) {
    grpc::ClientContext context;
    v1::SubmitBuildResponse response;
    RETURN_IF_ERROR(rpc::FromGrpc(As(token)->SubmitBuild(&context, request, &response)));
    return response;
  }
  int64_t Submit(const std::string& token, const std::string& key = "") {
    const auto submitted = TrySubmit(token, Request(key));
    EXPECT_OK(submitted);
    return submitted.ok() ? submitted->build_id() : 0;
  }
  absl::Status Cancel(const std::string& token, int64_t build) {
    grpc::ClientContext context;
    v1::CancelBuildRequest request;
    request.set_build_id(build);
    v1::CancelBuildResponse response;
    return rpc::FromGrpc(As(token)->CancelBuild(&context, request, &response));
  }
  absl::StatusOr<int64_t> Retry(const std::string& token, int64_t build) {
    grpc::ClientContext context;
    v1::RetryBuildRequest request;
    request.set_build_id(build);
    v1::SubmitBuildResponse response;
    RETURN_IF_ERROR(rpc::FromGrpc(As(token)->RetryBuild(&context, request, &response)));
    return response.build_id();
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::LogStore logs_{folder_.Path("logs")};
  ImageFixture images_{*blobs_, *records_};
  Engine engine_{*records_, logs_, *blobs_, images_.store(), images_.assembler(), clock_, {}};
  BuildsService builds_{engine_, *records_, logs_, clock_, authenticator_};
};

TEST_F(OwnershipTest, OthersAreNotChangedWithoutTheRoleOperate) {
  const int64_t build = Submit("ann");
  EXPECT_EQ(engine_.reader().Get(build)->owner(), "ann");
  const absl::Status denied = Cancel("bob", build);
  EXPECT_TRUE(absl::IsPermissionDenied(denied)) << denied;
  EXPECT_THAT(std::string(denied.message()), AllOf(HasSubstr("'ann'"), HasSubstr("role operate")));
  EXPECT_TRUE(absl::IsPermissionDenied(Cancel("eve", build)));  // its name is not enough
  EXPECT_TRUE(absl::IsPermissionDenied(Retry("bob", build).status()));
  {
    grpc::ClientContext context;
    const auto stub = As("bob");
    const auto stream = stub->Attach(&context);
    v1::AttachRequest request;
    request.set_build_id(build);
    stream->Write(request);
    stream->WritesDone();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  }
  EXPECT_OK(Cancel("ann", build));
  const auto again = Retry("ann", build);
  ASSERT_OK(again);
  EXPECT_OK(Cancel("boss", *again));
  const auto operators = Retry("boss", build);
  ASSERT_OK(operators);
  EXPECT_EQ(engine_.reader().Get(*operators)->owner(), "boss");
  EXPECT_TRUE(absl::IsPermissionDenied(Cancel("ann", *operators)));
  EXPECT_OK(Cancel("", *operators));
  // At the socket sits the operator, whose builds are nobody's else.
  const int64_t local = Submit("");
  EXPECT_EQ(engine_.reader().Get(local)->owner(), "");
  EXPECT_TRUE(absl::IsPermissionDenied(Cancel("ann", local)));
  EXPECT_OK(Cancel("boss", local));
}

TEST_F(OwnershipTest, OwnerIsNotWhatAClientSays) {
  v1::SubmitBuildRequest request = Request();
  request.mutable_submission()->set_owner("ann");
  const auto submitted = TrySubmit("bob", request);
  ASSERT_OK(submitted);
  EXPECT_EQ(engine_.reader().Get(submitted->build_id())->owner(), "bob");
}

// Anybody could say that a URL had what it never had.
TEST_F(OwnershipTest, WhatWasFetchedForABuildOnlyTheCoordinatorSays) {
  v1::SubmitBuildRequest request = Request();
  v1::FetchedSource& source = *request.mutable_submission()->add_fetched_sources();
  source.set_url("https://x.invalid/f");
  ToProto(*blobs_->PutBytes("claimed"), source.mutable_file());
  for (const std::string token : {"ann", "boss", ""}) {
    const auto submitted = TrySubmit(token, request);
    ASSERT_OK(submitted);
    EXPECT_EQ(engine_.reader().Submission(submitted->build_id())->fetched_sources_size(), 0) << token;
  }
  const LentToken lent = authenticator_.Lend({.client = v1::ACCESS_SUBMIT, .at_socket = true});
  const auto own = TrySubmit(lent.text(), request);
  ASSERT_OK(own);
  EXPECT_EQ(engine_.reader().Submission(own->build_id())->fetched_sources_size(), 1);
  // What is gone cannot be built with, and the client's word for it is not kept.
  ToProto(DigestOf("gone"), request.mutable_submission()->mutable_fetched_sources(0)->mutable_file());
  const auto gone = TrySubmit(lent.text(), request);
  EXPECT_TRUE(absl::IsFailedPrecondition(gone.status())) << gone.status();
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr("ADD https://x.invalid/f"));
}

TEST_F(OwnershipTest, IdempotencyKeysAreOfTheirClient) {
  const int64_t first = Submit("ann", "key");
  EXPECT_EQ(Submit("ann", "key"), first);
  EXPECT_NE(Submit("bob", "key"), first);
  EXPECT_NE(Submit("", "key"), first);
  // Nor by a key that looks like another's.
  EXPECT_NE(Submit("", "key of"), first);
  EXPECT_NE(Submit("bob", "key of ann"), first);
  EXPECT_OK(TrySubmit("ann", Request(std::string(256, 'k'))));
  const auto longer = TrySubmit("ann", Request(std::string(257, 'k')));
  EXPECT_TRUE(absl::IsInvalidArgument(longer.status()));
  EXPECT_THAT(std::string(longer.status().message()), HasSubstr("longer than 256"));
}

}  // namespace
}  // namespace crossmill::coordinator
