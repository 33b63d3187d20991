// Invitations, and the certificates of workers that joined with them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/machines.pb.h"

namespace crossmill::storage {

struct InvitationRow {
  v1::Invitation invitation;
  // Hex SHA-256 of the secret.
  std::string hash;
};

// Times are Unix nanoseconds, 0: not yet.
struct CertificateRow {
  std::string fingerprint;
  std::string worker;
  std::string pool;
  int64_t invitation = 0;
  int64_t joined_at = 0;
  int64_t issued_at = 0;
  int64_t expires_at = 0;
  int64_t used_at = 0;
  int64_t replaced_at = 0;
  int64_t revoked_at = 0;
};

// Thread safe. The connection outlives it.
class MachineRecords {
 public:
  explicit MachineRecords(Connection& connection) : connection_(connection) {}

  // By number, with those that are worth nothing any more.
  absl::StatusOr<std::vector<InvitationRow>> Invitations();
  // Returns its number.
  absl::StatusOr<int64_t> InsertInvitation(const InvitationRow& row);
  absl::Status RevokeInvitation(int64_t id, int64_t now_ns);

  // In the order in which they were issued.
  absl::StatusOr<std::vector<CertificateRow>> Certificates();
  // Uses its invitation up, both or neither. FAILED_PRECONDITION: that was used or revoked meanwhile.
  absl::Status Join(const CertificateRow& certificate);
  // One more of the same machine, asked for with the one of the fingerprint `by`. What else was issued to it
  // before and never used is revoked.
  absl::Status Renew(const CertificateRow& certificate, const std::string& by);
  // A call came with it: all others of its worker are replaced from now on.
  absl::Status Use(const CertificateRow& certificate, int64_t now_ns);
  // All of the worker.
  absl::Status Revoke(const std::string& worker, int64_t now_ns);

 private:
  absl::Status Insert(const CertificateRow& certificate);

  Connection& connection_;
};

}  // namespace crossmill::storage
