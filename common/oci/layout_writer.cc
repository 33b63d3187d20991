// Writing an OCI layout tar (WriteLayout in layout.h).
#include <map>
#include <memory>

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

}  // namespace

absl::Status WriteLayout(BlobStore& store, const Digest& root, absl::Span<const std::string> names,
                         const layer::Sink& sink, const std::map<std::string, std::string>& annotations) {
  ASSIGN_OR_RETURN(const ImageBlobs blobs, WalkImage(store, root));
  Descriptor descriptor;
  descriptor.media_type = blobs.media_type;
  descriptor.digest = root;
  descriptor.annotations = annotations;
  ASSIGN_OR_RETURN(const std::string index, IndexFile(descriptor, names));
  std::map<std::string, Digest> by_hash;
  for (const auto* list : {&blobs.documents, &blobs.contents}) {
    for (const Descriptor& blob : *list) by_hash[blob.digest.hash] = blob.digest;
  }
  layer::CanonicalTarWriter tar(sink);
  RETURN_IF_ERROR(tar.Add(Folder("blobs")));
  RETURN_IF_ERROR(tar.Add(Folder("blobs/sha256")));
  for (const auto& [hash, digest] : by_hash) RETURN_IF_ERROR(AddBlob(store, digest, tar));
  RETURN_IF_ERROR(tar.Add(File("index.json", static_cast<int64_t>(index.size()))));
  RETURN_IF_ERROR(tar.Data(index));
  RETURN_IF_ERROR(tar.Add(File("oci-layout", static_cast<int64_t>(kLayoutFile.size()))));
  RETURN_IF_ERROR(tar.Data(kLayoutFile));
  return tar.Finish();
}

}  // namespace crossmill::oci
