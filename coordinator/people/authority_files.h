// The farm's authority and the coordinator's certificate of it, in DATA/authority:
//   authority.pem, authority-key.pem      the authority
//   coordinator.pem, coordinator-key.pem  the coordinator's certificate with the authority's behind it, and
//   its key address                               what workers and clients reach it under
// Keys can be read by the coordinator's user alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/certificates/authority.h"

namespace crossmill::coordinator {

struct AuthorityFiles {
  explicit AuthorityFiles(const std::string& data_folder);

  std::string folder;
  std::string authority, authority_key;
  std::string coordinator, coordinator_key;
  std::string address;
};

// Nothing where there is none. FAILED_PRECONDITION names the file that is missing, cannot be understood, or
// can be read by others.
absl::StatusOr<std::optional<certificates::Authority>> LoadAuthority(const std::string& data_folder);

// Makes what is not there yet: what a process that died has left is gone on with, and nothing is replaced.
// FAILED_PRECONDITION: what is there is for another address.
absl::Status MakeAuthority(const std::string& data_folder, const std::string& address,
                           absl::Span<const std::string> names, absl::Time now);

// What MakeAuthority was told; empty where there is none.
std::string AddressOfFarm(const std::string& data_folder);

}  // namespace crossmill::coordinator
