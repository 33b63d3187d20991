#include "coordinator/storage/people/machine_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kInvitations{
    "list invitations",
    "SELECT id, hash, pool, name, created_at, created_by, expires_at, used_at, revoked_at, "
    "worker FROM invitations ORDER BY id"};
constexpr Sql kInsertInvitation{"make an invitation",
                                "INSERT INTO invitations (hash, pool, name, created_at, created_by, "
                                "expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
constexpr Sql kRevokeInvitation{
    "revoke an invitation",
    "UPDATE invitations SET revoked_at = ?2 WHERE id = ?1 AND revoked_at = 0 AND used_at = 0"};
constexpr Sql kUseInvitation{
    "use an invitation up",
    "UPDATE invitations SET used_at = ?2, worker = ?3 WHERE id = ?1 AND revoked_at = 0 "
    "AND used_at = 0"};
constexpr Sql kCertificates{
    "list certificates of workers",
    "SELECT fingerprint, worker, pool, invitation, joined_at, issued_at, expires_at, "
    "used_at, replaced_at, revoked_at FROM worker_certificates ORDER BY issued_at, fingerprint"};
constexpr Sql kInsertCertificate{"keep the certificate of a worker",
                                 "INSERT INTO worker_certificates (fingerprint, worker, pool, invitation, "
                                 "joined_at, issued_at, expires_at) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr Sql kRevokeUnused{
    "revoke the unused certificates of a worker",
    "UPDATE worker_certificates SET revoked_at = ?2 WHERE worker = ?1 AND fingerprint <> ?3 AND used_at = 0 "
    "AND replaced_at = 0 AND revoked_at = 0"};
constexpr Sql kUseCertificate{"note that a certificate is used",
                              "UPDATE worker_certificates SET used_at = ?2 WHERE fingerprint = ?1"};
constexpr Sql kReplaceOthers{"replace the other certificates of a worker",
                             "UPDATE worker_certificates SET replaced_at = ?3 WHERE worker = ?1 AND "
                             "fingerprint <> ?2 AND replaced_at = 0 AND revoked_at = 0"};
constexpr Sql kRevokeWorker{
    "revoke the certificates of a worker",
    "UPDATE worker_certificates SET revoked_at = ?2 WHERE worker = ?1 AND revoked_at = 0"};

}  // namespace

absl::StatusOr<std::vector<InvitationRow>> MachineRecords::Invitations() {
  std::vector<InvitationRow> rows;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kInvitations));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    InvitationRow& read = rows.emplace_back();
    v1::Invitation& invitation = read.invitation;
    invitation.set_id(query->Int64(0));
    read.hash = std::string(query->Text(1));
    invitation.set_pool(std::string(query->Text(2)));
    invitation.set_name(std::string(query->Text(3)));
    invitation.set_created_at(query->Int64(4));
    invitation.set_created_by(std::string(query->Text(5)));
    invitation.set_expires_at(query->Int64(6));
    invitation.set_used_at(query->Int64(7));
    invitation.set_revoked_at(query->Int64(8));
    invitation.set_worker(std::string(query->Text(9)));
  }
}

absl::StatusOr<int64_t> MachineRecords::InsertInvitation(const InvitationRow& row) {
  const v1::Invitation& invitation = row.invitation;
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kInsertInvitation, row.hash, invitation.pool(), invitation.name(),
                                  invitation.created_at(), invitation.created_by(), invitation.expires_at()));
  return connection_.LastInsertId();
}

absl::Status MachineRecords::RevokeInvitation(int64_t id, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kRevokeInvitation, id, now_ns);
}

absl::StatusOr<std::vector<CertificateRow>> MachineRecords::Certificates() {
  std::vector<CertificateRow> rows;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCertificates));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    rows.push_back({.fingerprint = std::string(query->Text(0)),
                    .worker = std::string(query->Text(1)),
                    .pool = std::string(query->Text(2)),
                    .invitation = query->Int64(3),
                    .joined_at = query->Int64(4),
                    .issued_at = query->Int64(5),
                    .expires_at = query->Int64(6),
                    .used_at = query->Int64(7),
                    .replaced_at = query->Int64(8),
                    .revoked_at = query->Int64(9)});
  }
}

absl::Status MachineRecords::Insert(const CertificateRow& row) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kInsertCertificate, row.fingerprint, row.worker, row.pool, row.invitation,
                         row.joined_at, row.issued_at, row.expires_at);
}

absl::Status MachineRecords::Join(const CertificateRow& row) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kUseInvitation, row.invitation, row.joined_at, row.worker));
    if (connection_.Changes() != 1)
      return absl::FailedPreconditionError("the invitation was used or revoked meanwhile");
    return Insert(row);
  });
}

absl::Status MachineRecords::Renew(const CertificateRow& row, const std::string& by) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kRevokeUnused, row.worker, row.issued_at, by));
    return Insert(row);
  });
}

absl::Status MachineRecords::Use(const CertificateRow& row, int64_t now_ns) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kReplaceOthers, row.worker, row.fingerprint, now_ns));
    return connection_.Run(kUseCertificate, row.fingerprint, now_ns);
  });
}

absl::Status MachineRecords::Revoke(const std::string& worker, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kRevokeWorker, worker, now_ns);
}

}  // namespace crossmill::storage
