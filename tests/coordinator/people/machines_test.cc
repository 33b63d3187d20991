#include "coordinator/people/machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "common/certificates/certificate.h"
#include "common/certificates/invitation.h"
#include "common/certificates/request.h"
#include "coordinator/people/join_rate.h"
#include "coordinator/storage/connection.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLife = absl::Hours(24 * 30);

class MachinesTest : public ::testing::Test {
 protected:
  MachinesTest()
      : connection_(storage::Connection::Open(":memory:").value()),
        records_(*connection_),
        authority_(certificates::Authority::Make(clock_.Now()).value()) {
    Restart();
  }

  // What the record says: of a coordinator that is started again.
  void Restart() { machines_ = Machines::Open(records_, clock_, {authority_, kLife}).value(); }

  std::string Invite(const std::string& pool = "", const std::string& name = "") {
    v1::CreateInvitationRequest request;
    request.set_pool(pool);
    request.set_name(name);
    const auto made = machines_->Invite(request, "anna");
    EXPECT_TRUE(made.ok()) << made.status();
    return certificates::ParseInvitation(made->secret())->secret;
  }
  absl::StatusOr<v1::JoinResponse> Join(const std::string& secret, const std::string& name = "",
                                        const std::string& host = "box.example") {
    v1::JoinRequest request;
    request.set_secret(secret);
    request.set_name(name);
    request.set_host_name(host);
    request.set_certificate_request(certificates::MakeKeyAndRequest()->request_pem);
    return machines_->Join(request, [](const std::string& wanted) {
      return wanted == "token" ? absl::AlreadyExistsError("has a token") : absl::OkStatus();
    });
  }
  std::string Joined(const std::string& name) {
    const auto joined = Join(Invite(), name);
    EXPECT_TRUE(joined.ok()) << joined.status();
    return certificates::FactsOf(joined->certificate())->fingerprint;
  }
  absl::StatusOr<v1::RenewCertificateResponse> Renew(const std::string& fingerprint) {
    return machines_->Renew(fingerprint, certificates::MakeKeyAndRequest()->request_pem);
  }
  absl::StatusCode Code(const std::string& fingerprint) {
    return machines_->Find(fingerprint).status().code();
  }

  FakeClock clock_;
  std::unique_ptr<storage::Connection> connection_;
  storage::MachineRecords records_;
  certificates::Authority authority_;
  std::unique_ptr<Machines> machines_;
};

TEST_F(MachinesTest, AnInvitationIsGoodOnceAndAfterARestartToo) {
  const std::string secret = Invite();
  Restart();
  const auto joined = Join(secret, "w1");
  ASSERT_OK(joined.status());
  EXPECT_EQ(joined->name(), "w1");
  for (int i = 0; i < 2; ++i, Restart()) {
    const absl::Status again = Join(secret, "w2").status();
    EXPECT_EQ(again.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(again.message()), HasSubstr("'w1' joined with it"));
  }
  const auto rows = records_.Invitations();
  EXPECT_EQ((*rows)[0].hash, Sha256Hex(secret));
}

TEST_F(MachinesTest, AnInvitationThatEndedStaysEndedWhenTheClockGoesBack) {
  const std::string secret = Invite();
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(std::string(Join(secret).status().message()), HasSubstr("was good until"));
  clock_.Advance(-absl::Minutes(30));
  EXPECT_EQ(Join(secret).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(MachinesTest, AnInvitationIsRevokedAndAGuessIsNone) {
  const std::string secret = Invite();
  ASSERT_OK(machines_->RevokeInvitation(1).status());
  EXPECT_EQ(Join(secret).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Join("cmi_guess").status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Join("").status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(machines_->RevokeInvitation(2).status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(Join(Invite()).status());
  EXPECT_EQ(machines_->RevokeInvitation(2).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MachinesTest, ARefusalLeavesTheInvitationAsItWas) {
  const std::string secret = Invite();
  EXPECT_EQ(Join(secret, "token").status().code(), absl::StatusCode::kAlreadyExists);
  v1::JoinRequest request;
  request.set_secret(secret);
  request.set_certificate_request("no request");
  const auto ok = [](const std::string&) { return absl::OkStatus(); };
  EXPECT_EQ(machines_->Join(request, ok).status().code(), absl::StatusCode::kInvalidArgument);
  request.set_certificate_request(std::string(100'000, 'x'));
  EXPECT_EQ(machines_->Join(request, ok).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_OK(Join(secret, "w1").status());
}

TEST_F(MachinesTest, ThePoolIsInTheNameAndNamesAreGivenOnce) {
  EXPECT_EQ(Join(Invite("arm"), "north")->name(), "arm-north");
  EXPECT_EQ(Join(Invite("arm"), "arm-south")->name(), "arm-south");
  EXPECT_EQ(Join(Invite("arm"))->name(), "arm-box");
  EXPECT_EQ(Join(Invite("arm"))->name(), "arm-box-2");
  EXPECT_EQ(Join(Invite(), "", "Ünknown!")->name(), "nknown");
  EXPECT_EQ(Join(Invite(), "", "")->name(), "worker");
  EXPECT_EQ(Join(Invite(), "", "token")->name(), "token-2");
  EXPECT_EQ(Join(Invite("arm"), "north").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Join(Invite("arm", "west"), "east").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Join(Invite("arm", "west"))->name(), "arm-west");
}

TEST_F(MachinesTest, ACertificateIsGoodFromItsRecordOnUntilItsEnd) {
  const std::string fingerprint = Joined("w1");
  EXPECT_EQ(machines_->Find(fingerprint)->name, "w1");
  EXPECT_EQ(Code(std::string(64, '0')), absl::StatusCode::kUnauthenticated);
  Restart();
  EXPECT_EQ(Code(fingerprint), absl::StatusCode::kOk);
  clock_.Advance(kLife);
  EXPECT_EQ(Code(fingerprint), absl::StatusCode::kUnauthenticated);
  // A clock that was wrong and is set right has destroyed nothing.
  clock_.Advance(-absl::Hours(1));
  EXPECT_EQ(Code(fingerprint), absl::StatusCode::kOk);
}

TEST_F(MachinesTest, WhoeverIsRemovedIsOutWithAllCertificatesAndMayJoinAnew) {
  const std::string first = Joined("w1");
  clock_.Advance(kLife * 0.7);
  ASSERT_OK(Renew(first).status());
  ASSERT_OK(machines_->Remove("w1").status());
  for (int i = 0; i < 2; ++i, Restart()) {
    EXPECT_EQ(Code(first), absl::StatusCode::kUnauthenticated);
    EXPECT_FALSE(Renew(first).ok());
    EXPECT_TRUE(machines_->List(false).empty());
  }
  EXPECT_EQ(machines_->Remove("w1").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Code(Joined("w1")), absl::StatusCode::kOk);
  EXPECT_EQ(Code(first), absl::StatusCode::kUnauthenticated);
}

TEST_F(MachinesTest, TheNextCertificateIsDueAfterTwoThirdsAndTheOldOneGoodUntilItIsUsed) {
  const std::string first = Joined("w1");
  machines_->NoteUse(first);
  EXPECT_GT(Renew(first)->due_in_seconds(), 0);
  EXPECT_TRUE(Renew(first)->certificate().empty());
  clock_.Advance(kLife * 0.7);
  EXPECT_EQ(machines_->Renew(first, "")->due_in_seconds(), 0);
  // The first answer was lost: what it held is worth nothing when there is another.
  const std::string lost = certificates::FactsOf(Renew(first)->certificate())->fingerprint;
  const std::string second = certificates::FactsOf(Renew(first)->certificate())->fingerprint;
  EXPECT_EQ(Code(lost), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Code(first), absl::StatusCode::kOk);
  EXPECT_EQ(Code(second), absl::StatusCode::kOk);
  machines_->NoteUse(second);
  for (int i = 0; i < 2; ++i, Restart()) {
    // Not refused for good: its worker has another to come with.
    EXPECT_EQ(Code(first), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Code(second), absl::StatusCode::kOk);
  }
  EXPECT_FALSE(Renew(first).ok());
}

TEST_F(MachinesTest, ARenewedCertificateThatWasNotUsedOutlivesTheOldOne) {
  const std::string first = Joined("w1");
  clock_.Advance(kLife * 0.7);
  const std::string second = certificates::FactsOf(Renew(first)->certificate())->fingerprint;
  clock_.Advance(kLife * 0.4);
  EXPECT_EQ(Code(first), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Code(second), absl::StatusCode::kOk);
}

TEST_F(MachinesTest, WithoutAnAuthorityNobodyIsInvited) {
  machines_ = Machines::Open(records_, clock_, {std::nullopt, kLife}).value();
  EXPECT_EQ(machines_->Invite({}, "").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(JoinRateTest, APeerIsHeldBackAndOthersAreNot) {
  JoinRate rate;
  absl::Time now = absl::UnixEpoch();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(rate.Admit("10.0.0.1", now));
  EXPECT_FALSE(rate.Admit("10.0.0.1", now));
  EXPECT_TRUE(rate.Admit("10.0.0.2", now));
  now += absl::Seconds(1);
  EXPECT_TRUE(rate.Admit("10.0.0.1", now));
  EXPECT_FALSE(rate.Admit("10.0.0.1", now));
  int admitted = 0;
  for (int peer = 0; peer < 10'000; ++peer) admitted += rate.Admit(std::to_string(peer), now) ? 1 : 0;
  EXPECT_LE(admitted, 100);
}

}  // namespace
}  // namespace crossmill::coordinator
