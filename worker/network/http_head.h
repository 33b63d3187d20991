// The heads of HTTP/1 messages: parsed strictly, written anew, and what they say about the body. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::worker {

struct HeadField {
  std::string name;
  std::string value;
};

struct HttpFields {
  std::vector<HeadField> list;

  // The first of that name, in any case; nullptr: none.
  const std::string* Find(std::string_view name) const;
  size_t Count(std::string_view name) const;
  // Whether the comma-separated words of all fields of that name hold `word`, in any case.
  bool HasWord(std::string_view name, std::string_view word) const;
  void Remove(std::string_view name);
  void Set(std::string_view name, std::string value);
};

struct RequestHead {
  std::string method;
  std::string target;
  // 10 or 11.
  int version = 11;
  HttpFields fields;
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  int version = 11;
  HttpFields fields;
};

// How the end of a body is told.
struct BodyLength {
  enum Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = kNone;
  uint64_t bytes = 0;
};

// Where the head that `bytes` begin with ends (behind its empty line); nothing: not yet.
std::optional<size_t> EndOfHead(std::string_view bytes);

// `head` with its empty line. INVALID_ARGUMENT for whatever two programs could read differently: bare CR or
// LF, NUL, folded lines, blanks before a colon, characters that no name has; and for anything but HTTP/1.0
// and 1.1.
absl::StatusOr<RequestHead> ParseRequestHead(std::string_view head);
absl::StatusOr<ResponseHead> ParseResponseHead(std::string_view head);

// INVALID_ARGUMENT: several lengths, a length beside a transfer coding, or a coding other than chunked.
absl::StatusOr<BodyLength> BodyOfRequest(const RequestHead& head);
// `method` is that of the request.
absl::StatusOr<BodyLength> BodyOfResponse(const ResponseHead& head, std::string_view method);

// Takes away what is between two neighbours only, the fields that Connection names included. "TE: trailers"
// stays.
void RemoveHopFields(HttpFields* fields);

// With an empty line at the end.
std::string WriteRequestHead(const RequestHead& head);
std::string WriteResponseHead(const ResponseHead& head);

bool EqualIgnoringCase(std::string_view a, std::string_view b);

}  // namespace crossmill::worker
