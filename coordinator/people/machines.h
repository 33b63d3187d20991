// Machines that become workers by an invitation: who was invited, whose certificate is good, as it is now.
// Asked at every call of such a worker, so in memory, and changed at run time, first in the record.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/certificates/authority.h"
#include "coordinator/storage/people/machine_records.h"
#include "crossmill/v1/machines.pb.h"

namespace crossmill::coordinator {

struct MachineOptions {
  // Nothing: nobody can be invited.
  std::optional<certificates::Authority> authority;
  // Of a certificate; after two thirds of it there is the next.
  absl::Duration certificate_life = absl::Hours(24 * 30);
};

// Thread safe.
class Machines {
 public:
  // A worker that a certificate belongs to.
  struct Member {
    std::string name;
    std::string pool;
  };
  // Whether a worker may have this name: OK, or why not.
  using MayHave = std::function<absl::Status(const std::string& name)>;

  // Reads the record, which outlives it.
  static absl::StatusOr<std::unique_ptr<Machines>> Open(storage::MachineRecords& records, Clock& clock,
                                                        MachineOptions options);

  // ---- for those who decide ----

  // FAILED_PRECONDITION: there is no authority. The text in the answer is kept nowhere.
  absl::StatusOr<v1::CreateInvitationResponse> Invite(const v1::CreateInvitationRequest& request,
                                                      const std::string& by);
  // By number, with those that are worth nothing any more.
  std::vector<v1::Invitation> Invitations() const;
  bool IsGood(const v1::Invitation& invitation) const;
  // NOT_FOUND, FAILED_PRECONDITION.
  absl::StatusOr<v1::Invitation> RevokeInvitation(int64_t id);
  // By name, the newest certificate of each.
  std::vector<v1::Machine> List(bool all) const;
  // NOT_FOUND.
  absl::StatusOr<v1::Machine> Remove(const std::string& name);

  // ---- for machines ----

  // The number of the invitation with that secret, whatever it is worth; 0: there is none.
  int64_t FindInvitation(const std::string& secret) const;
  // As v1.Machines.Join.
  absl::StatusOr<v1::JoinResponse> Join(const v1::JoinRequest& request, const MayHave& may_have);
  // As v1.Machines.RenewCertificate, for the holder of the certificate with this fingerprint.
  absl::StatusOr<v1::RenewCertificateResponse> Renew(const std::string& fingerprint,
                                                     const std::string& certificate_request);
  // Whose certificate it is. UNAUTHENTICATED: nobody's any more; UNAVAILABLE: its worker has a newer one,
  // with which it has to connect.
  absl::StatusOr<Member> Find(const std::string& fingerprint) const;
  // A call came with it, which Find has let in: the others of its worker are worth nothing from now on.
  void NoteUse(const std::string& fingerprint);

 private:
  struct Row {
    storage::CertificateRow kept;
    bool IsOpen() const { return kept.revoked_at == 0 && kept.replaced_at == 0; }
  };

  Machines(storage::MachineRecords& records, Clock& clock, MachineOptions options)
      : records_(records), clock_(clock), options_(std::move(options)) {}
  int64_t Now() const { return UnixNanos(clock_.Now()); }
  absl::StatusOr<v1::Invitation> Redeemable(const v1::JoinRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  absl::StatusOr<std::string> NameFor(const v1::Invitation& invitation, const v1::JoinRequest& request,
                                      const MayHave& may_have) const;
  bool HasMachine(const std::string& name) const;
  absl::StatusOr<storage::CertificateRow> Issue(storage::CertificateRow row, const std::string& request,
                                                std::string* pem) const;
  void Keep(const storage::CertificateRow& row);

  storage::MachineRecords& records_;
  Clock& clock_;
  const MachineOptions options_;
  // Held while the record is changed, so that both agree.
  Mutex changing_;
  mutable Mutex mutex_;
  std::map<int64_t, v1::Invitation> invitations_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> by_hash_ ABSL_GUARDED_BY(mutex_);
  // By fingerprint.
  std::map<std::string, Row> certificates_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
