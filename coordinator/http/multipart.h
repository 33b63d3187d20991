// Reads a body of multipart/form-data (RFC 7578) as it comes: parts of any length, in the memory of one
// piece. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::coordinator::door {

class MultipartReader {
 public:
  struct Item {
    enum class Kind {
      // A part begins; `name` is its name.
      kPart,
      // Bytes of it.
      kData,
      // It is whole.
      kPartEnd,
      // The body is whole; what comes behind it means nothing.
      kEnd,
    };
    Kind kind = Kind::kEnd;
    std::string name;
    std::string data;
  };

  // `content_type`: the field of the request. INVALID_ARGUMENT: it names no boundary.
  static absl::StatusOr<MultipartReader> Make(std::string_view content_type);
  // What it still holds may be a secret's.
  ~MultipartReader();
  MultipartReader(MultipartReader&&) = default;
  MultipartReader& operator=(MultipartReader&&) = default;

  void Feed(std::string_view bytes) { buffer_ += bytes; }
  // Nothing: it needs more bytes. INVALID_ARGUMENT: this is no such body, with the part it was at.
  absl::StatusOr<std::optional<Item>> Next();

 private:
  enum class State { kPreamble, kDelimiter, kHead, kData, kDone };

  explicit MultipartReader(std::string delimiter) : delimiter_(std::move(delimiter)) {}
  absl::Status Wrong(std::string_view what) const;
  absl::StatusOr<bool> ReadDelimiter();
  absl::StatusOr<std::optional<Item>> ReadHead();
  std::optional<Item> ReadData();
  // Takes bytes off the front.
  std::string Take(size_t count);

  // "\r\n--BOUNDARY"; the body is read as if a line's end stood before it.
  std::string delimiter_;
  std::string buffer_ = "\r\n";
  State state_ = State::kPreamble;
  // The part that is read, for messages.
  std::string part_;
  int parts_ = 0;
};

}  // namespace crossmill::coordinator::door
