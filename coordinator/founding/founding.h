// A farm that other machines can reach, out of nothing: its authority, the coordinator's certificate, a first
// token of an administrator, and the settings that say so.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace crossmill::coordinator {

struct FoundingOptions {
  std::string data_folder;
  // What workers and clients reach the coordinator under, "farm.example:7777".
  std::string address;
  // Further names and addresses of its machine.
  std::vector<std::string> names;
  // The settings file that exists, or that is made.
  std::string settings_file;
  // Of the running coordinator, if there is one.
  std::string socket;
  // Where the token goes, mode 0600; empty: it is in the answer.
  std::string token_file;
};

struct Founded {
  std::string data_folder;
  std::string address;
  std::string settings_file;
  // Hex SHA-256 of the authority's certificate.
  std::string fingerprint;
  std::string authority_file;
  // Empty: it is in the file, or there was an administrator already.
  std::string token;
  std::string token_file;
};

// May be repeated after whatever ended it: makes what is missing, and replaces nothing but a token that
// nobody has used, since whoever died may not have shown it. As root it becomes the data folder's owner on
// the way. INVALID_ARGUMENT, FAILED_PRECONDITION say what to remove.
absl::StatusOr<Founded> FoundFarm(const FoundingOptions& options, Clock& clock);

}  // namespace crossmill::coordinator
