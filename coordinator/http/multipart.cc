#include "coordinator/http/multipart.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/base/wiping.h"

namespace crossmill::coordinator::door {
namespace {

constexpr size_t kMostHead = 8 << 10;
constexpr int kMostParts = 200;
// RFC 2046.
constexpr size_t kMostBoundary = 70;
constexpr size_t kMostPadding = 1024;
// How much of what comes before the first part is passed over.
constexpr size_t kMostPreamble = 64 << 10;

// The value of a parameter behind a field's value: `form-data; name="a\"b"; filename=c`. Quotes inside of a
// value are escaped, so that no value can look like a parameter.
std::optional<std::string> ParameterOf(std::string_view field, std::string_view wanted) {
  size_t at = field.find(';');
  while (at < field.size()) {
    ++at;
    const size_t equals = field.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = Trim(field.substr(at, equals - at));
    std::string value;
    at = equals + 1;
    if (at < field.size() && field[at] == '"') {
      for (++at; at < field.size() && field[at] != '"'; ++at) {
        if (field[at] == '\\' && at + 1 < field.size()) ++at;
        value += field[at];
      }
      if (at == field.size()) return std::nullopt;
      at = std::min(field.find(';', at), field.size());
    } else {
      const size_t end = std::min(field.find(';', at), field.size());
      value = Trim(field.substr(at, end - at));
      at = end;
    }
    if (absl::EqualsIgnoreCase(Av(name), Av(wanted))) return value;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<MultipartReader> MultipartReader::Make(std::string_view content_type) {
  const std::optional<std::string> boundary = ParameterOf(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMostBoundary) {
    return absl::InvalidArgumentError(
        fmt::format("Content-Type {}: expected a boundary of 1 to {} characters",
                    Printable(content_type.substr(0, 200)), kMostBoundary));
  }
  return MultipartReader("\r\n--" + *boundary);
}

MultipartReader::~MultipartReader() { Wipe(&buffer_); }

absl::Status MultipartReader::Wrong(std::string_view what) const {
  return absl::InvalidArgumentError(
      fmt::format("multipart/form-data, {}: {}",
                  parts_ == 0 ? "before its first part" : "part " + Printable(part_), what));
}

std::string MultipartReader::Take(size_t count) {
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

// What stands behind a delimiter: false if more has to come.
absl::StatusOr<bool> MultipartReader::ReadDelimiter() {
  if (buffer_.size() < 2) return false;
  if (buffer_.starts_with("--")) {
    state_ = State::kDone;
    return true;
  }
  const size_t end = buffer_.find("\r\n");
  const std::string_view padding = std::string_view(buffer_).substr(0, end);
  const bool blank = padding.find_first_not_of(" \t\r") == std::string_view::npos;
  if (!blank || padding.size() > kMostPadding)
    return Wrong("the boundary stands in its content; choose another one");
  if (end == std::string::npos) return false;
  // The line's end begins the head, so that an empty one ends as others do.
  buffer_.erase(0, end);
  state_ = State::kHead;
  return true;
}

absl::StatusOr<std::optional<MultipartReader::Item>> MultipartReader::ReadHead() {
  const size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos ? buffer_.size() > kMostHead : end > kMostHead)
    return Wrong(fmt::format("the next part's head is longer than {} bytes", kMostHead));
  if (end == std::string::npos) return std::optional<Item>();
  const std::string head = Take(end + 4);
  if (++parts_ > kMostParts) return Wrong(fmt::format("more than {} parts", kMostParts));
  for (std::string_view rest = head; !rest.empty();) {
    const size_t line_end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(std::min(line_end + 2, rest.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos ||
        !absl::EqualsIgnoreCase(Av(Trim(line.substr(0, colon))), "content-disposition"))
      continue;
    if (std::optional<std::string> name = ParameterOf(line, "name")) {
      part_ = *name;
      state_ = State::kData;
      return std::optional<Item>(Item{Item::Kind::kPart, *std::move(name), ""});
    }
  }
  return Wrong("the next part has no name");
}

std::optional<MultipartReader::Item> MultipartReader::ReadData() {
  const size_t end = buffer_.find(delimiter_);
  if (end == 0) {
    buffer_.erase(0, delimiter_.size());
    state_ = State::kDelimiter;
    return Item{Item::Kind::kPartEnd, part_, ""};
  }
  // What could be the beginning of a delimiter waits for its rest.
  const size_t held = delimiter_.size() - 1;
  const size_t count = end != std::string::npos ? end : buffer_.size() > held ? buffer_.size() - held : 0;
  if (count == 0) return std::nullopt;
  return Item{Item::Kind::kData, part_, Take(count)};
}

absl::StatusOr<std::optional<MultipartReader::Item>> MultipartReader::Next() {
  while (true) {
    switch (state_) {
      case State::kPreamble: {
        const size_t at = buffer_.find(delimiter_);
        if (at == std::string::npos) {
          if (buffer_.size() > kMostPreamble) return Wrong("there is no boundary");
          return std::optional<Item>();
        }
        buffer_.erase(0, at + delimiter_.size());
        state_ = State::kDelimiter;
        break;
      }
      case State::kDelimiter: {
        ASSIGN_OR_RETURN(const bool whole, ReadDelimiter());
        if (!whole) return std::optional<Item>();
        break;
      }
      case State::kHead:
        return ReadHead();
      case State::kData:
        return ReadData();
      case State::kDone:
        return std::optional<Item>(Item{Item::Kind::kEnd, "", ""});
    }
  }
}

}  // namespace crossmill::coordinator::door
