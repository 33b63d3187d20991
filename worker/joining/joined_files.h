// What a worker that joined keeps: identity.pem (its key and certificate, which nobody else may read),
// authority.pem, and a settings file with which a plain start of the program is that worker.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::worker {

struct Joined {
  std::string address;
  std::string name;
  std::string pool;
  // PEM.
  std::string key;
  std::string certificate;
  std::string authority;
};

// Key and certificate as one file, so that no reader sees one without the other.
std::string IdentityText(const std::string& key_pem, const std::string& certificate_pem);

struct JoinedPlace {
  // Empty: /var/lib/crossmill/workers/NAME.
  std::string data;
  // Empty: that of the unit (/etc/crossmill/workers/NAME.toml) with the usual `data`, else DATA/worker.toml.
  std::string settings;
  // Whose the worker is when root starts it.
  std::string user;
};

// FAILED_PRECONDITION: another worker is there already.
absl::Status CheckPlace(const JoinedPlace& place);
// Returns the settings file that it wrote. One that somebody else wrote is not touched: then it is
// DATA/worker.toml.
absl::StatusOr<std::string> WriteJoined(const Joined& joined, const JoinedPlace& place);

}  // namespace crossmill::worker
