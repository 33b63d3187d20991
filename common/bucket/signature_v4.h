// AWS Signature Version 4, for requests (in a header) and for URLs that somebody else may use for a while.
//
// It is our own and not libcurl's: that signs no URLs at all, and the versions that Debian has do not put
// paths and queries into the form that is signed (7.88 signs them as they come), so that keys with a space,
// and listings, are refused by servers that check. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/bucket/credentials.h"

namespace crossmill::bucket {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Encoded and in the order that is signed: "a=1&b=%20"; names may occur more than once.
std::string QueryText(const Pairs& query);

struct SignedCall {
  std::string method = "GET";
  // host[:port], as the Host header has it.
  std::string authority;
  // Encoded already; begins with a slash.
  std::string path;
  // Not encoded.
  Pairs query;
  // Names in lower case, without host. All are signed.
  Pairs headers;
  // Hex SHA-256 of the body.
  std::string payload_hash;
};

struct Scope {
  std::string region;
  absl::Time now;
};

// The headers to send: those of the call and x-amz-date, x-amz-content-sha256, x-amz-security-token where
// there is one, authorization.
Pairs SignHeaders(const SignedCall& call, const Credentials& credentials, const Scope& scope);

// The query of a URL that is good for one GET of this path until `life` (at most seven days) is over,
// whatever other headers it has.
std::string PresignQuery(const SignedCall& call, const Credentials& credentials, const Scope& scope,
                         absl::Duration life);

}  // namespace crossmill::bucket
