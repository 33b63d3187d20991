#include "common/rpc/zstd_stream.h"

#include <zstd.h>

#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

// Transport only: fast matters more than small.
constexpr int kLevel = 1;
constexpr size_t kBuffer = 256 << 10;
// Of what others compressed, as a power of two: 8 MiB, which is what zstd's own levels up to 19 need. Without
// it one stream takes 128.
constexpr int kLongestWindow = 23;

}  // namespace

ZstdCompressor::ZstdCompressor(ByteSink sink)
    : context_(ZSTD_createCCtx()), sink_(std::move(sink)), buffer_(kBuffer, '\0') {
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kLevel);
}

ZstdCompressor::~ZstdCompressor() { ZSTD_freeCCtx(context_); }

absl::Status ZstdCompressor::Step(std::string_view bytes, bool last) {
  ZSTD_inBuffer input = {bytes.data(), bytes.size(), 0};
  while (true) {
    ZSTD_outBuffer output = {buffer_.data(), buffer_.size(), 0};
    const size_t left = ZSTD_compressStream2(context_, &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) return absl::InternalError(fmt::format("zstd: {}", ZSTD_getErrorName(left)));
    if (output.pos > 0) RETURN_IF_ERROR(sink_(std::string_view(buffer_.data(), output.pos)));
    if (last ? left == 0 : input.pos == input.size) return absl::OkStatus();
  }
}

absl::Status ZstdCompressor::Write(std::string_view bytes) { return Step(bytes, false); }
absl::Status ZstdCompressor::Finish() { return Step("", true); }

ZstdDecompressor::ZstdDecompressor(int64_t limit)
    : context_(ZSTD_createDCtx()), limit_(limit), buffer_(kBuffer, '\0') {
  ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kLongestWindow);
}

ZstdDecompressor::~ZstdDecompressor() { ZSTD_freeDCtx(context_); }

void ZstdDecompressor::SetInput(std::string_view bytes) { input_ = bytes; }

absl::StatusOr<std::string_view> ZstdDecompressor::Next() {
  while (full_ || !input_.empty()) {
    ZSTD_inBuffer input = {input_.data(), input_.size(), 0};
    ZSTD_outBuffer output = {buffer_.data(), buffer_.size(), 0};
    const size_t state = ZSTD_decompressStream(context_, &output, &input);
    if (ZSTD_isError(state)) {
      return absl::InvalidArgumentError(fmt::format("zstd data is damaged: {}", ZSTD_getErrorName(state)));
    }
    input_.remove_prefix(input.pos);
    full_ = output.pos == output.size;
    // Nothing went in or out: that the last piece filled the buffer was chance.
    if (input.pos > 0 || output.pos > 0) frame_open_ = state != 0;
    produced_ += static_cast<int64_t>(output.pos);
    if (produced_ > limit_) {
      return absl::InvalidArgumentError(fmt::format("zstd data unfolds to more than {} bytes", limit_));
    }
    if (output.pos > 0) return std::string_view(buffer_.data(), output.pos);
  }
  return std::string_view();
}

absl::Status ZstdDecompressor::Write(std::string_view bytes, const ByteSink& sink) {
  SetInput(bytes);
  while (true) {
    ASSIGN_OR_RETURN(const std::string_view piece, Next());
    if (piece.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(sink(piece));
  }
}

absl::Status ZstdDecompressor::Finish() const {
  return frame_open_ ? absl::InvalidArgumentError("zstd data ends too early") : absl::OkStatus();
}

absl::StatusOr<std::string> ZstdDecompress(std::string_view bytes, int64_t limit) {
  std::string content;
  ZstdDecompressor decompressor(limit);
  RETURN_IF_ERROR(decompressor.Write(bytes, [&](std::string_view piece) {
    content.append(piece);
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(decompressor.Finish());
  return content;
}

bool Shrinks(std::string_view sample) {
  std::string packed(ZSTD_compressBound(sample.size()), '\0');
  const size_t size = ZSTD_compress(packed.data(), packed.size(), sample.data(), sample.size(), kLevel);
  return !ZSTD_isError(size) && size < sample.size() / 4 * 3;
}

}  // namespace crossmill::rpc
