// OCI image layouts, and docker's archives, in and out of a blob store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/tar_reader.h"

namespace crossmill::oci {

// Writes the image with this root (index or manifest) and everything it refers to as an OCI layout tar:
// a canonical tar with modes 0755 and 0644, owner 0:0 and mtime 0, so equal images give equal bytes. With
// `names` (references as people write them) index.json names the root once per name
// (org.opencontainers.image.ref.name holds the tag, io.containerd.image.name the full name).
// Errors as WalkImage; INVALID_ARGUMENT for a bad name.
// `annotations` go to the root's descriptor there.
absl::Status WriteLayout(BlobStore& store, const Digest& root, absl::Span<const std::string> names,
                         const layer::Sink& sink, const std::map<std::string, std::string>& annotations = {});

// The same of one platform's image (a manifest), which `docker load` takes, too: beside the layout it has
// docker's manifest.json. Layers stay compressed. INVALID_ARGUMENT for an index.
absl::Status WriteLayoutForDocker(BlobStore& store, const Digest& manifest,
                                  absl::Span<const std::string> names, const layer::Sink& sink,
                                  const std::map<std::string, std::string>& annotations = {});

struct ImportOptions {
  // Which image to take when there are several: a name or tag as the layout or archive has it, or (of a
  // layout) "sha256:...".
  std::string name;
};

struct ImportedImage {
  // Index or manifest.
  Digest root;
  std::string media_type;
  // As found: references or tags.
  std::vector<std::string> names;
};

// Each puts all blobs into the store, every digest verified, and returns the root. INVALID_ARGUMENT
// says what is wrong with the layout or archive: not one at all, a blob with another digest than its
// name, a blob that is missing, several images and none chosen.

// An OCI layout folder, an OCI layout tar or a tar by `docker save` (tars may be compressed).
absl::StatusOr<ImportedImage> ImportImage(const std::string& path, BlobStore& store,
                                          const ImportOptions& options = {});
absl::StatusOr<ImportedImage> ImportLayoutFolder(const std::string& path, BlobStore& store,
                                                 const ImportOptions& options = {});
absl::StatusOr<ImportedImage> ImportArchive(const layer::Source& archive, BlobStore& store,
                                            const ImportOptions& options = {});

}  // namespace crossmill::oci
