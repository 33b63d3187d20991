// One request to a bucket's server, signed, and made again where that may help.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/bucket/bucket.h"
#include "common/bucket/signature_v4.h"

namespace crossmill::bucket {

struct S3Call {
  // For people: "write of blobs/ab/abc".
  std::string what;
  std::string method = "GET";
  // Whole, prefix included; "" is the bucket.
  std::string key;
  Pairs query;
  Pairs headers;
  // Either the body or its source, with the hash of what it has.
  std::string body;
  http::BodySource source;
  int64_t source_size = 0;
  std::string source_hash;
  // How long the server may think without a byte.
  std::optional<absl::Duration> idle_limit;
  // Takes the body of a success; nothing: it is collected, and checked for an error inside.
  http::BodySink sink;
};

struct S3Answer {
  http::HttpResponse head;
  std::string body;
};

// Thread safe.
class S3Calls {
 public:
  S3Calls(http::HttpClient& client, S3Options options);

  // Once. The error's code says whether it may pass.
  absl::StatusOr<S3Answer> Once(const S3Call& call, const std::stop_token& stop);
  // Until it succeeds, fails for good, or the attempts are used up.
  absl::StatusOr<S3Answer> Send(const S3Call& call, const std::stop_token& stop);
  // The same for whatever is to be repeated as a whole.
  absl::Status Repeat(const std::function<absl::Status()>& once, const std::stop_token& stop);

  const S3Options& options() const { return options_; }

 private:
  http::HttpClient& client_;
  const S3Options options_;
};

}  // namespace crossmill::bucket
