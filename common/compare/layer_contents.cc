#include "common/compare/layer_contents.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::compare {
namespace {

// A part of a blob. Reading on where the last piece ended opens nothing anew.
class BlobPart final : public Content {
 public:
  BlobPart(BlobStore& blobs, Digest blob, layer::ContentPlace place)
      : blobs_(blobs), blob_(std::move(blob)), place_(std::move(place)) {}

  int64_t size() const override { return place_.size; }

  absl::StatusOr<std::string> Read(int64_t offset, size_t count) override {
    if (offset < 0 || offset >= place_.size) return std::string();
    if (reader_ == nullptr || offset != next_) {
      ASSIGN_OR_RETURN(reader_, blobs_.Open(blob_, place_.offset + offset));
      next_ = offset;
    }
    std::string bytes(std::min(count, static_cast<size_t>(place_.size - offset)), '\0');
    size_t filled = 0;
    while (filled < bytes.size()) {
      ASSIGN_OR_RETURN(const size_t got, reader_->Read(bytes.data() + filled, bytes.size() - filled));
      if (got == 0)
        return absl::DataLossError(fmt::format("layer {} is shorter than its manifest says", blob_.Oci()));
      filled += got;
    }
    next_ += static_cast<int64_t>(filled);
    return bytes;
  }

 private:
  BlobStore& blobs_;
  const Digest blob_;
  const layer::ContentPlace place_;
  std::unique_ptr<BlobReader> reader_;
  int64_t next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Content>> OpenInLayer(BlobStore& blobs, const Digest& tar,
                                                     const layer::ContentPlaces& places,
                                                     const std::string& path) {
  auto place = places.Find(path);
  if (!place) return absl::NotFoundError(fmt::format("the layer has no file /{}", path));
  return std::make_unique<BlobPart>(blobs, tar, *std::move(place));
}

}  // namespace crossmill::compare
