// Writing an OCI layout tar (WriteLayout in layout.h).
#include <map>
#include <memory>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/oci/image_walk.h"
#include "common/oci/layout.h"
#include "common/oci/reference.h"

namespace crossmill::oci {
namespace {

constexpr size_t kBuffer = 256 << 10;
constexpr std::string_view kLayoutFile = R"({"imageLayoutVersion":"1.0.0"})";

layer::TarEntry Folder(std::string path) {
  layer::TarEntry entry;
  entry.path = std::move(path);
  entry.type = layer::EntryType::kDirectory;
  entry.mode = 0755;
  return entry;
}

layer::TarEntry File(std::string path, int64_t size) {
  layer::TarEntry entry;
  entry.path = std::move(path);
  entry.mode = 0644;
  entry.size = size;
  return entry;
}

absl::Status AddBlob(BlobStore& store, const Digest& digest, layer::CanonicalTarWriter& tar) {
  RETURN_IF_ERROR(tar.Add(File("blobs/sha256/" + digest.hash, digest.size)));
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, store.Open(digest, 0));
  std::string buffer(kBuffer, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer.data(), buffer.size()));
    if (count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(tar.Data(std::string_view(buffer.data(), count)));
  }
}

absl::StatusOr<std::string> IndexFile(const Descriptor& root, absl::Span<const std::string> names) {
  ImageIndex index;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Reference reference, ParseReference(name));
    Descriptor named = root;
    named.annotations["io.containerd.image.name"] = reference.ToString();
    if (!reference.tag.empty()) named.annotations["org.opencontainers.image.ref.name"] = reference.tag;
    index.manifests.push_back(std::move(named));
  }
  if (names.empty()) index.manifests.push_back(root);
  return WriteImageIndex(index);
}

// As `docker save` names the parts of an image; the paths are those of the layout.
absl::StatusOr<std::string> DockerFile(BlobStore& store, const Digest& root,
                                       absl::Span<const std::string> names) {
  ASSIGN_OR_RETURN(const std::string bytes, store.Get(root));
  ASSIGN_OR_RETURN(const ImageManifest manifest, ParseImageManifest(bytes));
  const auto path = [](const Digest& digest) { return "blobs/sha256/" + digest.hash; };
  Json image = Json::object();
  image["Config"] = path(manifest.config.digest);
  image["RepoTags"] = Json::array();
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Reference reference, ParseReference(name));
    if (!reference.tag.empty())
      image["RepoTags"].push_back(fmt::format("{}:{}", reference.FamiliarName(), reference.tag));
  }
  image["Layers"] = Json::array();
  for (const Descriptor& layer : manifest.layers) image["Layers"].push_back(path(layer.digest));
  Json images = Json::array();
  images.push_back(std::move(image));
  return WriteJson(images);
}

absl::Status AddText(layer::CanonicalTarWriter& tar, const std::string& path, std::string_view text) {
  RETURN_IF_ERROR(tar.Add(File(path, static_cast<int64_t>(text.size()))));
  return tar.Data(text);
}

// `docker_file`: manifest.json; empty: there is none.
absl::Status WriteLayoutTar(BlobStore& store, const Descriptor& root, absl::Span<const std::string> names,
                            const ImageBlobs& blobs, const std::string& docker_file,
                            const layer::Sink& sink) {
  ASSIGN_OR_RETURN(const std::string index, IndexFile(root, names));
  std::map<std::string, Digest> by_hash;
  for (const auto* list : {&blobs.documents, &blobs.contents}) {
    for (const Descriptor& blob : *list) by_hash[blob.digest.hash] = blob.digest;
  }
  layer::CanonicalTarWriter tar(sink);
  RETURN_IF_ERROR(tar.Add(Folder("blobs")));
  RETURN_IF_ERROR(tar.Add(Folder("blobs/sha256")));
  for (const auto& [hash, digest] : by_hash) RETURN_IF_ERROR(AddBlob(store, digest, tar));
  RETURN_IF_ERROR(AddText(tar, "index.json", index));
  if (!docker_file.empty()) RETURN_IF_ERROR(AddText(tar, "manifest.json", docker_file));
  RETURN_IF_ERROR(AddText(tar, "oci-layout", kLayoutFile));
  return tar.Finish();
}

Descriptor RootDescriptor(const ImageBlobs& blobs, const Digest& root,
                          const std::map<std::string, std::string>& annotations) {
  Descriptor descriptor;
  descriptor.media_type = blobs.media_type;
  descriptor.digest = root;
  descriptor.annotations = annotations;
  return descriptor;
}

}  // namespace

absl::Status WriteLayout(BlobStore& store, const Digest& root, absl::Span<const std::string> names,
                         const layer::Sink& sink, const std::map<std::string, std::string>& annotations) {
  ASSIGN_OR_RETURN(const ImageBlobs blobs, WalkImage(store, root));
  return WriteLayoutTar(store, RootDescriptor(blobs, root, annotations), names, blobs, "", sink);
}

absl::Status WriteLayoutForDocker(BlobStore& store, const Digest& manifest,
                                  absl::Span<const std::string> names, const layer::Sink& sink,
                                  const std::map<std::string, std::string>& annotations) {
  ASSIGN_OR_RETURN(const ImageBlobs blobs, WalkImage(store, manifest));
  ASSIGN_OR_RETURN(const std::string docker_file, DockerFile(store, manifest, names));
  return WriteLayoutTar(store, RootDescriptor(blobs, manifest, annotations), names, blobs, docker_file, sink);
}

}  // namespace crossmill::oci
