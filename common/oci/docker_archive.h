// Images in docker's own archive format (`docker save` before OCI layouts), read and written.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "common/base/opening/nameless_file.h"
#include "common/layer/canonical_tar.h"

namespace crossmill::oci {

// What is in an archive: paths to blobs that are in the store already, and links between paths.
class ArchiveFiles {
 public:
  void AddFile(std::string path, Digest digest) { files_[std::move(path)] = std::move(digest); }
  // Symlink targets are relative to the link's folder, hard links to the root.
  void AddLink(const std::string& path, const std::string& target, bool symlink);
  // Follows links. INVALID_ARGUMENT if it leads nowhere.
  absl::StatusOr<Digest> Find(const std::string& path) const;

 private:
  std::map<std::string, Digest> files_;
  std::map<std::string, std::string> links_;
};

struct DockerImage {
  // An OCI manifest made of the archive's config and layers, in the store.
  Digest manifest;
  std::vector<std::string> names;
};

// Takes the image called `name` (or the only one). The layers' diffIDs are verified against the config.
absl::StatusOr<DockerImage> ImportDockerImage(std::string_view manifest_json, const ArchiveFiles& files,
                                              const std::string& name, BlobStore& store);

// Writes one platform's image (a manifest) as `docker load` takes it in any version: manifest.json,
// repositories, config and uncompressed layers, as a canonical tar (docs/formats.md). `names` are references
// with tags. The layers go through the file, because a tar says sizes first. Errors as WalkImage;
// INVALID_ARGUMENT for a bad name or an index.
absl::Status WriteDockerArchive(BlobStore& store, const Digest& manifest, absl::Span<const std::string> names,
                                NamelessFile& contents, const layer::Sink& sink);

}  // namespace crossmill::oci
