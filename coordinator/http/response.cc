#include "coordinator/http/response.h"

#include "common/base/status.h"

namespace crossmill::coordinator::door {
namespace {

// The page needs nothing but what the coordinator serves. Styles and scripts are files; images may be in the
// page.
constexpr std::string_view kSecurityFields =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Frame-Options: DENY\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

}  // namespace

Response MakeResponse(int status, std::string_view type, std::string body) {
  Response response;
  response.status = status;
  response.Set("Content-Type", std::string(type));
  response.Set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

std::string WriteHead(const Response& response, Framing framing, bool keep_alive, bool secure) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, ReasonOf(response.status));
  head += kSecurityFields;
  head += fmt::format("Cross-Origin-Resource-Policy: {}\r\n",
                      response.embeddable ? "cross-origin" : "same-origin");
  if (secure) head += "Strict-Transport-Security: max-age=31536000\r\n";
  for (const auto& [name, value] : response.fields) head += fmt::format("{}: {}\r\n", name, value);
  // 304 tells what a 200 would have; it has no body.
  if (framing == Framing::kLength && response.status != 304)
    head += fmt::format("Content-Length: {}\r\n", response.body.size());
  if (framing == Framing::kChunked) head += "Transfer-Encoding: chunked\r\n";
  head += keep_alive && framing != Framing::kClose ? "\r\n" : "Connection: close\r\n\r\n";
  return head;
}

}  // namespace crossmill::coordinator::door
