#include "coordinator/rpc/zstd_stream.h"

#include <zstd.h>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Transport only: fast matters more than small.
constexpr int kLevel = 1;
constexpr size_t kBuffer = 256 << 10;

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

ZstdDecompressor::ZstdDecompressor(ByteSink sink, int64_t limit)
    : context_(ZSTD_createDCtx()), sink_(std::move(sink)), limit_(limit), buffer_(kBuffer, '\0') {}

ZstdDecompressor::~ZstdDecompressor() { ZSTD_freeDCtx(context_); }

absl::Status ZstdDecompressor::Write(std::string_view bytes) {
  ZSTD_inBuffer input = {bytes.data(), bytes.size(), 0};
  bool more = !bytes.empty();
  while (more) {
    ZSTD_outBuffer output = {buffer_.data(), buffer_.size(), 0};
    const size_t state = ZSTD_decompressStream(context_, &output, &input);
    if (ZSTD_isError(state)) {
      return absl::InvalidArgumentError(fmt::format("zstd data is damaged: {}", ZSTD_getErrorName(state)));
    }
    frame_open_ = state != 0;
    produced_ += static_cast<int64_t>(output.pos);
    if (produced_ > limit_) {
      return absl::InvalidArgumentError(fmt::format("zstd data unfolds to more than {} bytes", limit_));
    }
    if (output.pos > 0) RETURN_IF_ERROR(sink_(std::string_view(buffer_.data(), output.pos)));
    // A full output buffer may hide more even when the input is used up.
    more = input.pos < input.size || output.pos == output.size;
  }
  return absl::OkStatus();
}

absl::Status ZstdDecompressor::Finish() const {
  return frame_open_ ? absl::InvalidArgumentError("zstd data ends too early") : absl::OkStatus();
}

absl::StatusOr<std::string> ZstdDecompress(std::string_view bytes, int64_t limit) {
  std::string content;
  ZstdDecompressor decompressor(
      [&](std::string_view piece) {
        content.append(piece);
        return absl::OkStatus();
      },
      limit);
  RETURN_IF_ERROR(decompressor.Write(bytes));
  RETURN_IF_ERROR(decompressor.Finish());
  return content;
}

}  // namespace crossmill::coordinator
