#include "common/oci/platform_images.h"

#include <algorithm>
#include <utility>

#include "common/base/opening/nameless_file.h"
#include "common/base/status.h"
#include "common/layer/tar_entry.h"
#include "common/oci/image.h"
#include "common/oci/image_walk.h"

namespace crossmill::oci {

absl::StatusOr<std::vector<PlatformImage>> PlatformImages(BlobStore& blobs, const Digest& root) {
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(root));
  ASSIGN_OR_RETURN(const std::string type, DocumentType(bytes));
  std::vector<PlatformImage> found;
  if (IsManifestType(type)) {
    ASSIGN_OR_RETURN(const ImageBlobs image, WalkImage(blobs, root));
    found.push_back({image.platforms.empty() ? v1::Platform() : image.platforms.front(), root});
    return found;
  }
  ASSIGN_OR_RETURN(const ImageIndex index, ParseImageIndex(bytes));
  for (const Descriptor& descriptor : index.manifests) {
    if (!IsImageDescriptor(descriptor) || !descriptor.platform || !blobs.Has(descriptor.digest)) continue;
    found.push_back({*descriptor.platform, descriptor.digest});
  }
  if (found.empty()) return absl::FailedPreconditionError("the image has no platform in the farm's store");
  return found;
}

std::string PlatformFolder(const v1::Platform& platform) {
  std::string name = PlatformText(platform);
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

absl::Status WriteTreesTar(BlobStore& blobs, std::vector<PlatformImage> images, const TreesOptions& options,
                           const layer::Sink& sink) {
  if (!options.split && images.size() != 1) {
    return absl::InvalidArgumentError("several platforms in one tar need a folder each");
  }
  // A canonical tar is sorted.
  std::sort(images.begin(), images.end(), [](const PlatformImage& a, const PlatformImage& b) {
    return layer::ComparePaths(PlatformFolder(a.platform), PlatformFolder(b.platform)) < 0;
  });
  layer::CanonicalTarWriter tar(sink);
  for (const PlatformImage& image : images) {
    ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(options.temporary_folder, options.admit));
    Flattener flattener(contents);
    RETURN_IF_ERROR(AddImageLayers(blobs, image.manifest, flattener));
    if (options.amend) RETURN_IF_ERROR(options.amend(image, flattener));
    RETURN_IF_ERROR(WriteTree(flattener, options.split ? PlatformFolder(image.platform) : "", tar));
  }
  return tar.Finish();
}

}  // namespace crossmill::oci
