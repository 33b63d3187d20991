// A farm's own certificate authority: says who is its coordinator, which workers are its own, and whose token
// a client has that can show certificates only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

struct evp_pkey_st;
struct x509_st;

namespace crossmill::certificates {

// A certificate that an authority has issued.
struct Issued {
  std::string pem;
  std::string fingerprint;
  absl::Time not_after;
};

// Immutable; copies share the key. Thread safe.
class Authority {
 public:
  // A new one, good for thirty years from `now` on.
  static absl::StatusOr<Authority> Make(absl::Time now);
  // INVALID_ARGUMENT: no certificate of an authority, or a key that is not its own.
  static absl::StatusOr<Authority> FromPem(std::string_view certificate, std::string_view key);

  const std::string& certificate_pem() const { return certificate_pem_; }
  // Hex SHA-256 of its certificate's DER: what invitations name it by.
  const std::string& fingerprint() const { return fingerprint_; }
  // The caller wipes it.
  absl::StatusOr<std::string> KeyPem() const;

  // For whoever serves under these host names and addresses, as long as the authority itself is good: who
  // could take its key could take this one's, so a shorter life would only be a date to miss.
  absl::StatusOr<Issued> IssueServer(std::string_view request_pem, absl::Span<const std::string> names,
                                     absl::Time now) const;
  // For a client that is this worker, and nothing that serves. The request says nothing but the key.
  absl::StatusOr<Issued> IssueWorker(std::string_view request_pem, const std::string& worker, absl::Time now,
                                     absl::Duration life) const;
  // For a client that may what the token with this hex SHA-256 may, while it is good: who looks at the
  // certificate asks for the token's rights. The hash is no secret: whoever has it has not the token.
  absl::StatusOr<Issued> IssueClient(std::string_view request_pem, const std::string& token_hash,
                                     absl::Time now, absl::Duration life) const;

 private:
  struct Wanted {
    // "DNS:farm.example,IP:10.0.0.1".
    std::string names;
    std::string common_name;
    const char* use = nullptr;
    absl::Time not_before, not_after;
  };
  absl::StatusOr<Issued> Issue(std::string_view request_pem, const Wanted& wanted) const;
  static absl::StatusOr<Authority> Of(std::shared_ptr<x509_st> certificate, std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<x509_st> certificate_;
  std::shared_ptr<evp_pkey_st> key_;
  std::string certificate_pem_;
  std::string fingerprint_;
};

}  // namespace crossmill::certificates
