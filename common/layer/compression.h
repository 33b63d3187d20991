// Compressed layers: any of them is read; gzip and zstd are written deterministically.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/tar_reader.h"

namespace crossmill::layer {

enum class Compression { kNone, kGzip, kZstd };

// By the first bytes (four are enough). Media types are not believed: they are often wrong.
Compression DetectCompression(std::string_view beginning);

// A stream without its compression: gzip (any number of members), zstd (any number of frames) or bytes
// that are neither, as they are. INVALID_ARGUMENT for a damaged or truncated stream; errors of
// `compressed` come back as they are. At the end `compressed` is read to its own end.
// zstd frames whose window is over 128 MiB are refused: memory is bounded.
Source Decompressed(Source compressed);

// Uncompressed bytes of one gzip member.
inline constexpr size_t kGzipMemberBytes = 8 << 20;
inline constexpr int kGzipLevel = 6;

// Compresses to gzip members of kGzipMemberBytes each (the last may be shorter; an empty input is one
// empty member): mtime 0, OS 255, no name; one of at least 1 MiB whose samples do not shrink is stored. The
// bytes depend on the input, the level and libdeflate's version only (CompressorName), not on `threads`,
// which compress members side by side.
absl::Status GzipMembers(const Source& source, const Sink& sink, int level = kGzipLevel, int threads = 1);

// What decides the compressed bytes, for the record: "libdeflate 1.14 gzip level 6, members of 8388608,
// stored if they do not shrink".
std::string CompressorName(int level = kGzipLevel);

// Compresses to zstd frames of kZstdFrameBytes each (the last may be shorter; an empty input is one empty
// frame), with content size and checksum. The bytes depend on the input, the level and libzstd's version only
// (ZstdCompressorName), not on `threads`, which compress frames side by side. INVALID_ARGUMENT for a level
// that is not 1 to 22.
inline constexpr size_t kZstdFrameBytes = 8 << 20;
inline constexpr int kZstdLevel = 3;
absl::Status ZstdFrames(const Source& source, const Sink& sink, int level = kZstdLevel, int threads = 1);
// "libzstd 1.5.4 level 3, frames of 8388608".
std::string ZstdCompressorName(int level = kZstdLevel);

}  // namespace crossmill::layer
