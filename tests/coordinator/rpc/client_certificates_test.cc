// People.IssueCertificate: certificates for who has a token.
#include <gmock/gmock.h>

#include "common/certificates/request.h"
#include "common/certificates/x509.h"
#include "common/rpc/status_proto.h"
#include "coordinator/people/authority_files.h"
#include "coordinator/rpc/people/farm_people.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

class ClientCertificatesTest : public RpcFixture {
 protected:
  void SetUp() override {
    ASSERT_OK(coordinator::MakeAuthority(folder_.path(), "farm:7777", std::vector<std::string>{"farm"},
                                         clock_.Now()));
    people_ = *coordinator::FarmPeople::Open(*records_, clock_, authenticator_, folder_.path());
    RpcFixture::SetUp();
  }
  void TearDown() override { server_.reset(); }
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.People", people_->service()}};
  }
  absl::StatusOr<v1::IssueCertificateResponse> Issue(const std::shared_ptr<grpc::Channel>& channel,
                                                     const std::string& lent = "") {
    grpc::ClientContext context;
    if (!lent.empty()) context.AddMetadata("authorization", "Bearer " + lent);
    v1::IssueCertificateRequest request;
    request.set_certificate_request(request_.request_pem);
    v1::IssueCertificateResponse response;
    const absl::Status issued =
        rpc::FromGrpc(v1::People::NewStub(channel)->IssueCertificate(&context, request, &response));
    if (!issued.ok()) return issued;
    return response;
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  std::unique_ptr<coordinator::FarmPeople> people_;
  certificates::KeyAndRequest request_ = *certificates::MakeKeyAndRequest();
};

TEST_F(ClientCertificatesTest, ACertificateIsOfTheTokenThatAsks) {
  const auto issued = Issue(TcpChannel(kSubmitToken));
  ASSERT_OK(issued.status());
  EXPECT_EQ(*certificates::TokenHashOf(certificates::ReadCertificate(issued->certificate())->get()),
            Sha256Hex(kSubmitToken));
  EXPECT_TRUE(certificates::ReadCertificate(issued->authority()).ok());
  EXPECT_GT(issued->not_after(), UnixNanos(clock_.Now()));
}

TEST_F(ClientCertificatesTest, WhoHasNoTokenToStandForGetsNone) {
  EXPECT_TRUE(absl::IsUnauthenticated(Issue(TcpChannel("")).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(TcpChannel(kReadToken)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(TcpChannel(kWorkerToken)).status()));
  // At the socket nobody shows one, and one that was lent ends with its loan.
  EXPECT_TRUE(absl::IsFailedPrecondition(Issue(UnixChannel()).status()));
  const auto lent = authenticator_.Lend(*authenticator_.RolesOfHash(Sha256Hex(kSubmitToken)));
  EXPECT_TRUE(absl::IsFailedPrecondition(Issue(server_->InProcessChannel(), lent.text()).status()));
}

TEST_F(ClientCertificatesTest, NonsenseIsNoRequest) {
  request_.request_pem = "nonsense";
  EXPECT_TRUE(absl::IsInvalidArgument(Issue(TcpChannel(kSubmitToken)).status()));
}

TEST_F(ClientCertificatesTest, TokensOfTheRecordAreFoundByName) {
  v1::Token token;
  token.set_name("pipeline");
  token.set_role(v1::ACCESS_SUBMIT);
  token.set_project("default");
  const auto made = people_->people().CreateToken(token);
  ASSERT_OK(made.status());
  EXPECT_EQ(authenticator_.RolesOfName("pipeline")->hash, Sha256Hex(made->secret()));
  // Of two it cannot be said which is meant.
  ASSERT_OK(people_->people().CreateToken(token).status());
  EXPECT_TRUE(absl::IsFailedPrecondition(authenticator_.RolesOfName("pipeline").status()));
  ASSERT_OK(people_->people().RevokeToken("pipeline").status());
  EXPECT_TRUE(absl::IsUnauthenticated(authenticator_.RolesOfName("pipeline").status()));
}

}  // namespace
}  // namespace crossmill
