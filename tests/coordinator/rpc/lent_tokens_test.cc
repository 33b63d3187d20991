#include "coordinator/rpc/peers/lent_tokens.h"

#include "common/rpc/status_proto.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

using coordinator::LentToken;
using coordinator::Roles;

class WhoCalls final : public v1::Builds::Service {
 public:
  explicit WhoCalls(const coordinator::Authenticator& authenticator) : authenticator_(authenticator) {}
  grpc::Status SubmitBuild(grpc::ServerContext* context, const v1::SubmitBuildRequest*,
                           v1::SubmitBuildResponse*) override {
    const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
    if (roles.ok()) last = *roles;
    return rpc::ToGrpc(roles.status());
  }

  Roles last;

 private:
  const coordinator::Authenticator& authenticator_;
};

class LentTokensTest : public RpcFixture {
 protected:
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.Builds", &builds_}};
  }
  absl::Status Submit(const std::string& token) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + token);
    v1::SubmitBuildResponse response;
    return rpc::FromGrpc(
        v1::Builds::NewStub(server_->InProcessChannel())->SubmitBuild(&context, {}, &response));
  }
  Roles Of(const char* token) { return *authenticator_.RolesOfHash(Sha256Hex(token)); }

  WhoCalls builds_{authenticator_};
};

TEST_F(LentTokensTest, CallsAreMadeInTheNameOfWhoseTheRolesAre) {
  const LentToken lent = authenticator_.Lend(Of(kSubmitToken));
  EXPECT_OK(Submit(lent.text()));
  EXPECT_EQ(builds_.last.name, "submitter");
  EXPECT_EQ(builds_.last.client, v1::ACCESS_SUBMIT);
  EXPECT_TRUE(builds_.last.lent);
  EXPECT_FALSE(builds_.last.at_socket);
  // A stream that it came with is looked after by this.
  EXPECT_TRUE(authenticator_.Knows(builds_.last.hash));
  EXPECT_NE(builds_.last.hash, Sha256Hex(kSubmitToken));
}

TEST_F(LentTokensTest, WhoMayNotMayNotByALentTokenEither) {
  const LentToken lent = authenticator_.Lend(Of(kReadToken));
  EXPECT_TRUE(absl::IsPermissionDenied(Submit(lent.text())));
}

TEST_F(LentTokensTest, OperatorOfTheMachineStaysOne) {
  const LentToken lent =
      authenticator_.Lend(Roles{.client = v1::ACCESS_ADMIN, .worker = true, .at_socket = true});
  EXPECT_OK(Submit(lent.text()));
  EXPECT_TRUE(builds_.last.at_socket);
}

TEST_F(LentTokensTest, GivenBackItIsWorthNothing) {
  std::string text;
  {
    const LentToken lent = authenticator_.Lend(Of(kSubmitToken));
    text = lent.text();
    EXPECT_OK(Submit(text));
  }
  EXPECT_TRUE(absl::IsUnauthenticated(Submit(text)));
  EXPECT_FALSE(authenticator_.Knows(Sha256Hex(text)));
}

TEST_F(LentTokensTest, WorthNothingWithoutTheTokenThatItComesFrom) {
  const LentToken lent = authenticator_.Lend(Of(kSubmitToken));
  EXPECT_OK(Submit(lent.text()));
  authenticator_.SetTokens({});
  EXPECT_TRUE(absl::IsUnauthenticated(Submit(lent.text())));
  EXPECT_FALSE(authenticator_.Knows(Sha256Hex(lent.text())));
}

TEST_F(LentTokensTest, RightsAreThoseOfTheTokenNow) {
  const LentToken lent = authenticator_.Lend(Of(kSubmitToken));
  authenticator_.SetTokens({{Sha256Hex(kSubmitToken), v1::ACCESS_READ, false, "submitter"}});
  EXPECT_TRUE(absl::IsPermissionDenied(Submit(lent.text())));
}

TEST_F(LentTokensTest, NobodyElseIsLetInByItsHash) {
  const LentToken lent = authenticator_.Lend(Of(kSubmitToken));
  EXPECT_TRUE(absl::IsUnauthenticated(Submit(Sha256Hex(lent.text()))));
  EXPECT_TRUE(absl::IsUnauthenticated(Submit("")));
}

TEST_F(LentTokensTest, MovedItIsGivenBackOnce) {
  LentToken first = authenticator_.Lend(Of(kSubmitToken));
  const std::string text = first.text();
  LentToken second = std::move(first);
  first.GiveBack();
  EXPECT_OK(Submit(text));
  second = LentToken();
  EXPECT_TRUE(absl::IsUnauthenticated(Submit(text)));
}

TEST_F(LentTokensTest, MayOutliveTheAuthenticator) {
  LentToken lent;
  {
    const coordinator::Authenticator other({});
    lent = other.Lend(Roles{.at_socket = true});
  }
  lent.GiveBack();
}

TEST_F(LentTokensTest, RolesByNameNeedOneTokenOfThatName) {
  ASSERT_OK(authenticator_.RolesOfName("submitter").status());
  EXPECT_EQ(authenticator_.RolesOfName("submitter")->client, v1::ACCESS_SUBMIT);
  EXPECT_EQ(authenticator_.RolesOfName("submitter")->hash, Sha256Hex(kSubmitToken));
  EXPECT_TRUE(absl::IsUnauthenticated(authenticator_.RolesOfName("nobody").status()));
  // A worker's token is no client's.
  EXPECT_TRUE(absl::IsUnauthenticated(authenticator_.RolesOfName("worker").status()));
  authenticator_.AskNames([](std::string_view) { return std::vector<std::string>{Sha256Hex("another")}; });
  const absl::Status both = authenticator_.RolesOfName("submitter").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(both)) << both;
}

}  // namespace
}  // namespace crossmill
