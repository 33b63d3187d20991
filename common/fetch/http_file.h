// A file by HTTP into a blob store: validated against what is already there, resumed when the connection
// breaks, tried again when the server says so.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/http/http_client.h"

namespace crossmill::fetch {

// Bytes so far and in all; 0: not known.
using OnBytes = std::function<void(int64_t done, int64_t total)>;

struct HttpFileOptions {
  // "sha256:HEX"; empty: whatever comes.
  std::string checksum;
  // What a former answer said; the server is asked whether it still holds.
  std::string known_etag;
  std::string known_last_modified;
  // The value of the header Authorization, for the URL's own host; empty: none is sent.
  std::string authorization;
  OnBytes on_progress;
  std::stop_token stop;
  // Tries without any progress; one that got further begins to count anew.
  int attempts = 5;
  // A longer file is INVALID_ARGUMENT; 0: unlimited.
  int64_t most_bytes = 0;
  // A server that sends less a second for a minute counts as one that sends nothing, and so does a try that
  // gets less further than a minute of it.
  int64_t floor_rate = 1;
  // Replaced by tests. The default ends early on a stop request.
  std::function<void(absl::Duration)> wait;
};

struct HttpFile {
  // What is known still holds: everything but the validators is unset.
  bool not_modified = false;
  Digest digest;
  // By the URL's path, as BuildKit does; see FileNameOf.
  std::string name;
  // Last-Modified in seconds since 1970; 0 without it.
  int64_t mtime = 0;
  std::string etag;
  std::string last_modified;
};

// NOT_FOUND: 404, 410; PERMISSION_DENIED: 401, 403; INVALID_ARGUMENT: another checksum, not an http(s) URL;
// UNAVAILABLE: the server or the way to it; FAILED_PRECONDITION: its certificate; CANCELLED. Messages name
// the URL without credentials. Errors of the store keep their code.
absl::StatusOr<HttpFile> FetchHttpFile(http::HttpClient& client, BlobStore& store, const std::string& url,
                                       const HttpFileOptions& options);

// The base name of the URL's path, percent escapes resolved, safe as a file name; of a path without one, the
// name in `content_disposition`; else "__unnamed__".
std::string FileNameOf(std::string_view url, std::string_view content_disposition);

// "Wed, 21 Oct 2015 07:28:00 GMT" in seconds since 1970; 0 for anything else.
int64_t ParseHttpTime(std::string_view text);

}  // namespace crossmill::fetch
