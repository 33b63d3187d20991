// The files of the page, which are part of the program (cmake/embed_page.cmake).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "coordinator/http/exchange.h"
#include "coordinator/http/response.h"

namespace crossmill::coordinator::door {

struct PageFile {
  // "/assets/index-Dk3v9QxA.js".
  const char* path;
  const unsigned char* begin;
  const unsigned char* end;
  // The bytes are compressed.
  bool gzip;
  // SHA-256 of the file, hex.
  const char* hash;
};

// None: the coordinator was built without the page.
std::span<const PageFile> EmbeddedPage();

// The answer to a GET of a path that is not the API's: a file; for a path without one that has no dot in its
// last part, the page itself (its views have addresses of their own); without a page, words that say so.
Response PageResponse(std::span<const PageFile> files, const RequestHead& head);

// "text/javascript; charset=utf-8" of "a.js".
std::string_view ContentTypeOf(std::string_view path);

// Its name holds a hash of its content, as Vite makes them: "index-Dk3v9QxA.js".
bool HasHash(std::string_view path);

}  // namespace crossmill::coordinator::door
