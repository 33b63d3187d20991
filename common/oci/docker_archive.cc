#include "common/oci/docker_archive.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/oci/base_layers.h"
#include "common/oci/image.h"

namespace crossmill::oci {
namespace {

constexpr int kMaxLinks = 16;

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("docker archive: {}", what));
}

// The path with "." and ".." resolved; ".." at the root stays there.
std::string Resolved(std::string_view path) {
  std::vector<std::string_view> components;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (component.empty() || component == ".") continue;
    if (component != "..") {
      components.push_back(component);
    } else if (!components.empty()) {
      components.pop_back();
    }
  }
  std::string resolved;
  for (const std::string_view component : components) {
    if (!resolved.empty()) resolved.push_back('/');
    resolved.append(component);
  }
  return resolved;
}

std::vector<std::string> Strings(const Json& object, const char* name) {
  std::vector<std::string> strings;
  const auto it = object.find(name);
  if (it == object.end() || !it->is_array()) return strings;
  for (const Json& value : *it) {
    if (value.is_string()) strings.push_back(value.get<std::string>());
  }
  return strings;
}

absl::StatusOr<Json> ChooseImage(const Json& images, const std::string& name) {
  if (!images.is_array() || images.empty()) return Bad("manifest.json names no image");
  std::string names;
  std::optional<Json> chosen;
  for (const Json& image : images) {
    if (!image.is_object()) return Bad("manifest.json is not a list of images");
    for (const std::string& tag : Strings(image, "RepoTags")) {
      names += (names.empty() ? "" : ", ") + tag;
      if (tag == name) chosen = image;
    }
  }
  if (name.empty() && images.size() == 1) return images.front();
  if (chosen.has_value()) return *std::move(chosen);
  return Bad(name.empty()
                 ? fmt::format("several images; choose one by name ({})", names)
                 : fmt::format("no image '{}'; it has {}", name, names.empty() ? "no names" : names));
}

}  // namespace

void ArchiveFiles::AddLink(const std::string& path, const std::string& target, bool symlink) {
  const size_t slash = path.rfind('/');
  const std::string folder = !symlink || slash == std::string::npos ? "" : path.substr(0, slash + 1);
  links_[path] = Resolved(folder + target);
}

absl::StatusOr<Digest> ArchiveFiles::Find(const std::string& path) const {
  std::string current = Resolved(path);
  for (int i = 0; i < kMaxLinks; ++i) {
    if (const auto file = files_.find(current); file != files_.end()) return file->second;
    const auto link = links_.find(current);
    if (link == links_.end()) break;
    current = link->second;
  }
  return Bad(fmt::format("'{}' is missing", path));
}

absl::StatusOr<DockerImage> ImportDockerImage(std::string_view manifest_json, const ArchiveFiles& files,
                                              const std::string& name, BlobStore& store) {
  ASSIGN_OR_RETURN(const Json images, ParseJson(manifest_json));
  ASSIGN_OR_RETURN(const Json image, ChooseImage(images, name));
  const auto config_path = image.find("Config");
  if (config_path == image.end() || !config_path->is_string()) return Bad("manifest.json names no config");
  ImageManifest manifest;
  manifest.config.media_type = media_type::kOciConfig;
  ASSIGN_OR_RETURN(manifest.config.digest, files.Find(config_path->get<std::string>()));
  ASSIGN_OR_RETURN(const std::string config_bytes, store.Get(manifest.config.digest));
  ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(config_bytes));
  const std::vector<std::string> layers = Strings(image, "Layers");
  if (layers.size() != config.diff_ids.size()) {
    return Bad(
        fmt::format("{} layers, but the config has {} diffIDs", layers.size(), config.diff_ids.size()));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    Descriptor layer;
    ASSIGN_OR_RETURN(layer.digest, files.Find(layers[i]));
    ASSIGN_OR_RETURN(const layer::Compression compression, CompressionOfBlob(store, layer.digest));
    layer.media_type = compression == layer::Compression::kNone   ? media_type::kOciLayer
                       : compression == layer::Compression::kGzip ? media_type::kOciLayerGzip
                                                                  : media_type::kOciLayerZstd;
    const absl::Status verified = UncompressedLayer(store, layer.digest, config.diff_ids[i]).status();
    if (!verified.ok()) return Annotate(verified, fmt::format("docker archive: layer {}", layers[i]));
    manifest.layers.push_back(std::move(layer));
  }
  DockerImage imported;
  imported.names = Strings(image, "RepoTags");
  ASSIGN_OR_RETURN(imported.manifest, store.PutBytes(WriteImageManifest(manifest)));
  return imported;
}

}  // namespace crossmill::oci
