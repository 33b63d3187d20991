// An answer before it is written.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crossmill::coordinator::door {

struct Response {
  int status = 200;
  // Besides Content-Length, Date, Connection and what every answer has (WriteHead).
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  // Pages of other origins may show it, as pictures.
  bool embeddable = false;

  void Set(std::string name, std::string value) { fields.emplace_back(std::move(name), std::move(value)); }
};

// With Cache-Control: no-store, as everything but the files of the page has it.
Response MakeResponse(int status, std::string_view type, std::string body);

// "Not Found".
std::string_view ReasonOf(int status);

// How the body's end is known.
enum class Framing { kLength, kChunked, kClose };

// The head as bytes: status line, what every answer has (the content security policy and its kind),
// `response.fields`, and the framing. `secure`: over TLS.
std::string WriteHead(const Response& response, Framing framing, bool keep_alive, bool secure);

}  // namespace crossmill::coordinator::door
