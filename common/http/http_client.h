// HTTP requests: the interface, so that what speaks HTTP is tested without a network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::http {

// Reads a body from `offset` on: up to `size` bytes; 0 only at its end. Asked again from an earlier offset
// when the request has to be repeated (redirects, connections that were closed meanwhile).
using BodySource = std::function<absl::StatusOr<size_t>(int64_t offset, char* buffer, size_t size)>;

struct HttpRequest {
  std::string method = "GET";
  // http or https.
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  // Sent with POST, PUT and PATCH.
  std::string body;
  // In place of `body`, for what does not fit in memory: exactly `source_size` bytes.
  BodySource body_source;
  int64_t source_size = 0;
  // The request fails when less than `floor_rate` bytes a second arrive for this long. A long transfer that
  // moves is never cut off.
  absl::Duration idle_limit = absl::Seconds(60);
  int64_t floor_rate = 1;
  // It fails when it is not over by then, however it moves.
  absl::Duration total_limit = absl::InfiniteDuration();
  // Ends the request with CANCELLED.
  std::stop_token stop;
};

struct HttpResponse {
  int status = 0;
  // Of the last response after redirects; names in lower case, the last of equal names.
  std::map<std::string, std::string> headers;
  // Where redirects led.
  std::string url;

  // Empty if there is none; `name` in lower case.
  std::string_view Header(std::string_view name) const;
};

// Gets the body in pieces, with the response's head. Its error ends the transfer.
using BodySink = std::function<absl::Status(const HttpResponse& head, std::string_view bytes)>;

// Thread safe. Does not retry. Redirects are followed (never from https to http), credentials in
// headers stay with their host.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // A response of any status is OK. UNAVAILABLE: no connection, it broke (also in the middle of the body)
  // or was silent for too long. FAILED_PRECONDITION: the server's certificate is not trusted. An error of
  // the sink is returned as it is.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request, const BodySink& sink) = 0;
};

// Send with the body collected. RESOURCE_EXHAUSTED beyond `limit` bytes.
absl::StatusOr<std::pair<HttpResponse, std::string>> Fetch(HttpClient& client, const HttpRequest& request,
                                                           size_t limit);

struct Url {
  std::string scheme;     // Lower case.
  std::string host;       // Without brackets or port.
  std::string authority;  // host[:port] as written.
  std::string path;       // With query; begins with a slash.
};
// INVALID_ARGUMENT for what is not an absolute http or https URL.
absl::StatusOr<Url> ParseUrl(std::string_view url);

// localhost, *.localhost, 127.0.0.0/8 and ::1, without port.
bool IsLoopback(std::string_view host);

}  // namespace crossmill::http
