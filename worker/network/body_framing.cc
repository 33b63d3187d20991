#include "worker/network/body_framing.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr uint32_t kMostExtension = 4096;
constexpr uint32_t kMostTrailers = 16 << 10;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status BadChunk(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("a chunked body with {}", what));
}

}  // namespace

BodyFraming::BodyFraming(const BodyLength& length) : state_(State::kDone) {
  if (length.kind == BodyLength::kUntilClose) state_ = State::kUntilClose;
  if (length.kind == BodyLength::kChunked) state_ = State::kSize;
  if (length.kind == BodyLength::kLength && length.bytes > 0) {
    state_ = State::kLength;
    left_ = length.bytes;
  }
}

absl::StatusOr<size_t> BodyFraming::Take(std::string_view bytes,
                                         const std::function<void(std::string_view)>& content) {
  size_t at = 0;
  while (at < bytes.size() && state_ != State::kDone) {
    if (state_ == State::kUntilClose) {
      content(bytes.substr(at));
      return bytes.size();
    }
    if (state_ != State::kLength && state_ != State::kData) {
      RETURN_IF_ERROR(Step(bytes[at++]));
      continue;
    }
    const size_t count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - at));
    content(bytes.substr(at, count));
    at += count;
    left_ -= count;
    if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kDataCr;
  }
  return at;
}

absl::Status BodyFraming::End() {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  if (state_ == State::kDone) return absl::OkStatus();
  return absl::InvalidArgumentError("the connection ended in the middle of a body");
}

absl::Status BodyFraming::Step(char byte) {
  switch (state_) {
    case State::kSize:
      return StepSize(byte);
    case State::kExtension:
      if (byte == '\r') {
        state_ = State::kSizeEnd;
        return absl::OkStatus();
      }
      if (byte == '\n' || byte == '\0') return BadChunk("a bare LF behind a size");
      return ++extension_ > kMostExtension ? BadChunk("an endless extension") : absl::OkStatus();
    case State::kSizeEnd:
      if (byte != '\n') return BadChunk("a bare CR behind a size");
      EndOfSizeLine();
      return absl::OkStatus();
    case State::kDataCr:
      if (byte != '\r') return BadChunk("more data than its size says");
      state_ = State::kDataLf;
      return absl::OkStatus();
    case State::kDataLf:
      if (byte != '\n') return BadChunk("a bare CR behind data");
      state_ = State::kSize;
      return absl::OkStatus();
    default:
      return StepTrailer(byte);
  }
}

absl::Status BodyFraming::StepSize(char byte) {
  const int digit = HexDigit(byte);
  if (digit >= 0) {
    if (++digits_ > 15) return BadChunk("too large a size");
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    return absl::OkStatus();
  }
  if (digits_ == 0) return BadChunk("no size");
  if (byte == '\r') {
    state_ = State::kSizeEnd;
  } else if (byte == ';' || byte == ' ' || byte == '\t') {
    extension_ = 0;
    state_ = State::kExtension;
  } else {
    return BadChunk("a size that is no number");
  }
  return absl::OkStatus();
}

void BodyFraming::EndOfSizeLine() {
  digits_ = 0;
  state_ = left_ == 0 ? State::kTrailer : State::kData;
  line_ = 0;
}

// Lines up to an empty one.
absl::Status BodyFraming::StepTrailer(char byte) {
  if (++trailers_ > kMostTrailers) return BadChunk("endless trailers");
  if (cr_) {
    cr_ = false;
    if (byte != '\n') return BadChunk("a bare CR in a trailer");
    if (line_ == 0) state_ = State::kDone;
    line_ = 0;
    return absl::OkStatus();
  }
  if (byte == '\n' || byte == '\0') return BadChunk("a bare LF in a trailer");
  if (byte == '\r') {
    cr_ = true;
  } else {
    ++line_;
  }
  return absl::OkStatus();
}

}  // namespace crossmill::worker
