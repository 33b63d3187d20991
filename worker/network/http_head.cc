#include "worker/network/http_head.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

namespace beast_http = boost::beast::http;

// Between two neighbours, besides what Connection names.
constexpr std::string_view kHopFields[] = {"Connection",          "Keep-Alive",         "Proxy-Connection",
                                           "Proxy-Authorization", "Proxy-Authenticate", "Upgrade"};

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <typename Visit>
void ForEachWord(std::string_view list, const Visit& visit) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view word = Trim(list.substr(0, comma));
    if (!word.empty()) visit(word);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

absl::Status CheckLines(std::string_view head) {
  for (size_t i = 0; i < head.size(); ++i) {
    const char c = head[i];
    if (c == '\0') return absl::InvalidArgumentError("a NUL in the head");
    if (c == '\n' && (i == 0 || head[i - 1] != '\r'))
      return absl::InvalidArgumentError("a bare LF in the head");
    if (c == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) {
      return absl::InvalidArgumentError("a bare CR in the head");
    }
    if (c == '\n' && i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t')) {
      return absl::InvalidArgumentError("a folded line in the head");
    }
  }
  return absl::OkStatus();
}

template <bool kRequest>
absl::Status ParseInto(std::string_view head, beast_http::parser<kRequest, beast_http::empty_body>* parser) {
  RETURN_IF_ERROR(CheckLines(head));
  parser->header_limit(static_cast<uint32_t>(head.size() + 1));
  parser->body_limit(boost::none);
  parser->skip(true);
  boost::system::error_code error;
  parser->put(boost::asio::buffer(head.data(), head.size()), error);
  if (error) return absl::InvalidArgumentError(error.message());
  if (!parser->is_header_done()) return absl::InvalidArgumentError("an incomplete head");
  if (parser->get().version() != 10 && parser->get().version() != 11) {
    return absl::InvalidArgumentError("neither HTTP/1.0 nor HTTP/1.1");
  }
  return absl::OkStatus();
}

template <typename Message>
HttpFields TakeFields(const Message& message) {
  HttpFields fields;
  for (const auto& field : message) {
    fields.list.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  return fields;
}

// The codings and lengths of a message; `had` tells whether there was any.
absl::StatusOr<std::optional<BodyLength>> ToldLength(const HttpFields& fields, int version) {
  const size_t codings = fields.Count("Transfer-Encoding");
  const size_t lengths = fields.Count("Content-Length");
  if (codings > 0 && lengths > 0) {
    return absl::InvalidArgumentError("Content-Length beside Transfer-Encoding");
  }
  if (codings > 0) {
    if (version < 11) return absl::InvalidArgumentError("Transfer-Encoding in HTTP/1.0");
    if (codings > 1 || !EqualIgnoringCase(Trim(*fields.Find("Transfer-Encoding")), "chunked")) {
      return absl::InvalidArgumentError("a Transfer-Encoding other than chunked");
    }
    return BodyLength{BodyLength::kChunked, 0};
  }
  if (lengths == 0) return std::nullopt;
  if (lengths > 1) return absl::InvalidArgumentError("more than one Content-Length");
  const std::string_view text = Trim(*fields.Find("Content-Length"));
  BodyLength length{BodyLength::kLength, 0};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length.bytes);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      length.bytes > static_cast<uint64_t>(INT64_MAX)) {
    return absl::InvalidArgumentError("a Content-Length that is no number");
  }
  return length;
}

std::string WriteFields(const HttpFields& fields) {
  std::string text;
  for (const HeadField& field : fields.list) text += fmt::format("{}: {}\r\n", field.name, field.value);
  return text + "\r\n";
}

}  // namespace

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return absl::ascii_tolower(static_cast<unsigned char>(x)) ==
           absl::ascii_tolower(static_cast<unsigned char>(y));
  });
}

const std::string* HttpFields::Find(std::string_view name) const {
  for (const HeadField& field : list) {
    if (EqualIgnoringCase(field.name, name)) return &field.value;
  }
  return nullptr;
}

size_t HttpFields::Count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(
      list.begin(), list.end(), [&](const HeadField& field) { return EqualIgnoringCase(field.name, name); }));
}

bool HttpFields::HasWord(std::string_view name, std::string_view word) const {
  bool found = false;
  for (const HeadField& field : list) {
    if (!EqualIgnoringCase(field.name, name)) continue;
    ForEachWord(field.value, [&](std::string_view each) { found = found || EqualIgnoringCase(each, word); });
  }
  return found;
}

void HttpFields::Remove(std::string_view name) {
  std::erase_if(list, [&](const HeadField& field) { return EqualIgnoringCase(field.name, name); });
}

void HttpFields::Set(std::string_view name, std::string value) {
  const auto first = std::find_if(
      list.begin(), list.end(), [&](const HeadField& field) { return EqualIgnoringCase(field.name, name); });
  if (first == list.end()) {
    list.push_back({std::string(name), std::move(value)});
    return;
  }
  first->value = std::move(value);
  const std::string* kept = &first->value;
  std::erase_if(list, [&](const HeadField& field) {
    return &field.value != kept && EqualIgnoringCase(field.name, name);
  });
}

std::optional<size_t> EndOfHead(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  // A head of bare LFs ends too, and is refused then.
  const size_t bare = bytes.find("\n\n");
  if (bare != std::string_view::npos && bare < end) return bare + 2;
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

absl::StatusOr<RequestHead> ParseRequestHead(std::string_view head) {
  beast_http::parser<true, beast_http::empty_body> parser;
  RETURN_IF_ERROR(ParseInto(head, &parser));
  const auto& message = parser.get();
  RequestHead request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.version = static_cast<int>(message.version());
  request.fields = TakeFields(message);
  return request;
}

absl::StatusOr<ResponseHead> ParseResponseHead(std::string_view head) {
  beast_http::parser<false, beast_http::empty_body> parser;
  RETURN_IF_ERROR(ParseInto(head, &parser));
  const auto& message = parser.get();
  ResponseHead response;
  response.status = static_cast<int>(message.result_int());
  response.reason = std::string(message.reason());
  response.version = static_cast<int>(message.version());
  response.fields = TakeFields(message);
  return response;
}

absl::StatusOr<BodyLength> BodyOfRequest(const RequestHead& head) {
  ASSIGN_OR_RETURN(const auto told, ToldLength(head.fields, head.version));
  return told.value_or(BodyLength{});
}

absl::StatusOr<BodyLength> BodyOfResponse(const ResponseHead& head, std::string_view method) {
  ASSIGN_OR_RETURN(const auto told, ToldLength(head.fields, head.version));
  const bool none = method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304;
  if (none) return BodyLength{};
  return told.value_or(BodyLength{BodyLength::kUntilClose, 0});
}

void RemoveHopFields(HttpFields* fields) {
  std::vector<std::string> named;
  for (const HeadField& field : fields->list) {
    if (!EqualIgnoringCase(field.name, "Connection")) continue;
    ForEachWord(field.value, [&](std::string_view word) { named.emplace_back(word); });
  }
  const bool trailers = fields->HasWord("TE", "trailers");
  for (const std::string& name : named) {
    // These say how the message itself is to be read.
    if (EqualIgnoringCase(name, "Transfer-Encoding") || EqualIgnoringCase(name, "Content-Length") ||
        EqualIgnoringCase(name, "Host")) {
      continue;
    }
    fields->Remove(name);
  }
  for (const std::string_view name : kHopFields) fields->Remove(name);
  fields->Remove("TE");
  if (trailers) fields->Set("TE", "trailers");
}

std::string WriteRequestHead(const RequestHead& head) {
  return fmt::format("{} {} HTTP/1.{}\r\n", head.method, head.target, head.version % 10) +
         WriteFields(head.fields);
}

std::string WriteResponseHead(const ResponseHead& head) {
  return fmt::format("HTTP/1.{} {} {}\r\n", head.version % 10, head.status, head.reason) +
         WriteFields(head.fields);
}

}  // namespace crossmill::worker
