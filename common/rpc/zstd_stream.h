// zstd for the wire: one frame in, one frame out, in pieces.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace crossmill::rpc {

using ByteSink = std::function<absl::Status(std::string_view)>;

// Not thread safe.
class ZstdCompressor {
 public:
  explicit ZstdCompressor(ByteSink sink);
  ~ZstdCompressor();
  absl::Status Write(std::string_view bytes);
  // Ends the frame.
  absl::Status Finish();

 private:
  absl::Status Step(std::string_view bytes, bool last);
  ZSTD_CCtx_s* context_;
  const ByteSink sink_;
  std::string buffer_;
};

// Refuses (INVALID_ARGUMENT) damaged input and more than `limit` bytes of output, so that a small message
// cannot unfold without bound. Not thread safe.
class ZstdDecompressor {
 public:
  explicit ZstdDecompressor(int64_t limit);
  ~ZstdDecompressor();
  // The next input, which must stay until Next has returned nothing: all before it must be used up.
  void SetInput(std::string_view bytes);
  // A piece of output, valid until the next call; empty: the input is used up.
  absl::StatusOr<std::string_view> Next();
  // All output of these bytes.
  absl::Status Write(std::string_view bytes, const ByteSink& sink);
  // INVALID_ARGUMENT inside a frame.
  absl::Status Finish() const;

 private:
  ZSTD_DCtx_s* context_;
  const int64_t limit_;
  int64_t produced_ = 0;
  bool frame_open_ = false;
  std::string_view input_;
  // The last piece filled the buffer: there may be more even when the input is used up.
  bool full_ = false;
  std::string buffer_;
};

// True when zstd makes a sample of less than three quarters of its size: then the rest is worth the time.
bool Shrinks(std::string_view sample);

absl::StatusOr<std::string> ZstdDecompress(std::string_view bytes, int64_t limit);

}  // namespace crossmill::rpc
