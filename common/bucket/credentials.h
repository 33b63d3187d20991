// Who the bucket is asked as. From a file or the environment, never from a command line, which every user of
// the machine can read.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::bucket {

struct Credentials {
  std::string key_id;
  std::string secret;
  // Of temporary credentials; else empty.
  std::string token;
};

// Asked before each request, so that keys that are replaced are used at once. Thread safe.
using CredentialSource = std::function<absl::StatusOr<Credentials>()>;

// The text of a file as other tools have it: lines `aws_access_key_id = ...`, `aws_secret_access_key = ...`
// and perhaps `aws_session_token = ...` below [default] or no heading. INVALID_ARGUMENT says what is missing
// or which line is not understood, never what it says.
absl::StatusOr<Credentials> ParseCredentials(std::string_view text);

// FAILED_PRECONDITION for a file that anybody may read.
CredentialSource CredentialsOfFile(std::string path);
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. FAILED_PRECONDITION when they are not set.
CredentialSource CredentialsOfEnvironment();

}  // namespace crossmill::bucket
