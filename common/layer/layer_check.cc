#include "common/layer/layer_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/layer_manifest.h"
#include "common/layer/tar_reader.h"

namespace crossmill::layer {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
// A manifest is held in memory: some 80 bytes for each entry, so three million of them.
constexpr int64_t kLargestManifest = int64_t{256} << 20;
constexpr size_t kPiece = 256 << 10;
constexpr int64_t kSmall = 64 << 10;

// Two streams that have to be the same bytes, whichever of them is ahead.
class SameBytes {
 public:
  bool Left(std::string_view bytes) { return Take(bytes, &right_ahead_, &left_ahead_); }
  bool Right(std::string_view bytes) { return Take(bytes, &left_ahead_, &right_ahead_); }
  bool Ended() const { return left_ahead_.Left().empty() && right_ahead_.Left().empty(); }

 private:
  // What one of them has said and the other has not yet.
  struct Ahead {
    std::string bytes;
    size_t begin = 0;
    std::string_view Left() const { return std::string_view(bytes).substr(begin); }
    void Drop(size_t size) {
      begin += size;
      if (begin < bytes.size() && begin < kPiece) return;
      bytes.erase(0, begin);
      begin = 0;
    }
  };
  static bool Take(std::string_view bytes, Ahead* other, Ahead* own) {
    const size_t common = std::min(bytes.size(), other->Left().size());
    if (bytes.substr(0, common) != other->Left().substr(0, common)) return false;
    other->Drop(common);
    own->bytes.append(bytes.substr(common));
    return true;
  }

  Ahead left_ahead_;
  Ahead right_ahead_;
};

// The layer as it is read, and written once more in the one form there is.
class LayerPass {
 public:
  // `manifest`: what is said to be its manifest.
  LayerPass(Source tar, std::string_view manifest, const std::stop_token& stop)
      : manifest_left_(manifest),
        stop_(stop),
        tar_(std::move(tar)),
        reader_([this](char* buffer, size_t size) { return Read(buffer, size); }),
        writer_([this](std::string_view bytes) { return Written(bytes); }),
        buffer_(kPiece, '\0') {}

  absl::Status Run() {
    RETURN_IF_ERROR(Expect(kManifestHeader));
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<TarEntry> entry, reader_.Next());
      if (!entry) break;
      RETURN_IF_ERROR(Take(*entry));
    }
    if (reader_.root()) return absl::InvalidArgumentError("it has an entry for the root itself");
    RETURN_IF_ERROR(writer_.Finish());
    if (!same_.Ended()) return NotCanonical();
    if (!manifest_left_.empty()) return OtherManifest();
    return absl::OkStatus();
  }

 private:
  absl::Status Take(const TarEntry& entry) {
    ManifestEntry record{entry, "", false};
    const size_t slash = entry.path.rfind('/');
    const size_t name = slash == std::string::npos ? 0 : slash + 1;
    if (std::string_view(entry.path).substr(name).starts_with(kWhiteout)) {
      record.entry = TarEntry();
      record.entry.path = entry.path.substr(0, name) + entry.path.substr(name + kWhiteout.size());
      record.entry.mtime = entry.mtime;
      record.whiteout = true;
      RETURN_IF_ERROR(CheckPath(record.entry.path));
      TarEntry expected = record.entry;
      expected.path = TarPath(record);
      if (expected != entry) {
        return absl::InvalidArgumentError(
            fmt::format("'{}' is not a removal as layers have them", Printable(entry.path)));
      }
    }
    RETURN_IF_ERROR(CheckFollows(before_, record));
    RETURN_IF_ERROR(writer_.Add(entry));
    if (!record.whiteout && entry.type == EntryType::kFile) {
      ASSIGN_OR_RETURN(record.sha256, Content());
    }
    line_.clear();
    AppendManifestLine(record, &line_);
    RETURN_IF_ERROR(Expect(line_));
    before_.push_back(std::move(record));
    return absl::OkStatus();
  }

  // The manifest goes on so. It is held against it piece by piece: another one in memory would be as large.
  absl::Status Expect(std::string_view text) {
    if (!manifest_left_.starts_with(text)) return OtherManifest();
    manifest_left_.remove_prefix(text.size());
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Content() {
    Sha256 sha;
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, reader_.ReadData(buffer_.data(), buffer_.size()));
      if (count == 0) return sha.Finish().hash;
      const std::string_view piece(buffer_.data(), count);
      sha.Update(piece);
      RETURN_IF_ERROR(writer_.Data(piece));
    }
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    if (stop_.stop_requested()) return absl::CancelledError("stopped");
    ASSIGN_OR_RETURN(const size_t count, tar_(buffer, size));
    if (!same_.Left({buffer, count})) return NotCanonical();
    return count;
  }
  absl::Status Written(std::string_view bytes) {
    return same_.Right(bytes) ? absl::OkStatus() : NotCanonical();
  }
  static absl::Status OtherManifest() {
    return absl::InvalidArgumentError("the manifest is not that of the layer");
  }
  absl::Status NotCanonical() const {
    return absl::InvalidArgumentError(
        fmt::format("it is not written as layers are, somewhere before byte {}", reader_.offset() + 1));
  }

  std::string_view manifest_left_;
  const std::stop_token& stop_;
  const Source tar_;
  SameBytes same_;
  TarReader reader_;
  CanonicalTarWriter writer_;
  std::string buffer_;
  std::string line_;
  std::vector<ManifestEntry> before_;
};

}  // namespace

absl::Status CheckLayer(BlobStore& blobs, const Digest& tar, const Digest& manifest,
                        const std::stop_token& stop) {
  if (manifest.size > kLargestManifest) {
    // A recipe can ask for it, and then the worker made nothing up; but anybody can say a number.
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, blobs.FindMissing({manifest}));
    if (!missing.empty())
      return absl::NotFoundError(fmt::format("blob {}/{} is not in the store", manifest.hash, manifest.size));
    return absl::ResourceExhaustedError(
        fmt::format("the manifest has {} bytes; at most {}", manifest.size, kLargestManifest));
  }
  ASSIGN_OR_RETURN(const std::string text, blobs.Get(manifest));
  // One turn of the store for what is small.
  std::string small;
  std::unique_ptr<BlobReader> large;
  if (tar.size <= kSmall) {
    ASSIGN_OR_RETURN(small, blobs.Get(tar));
  } else {
    ASSIGN_OR_RETURN(large, blobs.Open(tar, 0));
  }
  Source source = large == nullptr
                      ? SourceOf(small)
                      : Source([&large](char* buffer, size_t size) { return large->Read(buffer, size); });
  LayerPass pass(std::move(source), text, stop);
  const absl::Status made = pass.Run();
  return made.ok() ? made : Annotate(made, fmt::format("layer {} and manifest {}", tar.hash, manifest.hash));
}

}  // namespace crossmill::layer
