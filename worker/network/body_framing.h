// Follows the body of an HTTP/1 message while its bytes pass through unchanged: where it ends, and which of
// the bytes are content. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/network/http_head.h"

namespace crossmill::worker {

// Not thread safe. Strict: a chunked body that two programs could read differently is an error.
class BodyFraming {
 public:
  explicit BodyFraming(const BodyLength& length);

  // Takes what of `bytes` belongs to the body and returns how much that is: less than all only when the body
  // is over. `content` is called with each piece of content. INVALID_ARGUMENT: not the framing that was told.
  absl::StatusOr<size_t> Take(std::string_view bytes, const std::function<void(std::string_view)>& content);
  // The connection ended: OK if the body may end so.
  absl::Status End();
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kDone,
    kLength,
    kUntilClose,
    kSize,
    kExtension,
    kSizeEnd,
    kData,
    kDataCr,
    kDataLf,
    kTrailer
  };

  // One byte of the framing between chunks.
  absl::Status Step(char byte);
  absl::Status StepSize(char byte);
  absl::Status StepTrailer(char byte);
  void EndOfSizeLine();

  State state_;
  // Of the body or of the chunk.
  uint64_t left_ = 0;
  // Digits of the chunk's size; bytes of its extension; bytes of all trailers.
  uint32_t digits_ = 0;
  uint32_t extension_ = 0;
  uint32_t trailers_ = 0;
  uint32_t line_ = 0;
  bool cr_ = false;
};

}  // namespace crossmill::worker
