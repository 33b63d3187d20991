// Where a bucket is: what an operator writes, and which host and path a key then has. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::bucket {

// How the bucket's name is put into addresses: as the first folder of the path, or in front of the host.
enum class Addressing { kAutomatic, kPath, kHost };

struct BucketAddress {
  std::string name;
  // Before every key; empty, or ends in a slash.
  std::string prefix;
  // "https://host[:port]", without slash at its end.
  std::string endpoint;
  std::string region;
  bool in_host = false;

  // For people: "s3://NAME/PREFIX".
  std::string Text() const;
  // host[:port] of requests, and the encoded path of a whole key (prefix included); "" is the bucket itself.
  std::string Authority() const;
  std::string Path(std::string_view key) const;
  std::string Url(std::string_view key) const;
};

// `place`: "s3://NAME" or "s3://NAME/PREFIX". `endpoint` empty: Amazon's for the region. Automatic addressing
// is by host at Amazon's, where the name allows it, and by path everywhere else. INVALID_ARGUMENT names what
// was written and what is expected.
absl::StatusOr<BucketAddress> ParseBucketAddress(std::string_view place, std::string_view endpoint,
                                                 std::string_view region,
                                                 Addressing addressing = Addressing::kAutomatic);

}  // namespace crossmill::bucket
