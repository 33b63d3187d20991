#include "coordinator/people/machines.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/certificates/certificate.h"
#include "common/certificates/invitation.h"
#include "common/certificates/request.h"
#include "coordinator/people/token_text.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kHour = 3'600'000'000'000;
constexpr int64_t kMostValid = 30 * 24 * kHour;
constexpr size_t kLongestSecret = 100;
constexpr size_t kLongestHostName = 253;
constexpr int kMostNumbered = 999;

std::string TimeText(int64_t unix_nanos) {
  return absl::FormatTime(absl::RFC3339_sec, absl::FromUnixNanos(unix_nanos), absl::UTCTimeZone());
}

// When the next one is due.
int64_t DueAt(const storage::CertificateRow& row) {
  return row.issued_at + (row.expires_at - row.issued_at) / 3 * 2;
}

// What a machine is called that does not say what it wants to be called.
std::string NameOfHost(std::string_view host) {
  std::string name;
  for (const char c : host.substr(0, std::min(host.find('.'), size_t{40}))) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '_')
      name += static_cast<char>(absl::ascii_tolower(byte));
  }
  return name.empty() || !absl::ascii_isalnum(static_cast<unsigned char>(name[0])) ? "worker" : name;
}

// Workers of a pool are called `POOL` or `POOL-NAME` (docs/security.md).
std::string InPool(const std::string& pool, const std::string& name) {
  if (pool.empty() || name == pool || name.starts_with(pool + "-")) return name;
  return pool + "-" + name;
}

v1::Machine MachineOf(const storage::CertificateRow& row) {
  v1::Machine machine;
  machine.set_name(row.worker);
  machine.set_pool(row.pool);
  machine.set_fingerprint(row.fingerprint);
  machine.set_joined_at(row.joined_at);
  machine.set_issued_at(row.issued_at);
  machine.set_expires_at(row.expires_at);
  machine.set_removed_at(row.revoked_at);
  return machine;
}

absl::Status CheckJoinRequest(const v1::JoinRequest& request) {
  if (request.secret().size() > kLongestSecret || request.name().size() > kLongestHostName ||
      request.host_name().size() > kLongestHostName ||
      request.certificate_request().size() > certificates::kMostRequestBytes)
    return absl::InvalidArgumentError("the request to join is longer than one is");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Machines>> Machines::Open(storage::MachineRecords& records, Clock& clock,
                                                         MachineOptions options) {
  std::unique_ptr<Machines> machines(new Machines(records, clock, std::move(options)));
  ASSIGN_OR_RETURN(std::vector<storage::InvitationRow> invitations, records.Invitations());
  ASSIGN_OR_RETURN(std::vector<storage::CertificateRow> certificates, records.Certificates());
  MutexLock lock(machines->mutex_);
  for (storage::InvitationRow& row : invitations) {
    machines->by_hash_[row.hash] = row.invitation.id();
    machines->invitations_[row.invitation.id()] = std::move(row.invitation);
  }
  for (storage::CertificateRow& row : certificates) {
    std::string fingerprint = row.fingerprint;
    machines->certificates_[std::move(fingerprint)].kept = std::move(row);
  }
  return machines;
}

// ---- for those who decide ----

absl::StatusOr<v1::CreateInvitationResponse> Machines::Invite(const v1::CreateInvitationRequest& request,
                                                              const std::string& by) {
  if (!options_.authority)
    return absl::FailedPreconditionError(
        "this farm has no authority of its own, which invitations need: `crossmill admin init` on the "
        "coordinator's machine makes one, and a certificate of it for the coordinator; or give workers "
        "tokens "
        "(`crossmill-coordinator token worker NAME`)");
  const int64_t valid = request.valid_for() == 0 ? kHour : request.valid_for();
  if (valid < 0 || valid > kMostValid)
    return absl::InvalidArgumentError("an invitation is good for at most 30 days");
  const std::string name = request.name().empty() ? "" : InPool(request.pool(), request.name());
  storage::InvitationRow row;
  v1::Invitation& invitation = row.invitation;
  invitation.set_pool(request.pool());
  invitation.set_name(name);
  invitation.set_created_at(Now());
  invitation.set_created_by(by);
  invitation.set_expires_at(invitation.created_at() + valid);
  std::string secret = NewTokenText();
  secret.replace(0, kTokenPrefix.size(), certificates::kInvitationPrefix);
  row.hash = Sha256Hex(secret);
  MutexLock changing(changing_);
  if (HasMachine(name))
    return absl::AlreadyExistsError(fmt::format(
        "there is a worker '{0}' already; `crossmill admin worker remove {0}` makes room for another", name));
  ASSIGN_OR_RETURN(const int64_t id, records_.InsertInvitation(row));
  invitation.set_id(id);
  v1::CreateInvitationResponse made;
  made.set_id(id);
  made.set_secret(certificates::InvitationText({secret, options_.authority->fingerprint()}));
  *made.mutable_invitation() = invitation;
  MutexLock lock(mutex_);
  by_hash_[row.hash] = id;
  invitations_[id] = std::move(invitation);
  return made;
}

std::vector<v1::Invitation> Machines::Invitations() const {
  std::vector<v1::Invitation> all;
  MutexLock lock(mutex_);
  for (const auto& [id, invitation] : invitations_) all.push_back(invitation);
  return all;
}

bool Machines::IsGood(const v1::Invitation& invitation) const {
  return invitation.used_at() == 0 && invitation.revoked_at() == 0 && invitation.expires_at() > Now();
}

absl::StatusOr<v1::Invitation> Machines::RevokeInvitation(int64_t id) {
  MutexLock changing(changing_);
  v1::Invitation found;
  {
    MutexLock lock(mutex_);
    const auto it = invitations_.find(id);
    if (it == invitations_.end())
      return absl::NotFoundError(
          fmt::format("there is no invitation {}; `crossmill admin invitations` lists them", id));
    found = it->second;
  }
  if (found.used_at() != 0)
    return absl::FailedPreconditionError(fmt::format(
        "invitation {0} is used: worker '{1}' joined with it; `crossmill admin worker remove {1}` "
        "ends that",
        id, found.worker()));
  if (found.revoked_at() != 0) return found;
  found.set_revoked_at(Now());
  RETURN_IF_ERROR(records_.RevokeInvitation(id, found.revoked_at()));
  MutexLock lock(mutex_);
  invitations_[id] = found;
  return found;
}

std::vector<v1::Machine> Machines::List(bool all) const {
  const int64_t now = Now();
  std::map<std::string, storage::CertificateRow> newest;
  {
    MutexLock lock(mutex_);
    for (const auto& [fingerprint, row] : certificates_) {
      if (!all && (!row.IsOpen() || row.kept.expires_at <= now)) continue;
      storage::CertificateRow& best = newest[row.kept.worker];
      if (best.fingerprint.empty() || best.issued_at < row.kept.issued_at) best = row.kept;
    }
  }
  std::vector<v1::Machine> machines;
  for (const auto& [name, row] : newest) machines.push_back(MachineOf(row));
  return machines;
}

bool Machines::HasMachine(const std::string& name) const {
  MutexLock lock(mutex_);
  return std::any_of(certificates_.begin(), certificates_.end(), [&](const auto& entry) {
    return entry.second.kept.worker == name && entry.second.kept.revoked_at == 0;
  });
}

absl::StatusOr<v1::Machine> Machines::Remove(const std::string& name) {
  MutexLock changing(changing_);
  if (!HasMachine(name))
    return absl::NotFoundError(
        fmt::format("no worker '{}' has joined; `crossmill admin worker ls` lists those that have. A worker "
                    "with a token is "
                    "removed with the line of its token",
                    Printable(name.substr(0, 100))));
  const int64_t now = Now();
  RETURN_IF_ERROR(records_.Revoke(name, now));
  storage::CertificateRow newest;
  MutexLock lock(mutex_);
  for (auto& [fingerprint, row] : certificates_) {
    if (row.kept.worker != name || row.kept.revoked_at != 0) continue;
    row.kept.revoked_at = now;
    if (newest.fingerprint.empty() || newest.issued_at < row.kept.issued_at) newest = row.kept;
  }
  return MachineOf(newest);
}

// ---- for machines ----

int64_t Machines::FindInvitation(const std::string& secret) const {
  if (secret.size() > kLongestSecret) return 0;
  // By its hash: how long it takes says nothing about any.
  const std::string hash = Sha256Hex(secret);
  MutexLock lock(mutex_);
  const auto found = by_hash_.find(hash);
  return found == by_hash_.end() ? 0 : found->second;
}

absl::StatusOr<v1::Invitation> Machines::Redeemable(const v1::JoinRequest& request) {
  v1::Invitation found;
  const int64_t id = FindInvitation(request.secret());
  {
    MutexLock lock(mutex_);
    const auto it = invitations_.find(id);
    if (it == invitations_.end())
      return absl::UnauthenticatedError("there is no such invitation on this farm: ask for another one");
    found = it->second;
  }
  if (found.used_at() != 0)
    return absl::PermissionDeniedError(
        fmt::format("this invitation is used: worker '{}' joined with it at {}. If that was not you, "
                    "somebody else has it: "
                    "tell the operator, who can remove that worker; ask for another one",
                    found.worker(), TimeText(found.used_at())));
  if (found.revoked_at() != 0)
    return absl::PermissionDeniedError(
        "this invitation was revoked, or tried after its end: ask for another one");
  if (found.expires_at() <= Now()) {
    // For good: a clock that goes back does not bring it to life again.
    const int64_t now = Now();
    RETURN_IF_ERROR(records_.RevokeInvitation(id, now));
    MutexLock lock(mutex_);
    invitations_[id].set_revoked_at(now);
    return absl::PermissionDeniedError(
        fmt::format("this invitation was good until {}: ask for another one", TimeText(found.expires_at())));
  }
  return found;
}

absl::StatusOr<std::string> Machines::NameFor(const v1::Invitation& invitation,
                                              const v1::JoinRequest& request, const MayHave& may_have) const {
  if (!invitation.name().empty() && !request.name().empty() &&
      InPool(invitation.pool(), request.name()) != invitation.name())
    return absl::PermissionDeniedError(
        fmt::format("this invitation is for worker '{}' alone", invitation.name()));
  const std::string said = invitation.name().empty() ? request.name() : invitation.name();
  if (!said.empty()) {
    const std::string name = InPool(invitation.pool(), said);
    RETURN_IF_ERROR(may_have(name));
    if (!HasMachine(name)) return name;
    return absl::AlreadyExistsError(
        fmt::format("there is a worker '{0}' already: give this one another --name, or `crossmill admin "
                    "worker remove {0}`",
                    Printable(name)));
  }
  const std::string host = InPool(invitation.pool(), NameOfHost(request.host_name()));
  for (int number = 1; number <= kMostNumbered; ++number) {
    const std::string name = number == 1 ? host : fmt::format("{}-{}", host, number);
    if (!HasMachine(name) && may_have(name).ok()) return name;
  }
  return absl::AlreadyExistsError("every name that follows from this machine's is taken: give it a --name");
}

absl::StatusOr<storage::CertificateRow> Machines::Issue(storage::CertificateRow row,
                                                        const std::string& request, std::string* pem) const {
  if (!options_.authority)
    return absl::FailedPreconditionError("this farm has no authority of its own any more");
  ASSIGN_OR_RETURN(
      certificates::Issued issued,
      options_.authority->IssueWorker(request, row.worker, clock_.Now(), options_.certificate_life));
  row.fingerprint = std::move(issued.fingerprint);
  row.issued_at = Now();
  row.expires_at = UnixNanos(issued.not_after);
  row.used_at = row.replaced_at = row.revoked_at = 0;
  *pem = std::move(issued.pem);
  return row;
}

void Machines::Keep(const storage::CertificateRow& row) {
  MutexLock lock(mutex_);
  certificates_[row.fingerprint].kept = row;
}

absl::StatusOr<v1::JoinResponse> Machines::Join(const v1::JoinRequest& request, const MayHave& may_have) {
  RETURN_IF_ERROR(CheckJoinRequest(request));
  MutexLock changing(changing_);
  ASSIGN_OR_RETURN(v1::Invitation invitation, Redeemable(request));
  v1::JoinResponse response;
  ASSIGN_OR_RETURN(*response.mutable_name(), NameFor(invitation, request, may_have));
  storage::CertificateRow row;
  row.worker = response.name();
  row.pool = invitation.pool();
  row.invitation = invitation.id();
  row.joined_at = Now();
  ASSIGN_OR_RETURN(row, Issue(std::move(row), request.certificate_request(), response.mutable_certificate()));
  RETURN_IF_ERROR(records_.Join(row));
  response.set_pool(row.pool);
  invitation.set_used_at(row.joined_at);
  invitation.set_worker(row.worker);
  Keep(row);
  MutexLock lock(mutex_);
  invitations_[invitation.id()] = std::move(invitation);
  return response;
}

absl::StatusOr<v1::RenewCertificateResponse> Machines::Renew(const std::string& fingerprint,
                                                             const std::string& certificate_request) {
  MutexLock changing(changing_);
  RETURN_IF_ERROR(Find(fingerprint).status());
  storage::CertificateRow row;
  {
    MutexLock lock(mutex_);
    row = certificates_.at(fingerprint).kept;
  }
  v1::RenewCertificateResponse response;
  const int64_t due = DueAt(row), now = Now();
  if (now < due) {
    // Never 0, which says that it is time.
    response.set_due_in_seconds((due - now) / 1'000'000'000 + 1);
    return response;
  }
  if (certificate_request.empty()) return response;
  const int64_t before = row.issued_at;
  ASSIGN_OR_RETURN(row, Issue(std::move(row), certificate_request, response.mutable_certificate()));
  // The newest is told by it, also where the clock went back.
  row.issued_at = std::max(row.issued_at, before + 1);
  response.set_due_in_seconds((DueAt(row) - now) / 1'000'000'000 + 1);
  RETURN_IF_ERROR(records_.Renew(row, fingerprint));
  MutexLock lock(mutex_);
  for (auto& [other, known] : certificates_) {
    if (other != fingerprint && known.kept.worker == row.worker && known.IsOpen() && known.kept.used_at == 0)
      known.kept.revoked_at = row.issued_at;
  }
  certificates_[row.fingerprint].kept = row;
  return response;
}

absl::StatusOr<Machines::Member> Machines::Find(const std::string& fingerprint) const {
  const int64_t now = Now();
  MutexLock lock(mutex_);
  const auto found = certificates_.find(fingerprint);
  if (found == certificates_.end())
    return absl::UnauthenticatedError("the certificate is none that this coordinator has given a worker");
  const storage::CertificateRow& row = found->second.kept;
  if (row.revoked_at != 0)
    return absl::UnauthenticatedError(
        fmt::format("worker '{}' was removed from the farm at {}: it can join again with a new invitation",
                    row.worker, TimeText(row.revoked_at)));
  if (row.replaced_at == 0 && row.expires_at > now) return Member{row.worker, row.pool};
  const bool newer = std::any_of(certificates_.begin(), certificates_.end(), [&](const auto& entry) {
    const storage::CertificateRow& other = entry.second.kept;
    return other.worker == row.worker && entry.second.IsOpen() && other.issued_at > row.issued_at &&
           other.expires_at > now;
  });
  if (newer)
    return absl::UnavailableError(
        fmt::format("worker '{}' has a newer certificate: it has to connect with that one", row.worker));
  return absl::UnauthenticatedError(
      fmt::format("the certificate of worker '{}' was good until {}, by the coordinator's clock: it can join "
                  "again with a new "
                  "invitation, after `crossmill admin worker remove {}`",
                  row.worker, TimeText(row.expires_at), row.worker));
}

void Machines::NoteUse(const std::string& fingerprint) {
  {
    MutexLock lock(mutex_);
    const auto found = certificates_.find(fingerprint);
    if (found == certificates_.end() || found->second.kept.used_at != 0) return;
  }
  MutexLock changing(changing_);
  storage::CertificateRow row;
  const int64_t now = Now();
  {
    MutexLock lock(mutex_);
    storage::CertificateRow& kept = certificates_.at(fingerprint).kept;
    if (kept.used_at != 0 || kept.revoked_at != 0) return;
    kept.used_at = now;
    row = kept;
    for (auto& [other, known] : certificates_) {
      if (other != fingerprint && known.kept.worker == row.worker && known.IsOpen())
        known.kept.replaced_at = now;
    }
  }
  // In memory it holds: a restart would at worst honour the one before it until its end.
  if (const absl::Status kept = records_.Use(row, now); !kept.ok())
    LogWarning("worker={} the first use of its certificate was not written down: {}", row.worker,
               Sv(kept.message()));
}

}  // namespace crossmill::coordinator
