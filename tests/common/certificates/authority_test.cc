#include "common/certificates/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "common/certificates/certificate.h"
#include "common/certificates/invitation.h"
#include "common/certificates/request.h"
#include "common/certificates/served_chain.h"
#include "common/certificates/x509.h"
#include "tests/support/status_matchers.h"

namespace crossmill::certificates {
namespace {

using ::testing::HasSubstr;

// Of what OpenSSL itself compares with the time of the machine.
const absl::Time kNow = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));

std::string ServedBy(const Authority& authority, const std::vector<std::string>& names) {
  const KeyAndRequest made = MakeKeyAndRequest().value();
  return authority.IssueServer(made.request_pem, names, kNow)->pem + authority.certificate_pem();
}

TEST(AuthorityTest, ItIsTheSameAfterItWasWrittenAndRead) {
  const Authority made = Authority::Make(kNow).value();
  const auto read = Authority::FromPem(made.certificate_pem(), *made.KeyPem());
  ASSERT_OK(read.status());
  EXPECT_EQ(read->fingerprint(), made.fingerprint());
  const Authority other = Authority::Make(kNow).value();
  EXPECT_NE(other.fingerprint(), made.fingerprint());
  EXPECT_EQ(Authority::FromPem(made.certificate_pem(), *other.KeyPem()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AuthorityTest, AWorkersCertificateHasTheWorkersKeyAndEnds) {
  const Authority authority = Authority::Make(kNow).value();
  const KeyAndRequest made = MakeKeyAndRequest().value();
  const auto issued = authority.IssueWorker(made.request_pem, "arm-1", kNow, absl::Hours(24));
  ASSERT_OK(issued.status());
  ASSERT_OK(CheckPair(made.key_pem, issued->pem));
  const auto facts = FactsOf(issued->pem);
  ASSERT_OK(facts.status());
  EXPECT_EQ(facts->fingerprint, issued->fingerprint);
  EXPECT_EQ(facts->not_after, kNow + absl::Hours(24));
  // It serves nobody: a worker is no coordinator.
  const std::string chain = issued->pem + authority.certificate_pem();
  EXPECT_EQ(CheckServedChain(chain, authority.fingerprint(), "arm-1").status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(AuthorityTest, NamesThatWouldBeMoreThanOneAreNone) {
  const Authority authority = Authority::Make(kNow).value();
  const KeyAndRequest made = MakeKeyAndRequest().value();
  for (const std::string name : {"a,DNS:farm.example", "a b", "", "a\nb"}) {
    EXPECT_FALSE(authority.IssueWorker(made.request_pem, name, kNow, absl::Hours(1)).ok()) << name;
    EXPECT_FALSE(authority.IssueServer(made.request_pem, {name}, kNow).ok()) << name;
  }
}

TEST(AuthorityTest, ARequestIsOfAKeyThatItsSenderHas) {
  std::string request = MakeKeyAndRequest()->request_pem;
  ASSERT_OK(CheckRequest(request));
  EXPECT_EQ(CheckRequest("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckRequest(std::string(kMostRequestBytes + 1, 'x')).code(), absl::StatusCode::kInvalidArgument);
  // The signature is the last thing in it: another character there is another signature, or none.
  const size_t place = request.find("\n-----END") - 6;
  request[place] = request[place] == 'A' ? 'B' : 'A';
  EXPECT_EQ(CheckRequest(request).code(), absl::StatusCode::kInvalidArgument);
}

TEST(ServedChainTest, TheCoordinatorIsKnownByTheAuthorityOfTheInvitation) {
  const Authority authority = Authority::Make(kNow).value();
  const std::string chain = ServedBy(authority, {"farm.example", "10.0.0.1"});
  for (const std::string host : {"farm.example", "10.0.0.1"}) {
    const auto found = CheckServedChain(chain, authority.fingerprint(), host);
    ASSERT_OK(found.status());
    EXPECT_EQ(*found, authority.certificate_pem());
  }
  EXPECT_THAT(
      std::string(CheckServedChain(chain, authority.fingerprint(), "other.example").status().message()),
      HasSubstr("ostname mismatch"));
}

TEST(ServedChainTest, WhoShowsTheAuthorityWithoutBeingFromItIsSomebodyElse) {
  const Authority authority = Authority::Make(kNow).value(), other = Authority::Make(kNow).value();
  const std::string name = "farm.example";
  EXPECT_THAT(
      std::string(
          CheckServedChain(ServedBy(other, {name}), authority.fingerprint(), name).status().message()),
      HasSubstr("was not sent"));
  // Anybody has the authority's certificate: behind one of another authority it says nothing.
  const std::string mixed = ServedBy(other, {name}) + authority.certificate_pem();
  EXPECT_EQ(CheckServedChain(mixed, authority.fingerprint(), name).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(CheckServedChain("", authority.fingerprint(), name).ok());
}

TEST(AuthorityTest, AClientsCertificateSaysWhichTokenItWasIssuedTo) {
  const Authority authority = Authority::Make(kNow).value();
  const KeyAndRequest made = MakeKeyAndRequest().value();
  const std::string hash(64, 'a');
  const auto issued = authority.IssueClient(made.request_pem, hash, kNow, absl::Hours(24));
  ASSERT_OK(issued.status());
  ASSERT_OK(CheckPair(made.key_pem, issued->pem));
  EXPECT_EQ(*TokenHashOf(ReadCertificate(issued->pem)->get()), hash);
  for (const std::string& wrong :
       {std::string(), std::string("a"), "A" + std::string(63, 'a'), std::string(63, 'a') + ","})
    EXPECT_FALSE(authority.IssueClient(made.request_pem, wrong, kNow, absl::Hours(1)).ok()) << wrong;
  // A worker's, and that of who serves, are issued to none.
  EXPECT_FALSE(
      TokenHashOf(
          ReadCertificate(authority.IssueWorker(made.request_pem, "arm-1", kNow, absl::Hours(1))->pem)->get())
          .ok());
  EXPECT_FALSE(
      TokenHashOf(ReadCertificate(authority.IssueServer(made.request_pem, {"farm"}, kNow)->pem)->get()).ok());
}

TEST(InvitationTest, IsWholeOrNone) {
  const Invitation invitation{"cmi_" + std::string(49, 'a'), std::string(64, 'f')};
  const std::string text = InvitationText(invitation);
  const auto read = ParseInvitation(text);
  ASSERT_OK(read.status());
  EXPECT_EQ(read->secret, invitation.secret);
  EXPECT_EQ(read->authority, invitation.authority);
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(ParseInvitation(text.substr(0, size)).ok()) << size;
  EXPECT_FALSE(ParseInvitation(text + "0").ok());
  EXPECT_THAT(std::string(ParseInvitation("cmi_secret").status().message()),
              ::testing::Not(HasSubstr("cmi_secret")));
}

}  // namespace
}  // namespace crossmill::certificates
