// Writing an archive for `docker load` (WriteDockerArchive in docker_archive.h).
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/layer/blob_copy.h"
#include "common/layer/compression.h"
#include "common/layer/file_part.h"
#include "common/oci/docker_archive.h"
#include "common/oci/image.h"
#include "common/oci/reference.h"

namespace crossmill::oci {
namespace {

struct StoredLayer {
  int64_t offset = 0;
  int64_t size = 0;
};

absl::StatusOr<StoredLayer> UnpackLayer(BlobStore& store, const Digest& blob, const std::string& diff_id,
                                        NamelessFile& contents) {
  StoredLayer stored{contents.size(), 0};
  ASSIGN_OR_RETURN(const layer::Source compressed, layer::BlobSource(store, blob));
  const layer::Source tar = layer::Decompressed(compressed);
  Sha256 sha;
  std::string buffer(256 << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, tar(buffer.data(), buffer.size()));
    if (count == 0) break;
    const std::string_view bytes(buffer.data(), count);
    sha.Update(bytes);
    RETURN_IF_ERROR(contents.Append(bytes));
  }
  stored.size = contents.size() - stored.offset;
  if (const Digest actual = sha.Finish(); actual.Oci() != diff_id) {
    return absl::DataLossError(fmt::format("layer {}: its content has diffID {}, the image config says {}",
                                           blob.Oci(), actual.Oci(), diff_id));
  }
  return stored;
}

absl::Status AddFile(layer::CanonicalTarWriter& tar, const std::string& path, std::string_view bytes) {
  layer::TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = static_cast<int64_t>(bytes.size());
  RETURN_IF_ERROR(tar.Add(entry));
  return tar.Data(bytes);
}

absl::Status AddLayer(layer::CanonicalTarWriter& tar, const std::string& path, const StoredLayer& stored,
                      const NamelessFile& contents) {
  layer::TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = stored.size;
  RETURN_IF_ERROR(tar.Add(entry));
  const layer::Source content = layer::PartOf(contents, stored.offset, stored.size);
  std::string buffer(256 << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, content(buffer.data(), buffer.size()));
    if (count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(tar.Data(std::string_view(buffer.data(), count)));
  }
}

}  // namespace

absl::Status WriteDockerArchive(BlobStore& store, const Digest& manifest_digest,
                                absl::Span<const std::string> names, NamelessFile& contents,
                                const layer::Sink& sink) {
  Json tags = Json::array();
  Json repositories = Json::object();
  ASSIGN_OR_RETURN(const std::string bytes, store.Get(manifest_digest));
  ASSIGN_OR_RETURN(const ImageManifest manifest, ParseImageManifest(bytes));
  ASSIGN_OR_RETURN(const std::string config_bytes, store.Get(manifest.config.digest));
  ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(config_bytes));
  if (manifest.layers.size() != config.diff_ids.size()) {
    return absl::InvalidArgumentError(fmt::format("image {}: {} layers, but its config has {} diffIDs",
                                                  manifest_digest.Oci(), manifest.layers.size(),
                                                  config.diff_ids.size()));
  }
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Reference reference, ParseReference(name));
    if (reference.tag.empty()) continue;
    tags.push_back(fmt::format("{}:{}", reference.FamiliarName(), reference.tag));
    if (!config.diff_ids.empty()) {
      ASSIGN_OR_RETURN(repositories[reference.FamiliarName()][reference.tag],
                       HashOfOci(config.diff_ids.back()));
    }
  }
  // By path; layers that occur twice are there once.
  std::map<std::string, StoredLayer> layers;
  Json layer_paths = Json::array();
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    ASSIGN_OR_RETURN(const std::string hash, HashOfOci(config.diff_ids[i]));
    const std::string path = hash + ".tar";
    layer_paths.push_back(path);
    if (layers.contains(path)) continue;
    ASSIGN_OR_RETURN(layers[path],
                     UnpackLayer(store, manifest.layers[i].digest, config.diff_ids[i], contents));
  }
  const std::string config_path = manifest.config.digest.hash + ".json";
  Json image = Json::object();
  image["Config"] = config_path;
  image["RepoTags"] = tags;
  image["Layers"] = std::move(layer_paths);
  layer::CanonicalTarWriter tar(sink);
  bool config_written = false;
  for (const auto& [path, stored] : layers) {
    if (!config_written && config_path < path) {
      RETURN_IF_ERROR(AddFile(tar, config_path, config_bytes));
      config_written = true;
    }
    RETURN_IF_ERROR(AddLayer(tar, path, stored, contents));
  }
  if (!config_written) RETURN_IF_ERROR(AddFile(tar, config_path, config_bytes));
  Json images = Json::array();
  images.push_back(std::move(image));
  RETURN_IF_ERROR(AddFile(tar, "manifest.json", WriteJson(images)));
  if (!repositories.empty()) RETURN_IF_ERROR(AddFile(tar, "repositories", WriteJson(repositories)));
  return tar.Finish();
}

}  // namespace crossmill::oci
