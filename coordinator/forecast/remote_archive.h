// A file on a server, read in ranges: so that a large wheel's metadata costs a few kilobytes.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/http_client.h"
#include "common/index/index_address.h"

namespace crossmill::coordinator {

// Used by one thread. Client and address outlive it.
class RemoteArchive {
 public:
  // Asks for the file's end. UNIMPLEMENTED: the server gives no ranges, of which it was told by the first
  // bytes only; else as ErrorOfAnswer and the client.
  static absl::StatusOr<RemoteArchive> Open(http::HttpClient& client, const index::IndexAddress& address,
                                            std::string url, std::stop_token stop);

  // In bytes.
  int64_t size() const { return size_; }
  // Exactly `size` bytes. RESOURCE_EXHAUSTED: more than 64 MiB in all; else as Open.
  absl::StatusOr<std::string> Read(int64_t offset, int64_t size);
  int64_t fetched() const { return fetched_; }

 private:
  RemoteArchive(http::HttpClient& client, const index::IndexAddress& address, std::string url,
                std::stop_token stop)
      : client_(&client), address_(&address), url_(std::move(url)), stop_(std::move(stop)) {}

  // What "Range: bytes=RANGE" gives; sets the size.
  absl::StatusOr<std::string> Fetch(const std::string& range);

  http::HttpClient* client_;
  const index::IndexAddress* address_;
  std::string url_;
  std::stop_token stop_;
  int64_t size_ = 0;
  int64_t fetched_ = 0;
  // The file's end.
  std::string tail_;
};

}  // namespace crossmill::coordinator
