#include "common/layer/compression.h"

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace crossmill::layer {
namespace {

constexpr size_t kInputBuffer = 256 << 10;
constexpr int kMaxZstdWindowLog = 27;
constexpr int kGzipWindowBits = 15 + 16;  // zlib: the largest window, gzip format.

// Compressed bytes in front of a decoder.
class Input {
 public:
  explicit Input(Source source) : source_(std::move(source)), buffer_(kInputBuffer, '\0') {}

  // Makes sure that there are bytes, unless the stream has ended.
  absl::Status Fill() {
    if (begin_ < end_ || ended_) return absl::OkStatus();
    begin_ = end_ = 0;
    return More();
  }

  // Reads on until at least `count` bytes are there or the stream has ended.
  absl::Status Peek(size_t count) {
    while (end_ - begin_ < count && !ended_) RETURN_IF_ERROR(More());
    return absl::OkStatus();
  }

  std::string_view bytes() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void Consume(size_t count) { begin_ += count; }
  bool at_end() const { return ended_ && begin_ == end_; }

 private:
  absl::Status More() {
    ASSIGN_OR_RETURN(const size_t count, source_(buffer_.data() + end_, buffer_.size() - end_));
    end_ += count;
    ended_ = count == 0;
    return absl::OkStatus();
  }

  Source source_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool ended_ = false;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // 0 only at the end.
  virtual absl::StatusOr<size_t> Read(Input& input, char* buffer, size_t size) = 0;
};

class PlainDecoder final : public Decoder {
 public:
  absl::StatusOr<size_t> Read(Input& input, char* buffer, size_t size) override {
    RETURN_IF_ERROR(input.Fill());
    const size_t count = input.bytes().copy(buffer, size);
    input.Consume(count);
    return count;
  }
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() {
    std::memset(&stream_, 0, sizeof(stream_));
    ready_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK;
  }
  ~GzipDecoder() override {
    if (ready_) inflateEnd(&stream_);
  }

  absl::StatusOr<size_t> Read(Input& input, char* buffer, size_t size) override {
    if (!ready_) return absl::ResourceExhaustedError("zlib: no memory");
    while (true) {
      RETURN_IF_ERROR(input.Fill());
      if (between_members_) {
        if (input.at_end()) return size_t{0};
        // Zero padding may follow the last member (as gzip itself accepts).
        const std::string_view bytes = input.bytes();
        const size_t zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
        if (zeros > 0 && !first_) {
          input.Consume(zeros);
          continue;
        }
        inflateReset(&stream_);
        between_members_ = first_ = false;
      }
      const std::string_view bytes = input.bytes();
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = static_cast<uInt>(bytes.size());
      stream_.next_out = reinterpret_cast<Bytef*>(buffer);
      stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, 1 << 30));
      const uInt before = stream_.avail_out;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      input.Consume(bytes.size() - stream_.avail_in);
      const size_t count = before - stream_.avail_out;
      if (result == Z_STREAM_END) {
        between_members_ = true;
      } else if (result == Z_BUF_ERROR || (result == Z_OK && count == 0)) {
        if (bytes.empty()) return absl::InvalidArgumentError("gzip stream is truncated");
      } else if (result != Z_OK) {
        return absl::InvalidArgumentError(
            fmt::format("gzip stream is damaged: {}", stream_.msg != nullptr ? stream_.msg : "bad data"));
      }
      if (count > 0) return count;
    }
  }

 private:
  z_stream stream_;
  bool ready_ = false;
  bool between_members_ = true;
  bool first_ = true;
};

struct ZstdContextFreer {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    if (context_ != nullptr) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }

  absl::StatusOr<size_t> Read(Input& input, char* buffer, size_t size) override {
    if (context_ == nullptr) return absl::ResourceExhaustedError("zstd: no memory");
    while (true) {
      RETURN_IF_ERROR(input.Fill());
      const std::string_view bytes = input.bytes();
      ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
      ZSTD_outBuffer out{buffer, size, 0};
      // At the end of a frame with no input left a call would begin a frame that is not there.
      if (bytes.empty() && in_frame_ == 0) return size_t{0};
      const size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_isError(result) != 0) {
        return absl::InvalidArgumentError(
            fmt::format("zstd stream is damaged: {}", ZSTD_getErrorName(result)));
      }
      in_frame_ = result;
      input.Consume(in.pos);
      if (out.pos > 0) return out.pos;
      if (bytes.empty() && in_frame_ != 0) return absl::InvalidArgumentError("zstd stream is truncated");
    }
  }

 private:
  std::unique_ptr<ZSTD_DCtx, ZstdContextFreer> context_;
  size_t in_frame_ = 0;
};

// State of one decompressed stream; the decoder is chosen at the first read.
struct Stream {
  explicit Stream(Source source) : input(std::move(source)) {}
  Input input;
  std::unique_ptr<Decoder> decoder;
};

std::unique_ptr<Decoder> MakeDecoder(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipDecoder>();
    case Compression::kZstd:
      return std::make_unique<ZstdDecoder>();
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainDecoder>();
}

struct CompressorFreer {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};

struct ZstdCompressorFreer {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// A piece of the input that is compressed by itself, and its buffers, used again for the next.
class Piece {
 public:
  virtual ~Piece() = default;

  // False when the source has ended before the piece was full.
  absl::StatusOr<bool> Read(const Source& source) {
    if (input_.empty()) return absl::InvalidArgumentError("compression: bad level or no memory");
    size_ = 0;
    while (size_ < input_.size()) {
      ASSIGN_OR_RETURN(const size_t count, source(input_.data() + size_, input_.size() - size_));
      if (count == 0) return false;
      size_ += count;
    }
    return true;
  }

  virtual void Compress() = 0;
  bool empty() const { return size_ == 0; }
  // Empty if the compressor failed: every piece of compressed bytes has a header.
  std::string_view compressed() const { return std::string_view(output_).substr(0, compressed_); }

 protected:
  void Allocate(size_t input, size_t output) {
    input_.resize(input);
    output_.resize(output);
  }
  std::string input_;
  std::string output_;
  size_t size_ = 0;
  size_t compressed_ = 0;
};

using Deflate = std::unique_ptr<libdeflate_compressor, CompressorFreer>;

// Much of what is in layers is compressed already (wheels, archives, pictures). Searching in it for what
// repeats takes longest of all and gains nothing, so a member whose samples do not shrink is stored. That is
// decided by the member's bytes alone.
class Member final : public Piece {
 public:
  explicit Member(int level)
      : compressor_(libdeflate_alloc_compressor(level)),
        sampler_(libdeflate_alloc_compressor(1)),
        storer_(libdeflate_alloc_compressor(0)),
        sample_(kSampleBytes + (kSampleBytes >> 2), '\0') {
    if (compressor_ == nullptr || sampler_ == nullptr || storer_ == nullptr) return;
    Allocate(kGzipMemberBytes, std::max(libdeflate_gzip_compress_bound(compressor_.get(), kGzipMemberBytes),
                                        libdeflate_gzip_compress_bound(storer_.get(), kGzipMemberBytes)));
  }
  void Compress() override {
    libdeflate_compressor* const compressor = Shrinks() ? compressor_.get() : storer_.get();
    compressed_ = libdeflate_gzip_compress(compressor, input_.data(), size_, output_.data(), output_.size());
  }

 private:
  static constexpr size_t kSamples = 16;
  static constexpr size_t kSampleBytes = 16 << 10;
  // A smaller member is compressed faster than it is judged.
  static constexpr size_t kLeastJudged = 1 << 20;

  // By a thirtieth of what is sampled, evenly over the member.
  bool Shrinks() {
    if (size_ < kLeastJudged) return true;
    size_t shrunk = 0;
    for (size_t i = 0; i < kSamples; ++i) {
      const char* sample = input_.data() + (size_ - kSampleBytes) / (kSamples - 1) * i;
      const size_t size =
          libdeflate_deflate_compress(sampler_.get(), sample, kSampleBytes, sample_.data(), sample_.size());
      shrunk += size == 0 ? kSampleBytes : std::min(size, kSampleBytes);
    }
    return shrunk < kSamples * kSampleBytes / 30 * 29;
  }

  Deflate compressor_;
  Deflate sampler_;
  Deflate storer_;
  std::string sample_;
};

class Frame final : public Piece {
 public:
  explicit Frame(int level) : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr || level < 1 || level > ZSTD_maxCLevel()) return;
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
    Allocate(kZstdFrameBytes, ZSTD_compressBound(kZstdFrameBytes));
  }
  void Compress() override {
    const size_t size = ZSTD_compress2(context_.get(), output_.data(), output_.size(), input_.data(), size_);
    compressed_ = ZSTD_isError(size) != 0 ? 0 : size;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, ZstdCompressorFreer> context_;
};

// Pieces side by side, written in order.
absl::Status CompressPieces(const Source& source, const Sink& sink,
                            std::vector<std::unique_ptr<Piece>> pieces) {
  bool more = true;
  for (bool first = true; more; first = false) {
    size_t used = 0;
    while (more && used < pieces.size()) {
      ASSIGN_OR_RETURN(more, pieces[used]->Read(source));
      // An input that ends with a full piece has no empty one after it.
      if (!pieces[used]->empty() || (first && used == 0)) ++used;
    }
    {
      std::vector<std::jthread> others;
      for (size_t i = 1; i < used; ++i) others.emplace_back([piece = pieces[i].get()] { piece->Compress(); });
      if (used > 0) pieces[0]->Compress();
    }
    for (size_t i = 0; i < used; ++i) {
      if (pieces[i]->compressed().empty()) return absl::InternalError("compression failed");
      RETURN_IF_ERROR(sink(pieces[i]->compressed()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Compression DetectCompression(std::string_view beginning) {
  if (beginning.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (beginning.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  // A zstd stream may begin with a skippable frame.
  if (beginning.size() >= 4 && (beginning[0] & 0xf0) == 0x50 && beginning.substr(1, 3) == "\x2a\x4d\x18") {
    return Compression::kZstd;
  }
  return Compression::kNone;
}

Source Decompressed(Source compressed) {
  auto stream = std::make_shared<Stream>(std::move(compressed));
  return [stream](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (stream->decoder == nullptr) {
      RETURN_IF_ERROR(stream->input.Peek(4));
      stream->decoder = MakeDecoder(DetectCompression(stream->input.bytes()));
    }
    return stream->decoder->Read(stream->input, buffer, size);
  };
}

absl::Status GzipMembers(const Source& source, const Sink& sink, int level, int threads) {
  std::vector<std::unique_ptr<Piece>> members;
  for (int i = 0; i < std::max(threads, 1); ++i) members.push_back(std::make_unique<Member>(level));
  return CompressPieces(source, sink, std::move(members));
}

absl::Status ZstdFrames(const Source& source, const Sink& sink, int level, int threads) {
  std::vector<std::unique_ptr<Piece>> frames;
  for (int i = 0; i < std::max(threads, 1); ++i) frames.push_back(std::make_unique<Frame>(level));
  return CompressPieces(source, sink, std::move(frames));
}

std::string ZstdCompressorName(int level) {
  return fmt::format("libzstd {} level {}, frames of {}", ZSTD_versionString(), level, kZstdFrameBytes);
}

std::string CompressorName(int level) {
  return fmt::format("libdeflate {} gzip level {}, members of {}, stored if they do not shrink",
                     LIBDEFLATE_VERSION_STRING, level, kGzipMemberBytes);
}

}  // namespace crossmill::layer
