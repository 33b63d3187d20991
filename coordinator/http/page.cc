#include "coordinator/http/page.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/http/conditional.h"
#include "coordinator/http/problem.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
}};

constexpr std::string_view kNoPage =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Crossmill</title>"
    "<h1>Crossmill</h1><p>This coordinator was built without its page.</p>"
    "<p>The API is there: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a></p></html>\n";

// Without compression, for the few who do not take it.
std::string Inflate(const PageFile& file) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return "";
  stream.next_in = const_cast<unsigned char*>(file.begin);
  stream.avail_in = static_cast<unsigned>(file.end - file.begin);
  std::string plain;
  int result = Z_OK;
  while (result == Z_OK) {
    std::array<unsigned char, 32768> piece;
    stream.next_out = piece.data();
    stream.avail_out = piece.size();
    result = inflate(&stream, Z_NO_FLUSH);
    plain.append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END) LogError("page file {} is damaged", file.path);
  return plain;
}

Response FileResponse(const PageFile& file, const RequestHead& head) {
  Response response;
  const std::string etag = fmt::format("\"{}\"", std::string_view(file.hash).substr(0, 32));
  response.Set("ETag", etag);
  response.Set("Cache-Control", HasHash(file.path) ? "public, max-age=31536000, immutable" : "no-cache");
  response.Set("Content-Type", std::string(ContentTypeOf(file.path)));
  if (file.gzip) response.Set("Vary", "Accept-Encoding");
  if (MatchesEtag(head.if_none_match, etag)) {
    response.status = 304;
    return response;
  }
  const bool takes_gzip = head.accept_encoding.find("gzip") != std::string::npos &&
                          head.accept_encoding.find("gzip;q=0") == std::string::npos;
  if (file.gzip && !takes_gzip) {
    response.body = Inflate(file);
    return response;
  }
  if (file.gzip) response.Set("Content-Encoding", "gzip");
  response.body.assign(reinterpret_cast<const char*>(file.begin), file.end - file.begin);
  return response;
}

const PageFile* FindPageFile(std::span<const PageFile> files, std::string_view path) {
  const auto found =
      std::find_if(files.begin(), files.end(), [path](const PageFile& file) { return path == file.path; });
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

std::string_view ContentTypeOf(std::string_view path) {
  for (const auto& [end, type] : kTypes) {
    if (path.ends_with(end)) return type;
  }
  return "application/octet-stream";
}

bool HasHash(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.find('.');
  const size_t dash = name.substr(0, dot).size() >= 9 ? dot - 9 : std::string_view::npos;
  if (dot == std::string_view::npos || dash == std::string_view::npos || name[dash] != '-') return false;
  const std::string_view hash = name.substr(dash + 1, 8);
  return std::all_of(hash.begin(), hash.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
}

Response PageResponse(std::span<const PageFile> files, const RequestHead& head) {
  if (files.empty()) {
    if (head.path == "/") return MakeResponse(200, "text/html; charset=utf-8", std::string(kNoPage));
    return ProblemResponse(absl::NotFoundError("there is no such path"), "");
  }
  const PageFile* file = FindPageFile(files, head.path);
  const std::string_view last = std::string_view(head.path).substr(head.path.rfind('/') + 1);
  if (file == nullptr && last.find('.') == std::string_view::npos) file = FindPageFile(files, "/index.html");
  if (file == nullptr) return ProblemResponse(absl::NotFoundError("there is no such file"), "");
  return FileResponse(*file, head);
}

}  // namespace crossmill::coordinator::door
