#include "cli/images/flat_image.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/layer/layer_writer.h"
#include "common/oci/flatten.h"

namespace crossmill::cli {
namespace {

class FilePart final : public compare::Content {
 public:
  FilePart(const NamelessFile& file, layer::ContentPlace place) : file_(file), place_(std::move(place)) {}

  int64_t size() const override { return place_.size; }

  absl::StatusOr<std::string> Read(int64_t offset, size_t count) override {
    if (offset < 0 || offset >= place_.size) return std::string();
    std::string bytes(std::min(count, static_cast<size_t>(place_.size - offset)), '\0');
    ASSIGN_OR_RETURN(const size_t got, file_.ReadAt(place_.offset + offset, bytes.data(), bytes.size()));
    if (got != bytes.size()) return absl::DataLossError("a temporary file has become shorter");
    return bytes;
  }

 private:
  const NamelessFile& file_;
  const layer::ContentPlace place_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FlatImage>> FlatImage::Read(BlobStore& blobs, const Digest& manifest,
                                                           const std::string& temporary_folder) {
  ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(temporary_folder));
  ASSIGN_OR_RETURN(NamelessFile tar, NamelessFile::Create(temporary_folder));
  oci::Flattener flattener(contents);
  RETURN_IF_ERROR(oci::AddImageLayers(blobs, manifest, flattener));
  layer::LayerWriter writer([&tar](std::string_view bytes) { return tar.Append(bytes); }, 0);
  RETURN_IF_ERROR(flattener.Visit([&](const layer::TarEntry& entry, const layer::Source& content) {
    return writer.Add(oci::CanonicalEntry(entry), content);
  }));
  ASSIGN_OR_RETURN(layer::LayerManifest whole, writer.Finish());
  return std::unique_ptr<FlatImage>(new FlatImage(std::move(tar), std::move(whole)));
}

absl::StatusOr<std::unique_ptr<compare::Content>> FlatImage::Open(const std::string& path) const {
  auto place = places_.Find(path);
  if (!place) return absl::NotFoundError(fmt::format("the image has no file /{}", path));
  return std::make_unique<FilePart>(tar_, *std::move(place));
}

}  // namespace crossmill::cli
