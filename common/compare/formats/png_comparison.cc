// PNG, chunk by chunk: times, texts, and pixels without their compression.
#include <zlib.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr std::string_view kMagic = "\x89PNG\r\n\x1a\n";
// Length, kind and checksum of a chunk.
constexpr size_t kChunkFrame = 12;

struct Chunk {
  std::string kind;
  std::string data;

  bool operator==(const Chunk&) const = default;
};

unsigned Byte(std::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }

// Pixels may be in any number of chunks: they are one here.
absl::StatusOr<std::vector<Chunk>> ChunksOf(std::string_view png) {
  std::vector<Chunk> chunks;
  for (size_t at = kMagic.size(); at < png.size();) {
    if (png.size() - at < kChunkFrame) return absl::InvalidArgumentError("the PNG file is damaged");
    const size_t size =
        size_t{Byte(png, at)} << 24 | Byte(png, at + 1) << 16 | Byte(png, at + 2) << 8 | Byte(png, at + 3);
    if (size > png.size() - at - kChunkFrame) return absl::InvalidArgumentError("the PNG file is damaged");
    const std::string_view kind = png.substr(at + 4, 4);
    const std::string_view data = png.substr(at + 8, size);
    if (kind == "IDAT" && !chunks.empty() && chunks.back().kind == "IDAT") {
      chunks.back().data += data;
    } else {
      chunks.push_back({std::string(kind), std::string(data)});
    }
    at += kChunkFrame + size;
  }
  return chunks;
}

// Empty: it cannot be unpacked, or is too large.
std::string Inflated(const std::string& compressed, int64_t most) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return "";
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string text;
  char buffer[1 << 15];
  int status = Z_OK;
  while (status == Z_OK && static_cast<int64_t>(text.size()) < most) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer, sizeof(buffer) - stream.avail_out);
    if (status == Z_OK && stream.avail_out == sizeof(buffer)) break;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END ? text : "";
}

std::string TimeOf(std::string_view data) {
  if (data.size() != 7) return std::string(data);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", Byte(data, 0) << 8 | Byte(data, 1), Byte(data, 2),
                     Byte(data, 3), Byte(data, 4), Byte(data, 5), Byte(data, 6));
}

void CompareChunks(const Chunk& first, const Chunk& second, Differences* differences) {
  const Differences::Part part(*differences, "chunk " + first.kind);
  if (first.kind == "tIME" && second.kind == "tIME") {
    differences->Add("time", TimeOf(first.data), TimeOf(second.data));
    return;
  }
  if (first.kind != "IDAT" || second.kind != "IDAT")
    return CompareBytes(first.data, second.data, differences);
  const std::string ours = Inflated(first.data, differences->limits().member_bytes);
  const std::string theirs = Inflated(second.data, differences->limits().member_bytes);
  if (ours.empty() || theirs.empty()) return CompareBytes(first.data, second.data, differences);
  if (ours != theirs) return CompareBytes(ours, theirs, differences);
  differences->AddOf("compressor", "compressed form of the same pixels",
                     fmt::format("{} bytes", first.data.size()), fmt::format("{} bytes", second.data.size()));
}

}  // namespace

bool IsPng(std::string_view bytes) { return bytes.starts_with(kMagic); }

absl::Status ComparePng(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const std::vector<Chunk> ours, ChunksOf(first));
  ASSIGN_OR_RETURN(const std::vector<Chunk> theirs, ChunksOf(second));
  const int before = differences->count();
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (ours[i] != theirs[i]) CompareChunks(ours[i], theirs[i], differences);
  }
  if (differences->count() == before) CompareBytes(first, second, differences);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
