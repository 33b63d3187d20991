// Importing OCI layouts and docker archives (layout.h).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/layer/blob_copy.h"
#include "common/layer/compression.h"
#include "common/oci/docker_archive.h"
#include "common/oci/image_walk.h"
#include "common/oci/layout.h"

namespace crossmill::oci {
namespace {

constexpr std::string_view kBlobFolder = "blobs/sha256/";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr const char* kImageName = "io.containerd.image.name";

// An error in the imported bytes, whatever code it came up with; trouble with the store stays what it is.
absl::Status AsInvalid(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kNotFound &&
      status.code() != absl::StatusCode::kFailedPrecondition) {
    return status;
  }
  return absl::InvalidArgumentError(status.message());
}

// The descriptor of index.json that is meant.
absl::StatusOr<Descriptor> ChooseRoot(const ImageIndex& index, const std::string& name) {
  std::vector<Descriptor> candidates;
  std::string names;
  for (const Descriptor& descriptor : index.manifests) {
    bool matches = name.empty() || name == descriptor.digest.Oci();
    for (const char* annotation : {kImageName, kRefName}) {
      const auto it = descriptor.annotations.find(annotation);
      if (it == descriptor.annotations.end()) continue;
      matches = matches || it->second == name;
      names += (names.empty() ? "" : ", ") + it->second;
    }
    const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const Descriptor& candidate) {
      return candidate.digest == descriptor.digest;
    });
    if (matches && !known) candidates.push_back(descriptor);
  }
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty()) {
    return absl::InvalidArgumentError(
        index.manifests.empty() ? std::string("the layout's index.json names no image")
                                : fmt::format("the layout has no image '{}'; it has {}", name, names));
  }
  return absl::InvalidArgumentError(fmt::format("the layout has several images; choose one by name{}",
                                                names.empty() ? "" : fmt::format(" ({})", names)));
}

std::vector<std::string> NamesOf(const ImageIndex& index, const Digest& root) {
  std::vector<std::string> names;
  for (const Descriptor& descriptor : index.manifests) {
    if (descriptor.digest != root) continue;
    for (const char* annotation : {kImageName, kRefName}) {
      const auto it = descriptor.annotations.find(annotation);
      if (it == descriptor.annotations.end()) continue;
      if (std::find(names.begin(), names.end(), it->second) == names.end()) names.push_back(it->second);
      break;
    }
  }
  return names;
}

// Several unnamed manifests, each of another platform, are one image: some tools write multi-platform
// images without an index of their own.
bool IsFlatIndex(const ImageIndex& index) {
  std::vector<std::string> platforms;
  for (const Descriptor& descriptor : index.manifests) {
    if (!descriptor.platform.has_value() || descriptor.annotations.contains(kRefName)) return false;
    platforms.push_back(PlatformText(*descriptor.platform));
  }
  std::sort(platforms.begin(), platforms.end());
  return platforms.size() > 1 && std::unique(platforms.begin(), platforms.end()) == platforms.end();
}

absl::Status CheckLayoutVersion(std::string_view layout_file) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(layout_file));
  const auto version = json.is_object() ? json.find("imageLayoutVersion") : json.end();
  if (version == json.end() || !version->is_string() || !version->get<std::string>().starts_with("1.")) {
    return absl::InvalidArgumentError("oci-layout: not a layout of version 1");
  }
  return absl::OkStatus();
}

// Blobs are in the store; finds the root and checks that nothing is missing.
absl::StatusOr<ImportedImage> FinishLayout(const std::string& index_file, BlobStore& store,
                                           const ImportOptions& options) {
  auto index = ParseImageIndex(index_file);
  if (!index.ok()) return Annotate(index.status(), "index.json");
  ImportedImage image;
  if (options.name.empty() && IsFlatIndex(*index)) {
    ASSIGN_OR_RETURN(image.root, store.PutBytes(index_file));
  } else {
    ASSIGN_OR_RETURN(const Descriptor root, ChooseRoot(*index, options.name));
    image.root = root.digest;
    image.names = NamesOf(*index, root.digest);
  }
  auto blobs = WalkImage(store, image.root);
  if (!blobs.ok()) return Annotate(AsInvalid(blobs.status()), "image layout");
  image.media_type = blobs->media_type;
  return image;
}

// The digest that a path of a layout promises; nullopt for other paths.
std::optional<Digest> PromisedDigest(std::string_view path, int64_t size) {
  if (!path.starts_with(kBlobFolder) || !IsSha256Hex(path.substr(kBlobFolder.size()))) return std::nullopt;
  return Digest{std::string(path.substr(kBlobFolder.size())), size};
}

absl::Status ImportBlob(const layer::Source& source, const std::string& path, const Digest& digest,
                        BlobStore& store) {
  // What the store has need not be read: its own copy is verified already.
  if (store.Has(digest)) return absl::OkStatus();
  auto stored = layer::CopyToStore(source, store, digest);
  if (stored.ok()) return absl::OkStatus();
  return Annotate(AsInvalid(stored.status()), fmt::format("{} is not what its name says", path));
}

// Reads an archive of either kind in one pass: its index may come last.
class ArchiveImport {
 public:
  ArchiveImport(BlobStore& store, const ImportOptions& options) : store_(store), options_(options) {}

  absl::Status Read(const layer::Source& archive) {
    layer::TarReader reader(archive);
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<layer::TarEntry> entry, reader.Next());
      if (!entry.has_value()) return absl::OkStatus();
      if (entry->type == layer::EntryType::kSymlink || entry->type == layer::EntryType::kHardLink) {
        files_.AddLink(entry->path, entry->link, entry->type == layer::EntryType::kSymlink);
      } else if (entry->type == layer::EntryType::kFile) {
        const layer::Source content = [&reader](char* buffer, size_t size) {
          return reader.ReadData(buffer, size);
        };
        RETURN_IF_ERROR(File(*entry, content));
      }
    }
  }

  absl::StatusOr<ImportedImage> Finish() {
    const auto index = documents_.find("index.json");
    const auto layout = documents_.find("oci-layout");
    if (index != documents_.end() && layout != documents_.end()) {
      RETURN_IF_ERROR(CheckLayoutVersion(layout->second));
      return FinishLayout(index->second, store_, options_);
    }
    const auto manifest = documents_.find("manifest.json");
    if (manifest == documents_.end()) {
      return absl::InvalidArgumentError(
          "not an image: the tar holds neither an OCI layout (oci-layout, index.json) nor a docker archive "
          "(manifest.json)");
    }
    ASSIGN_OR_RETURN(DockerImage docker, ImportDockerImage(manifest->second, files_, options_.name, store_));
    auto blobs = WalkImage(store_, docker.manifest);
    if (!blobs.ok()) return Annotate(AsInvalid(blobs.status()), "docker archive");
    return ImportedImage{docker.manifest, blobs->media_type, std::move(docker.names)};
  }

 private:
  absl::Status File(const layer::TarEntry& entry, const layer::Source& content) {
    if (entry.path == "index.json" || entry.path == "oci-layout" || entry.path == "manifest.json") {
      if (entry.size > kMaxDocument) {
        return absl::InvalidArgumentError(fmt::format("{} has {} bytes", entry.path, entry.size));
      }
      std::string& text = documents_[entry.path];
      text.assign(static_cast<size_t>(entry.size), '\0');
      for (size_t done = 0; done < text.size();) {
        ASSIGN_OR_RETURN(const size_t count, content(text.data() + done, text.size() - done));
        done += count;
      }
      return absl::OkStatus();
    }
    if (const auto digest = PromisedDigest(entry.path, entry.size); digest.has_value()) {
      RETURN_IF_ERROR(ImportBlob(content, entry.path, *digest, store_));
      files_.AddFile(entry.path, *digest);
    } else if (entry.path.ends_with(".tar") || entry.path.ends_with(".json")) {
      ASSIGN_OR_RETURN(Digest stored, layer::CopyToStore(content, store_, Digest()));
      files_.AddFile(entry.path, std::move(stored));
    }
    return absl::OkStatus();
  }

  BlobStore& store_;
  const ImportOptions& options_;
  std::map<std::string, std::string> documents_;
  ArchiveFiles files_;
};

layer::Source FdSource(int fd) {
  return [fd](char* buffer, size_t size) { return ReadSome(fd, buffer, size); };
}

// Every blob that the documents of the folder name, found from the root down.
class FolderImport {
 public:
  FolderImport(const std::string& path, BlobStore& store) : path_(path), store_(store) {}

  absl::Status Document(const Digest& digest) {
    RETURN_IF_ERROR(Blob(digest, /*may_be_absent=*/true));
    if (digest.size > kMaxDocument || !store_.Has(digest)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string bytes, store_.Get(digest));
    ASSIGN_OR_RETURN(const std::string type, DocumentType(bytes));
    if (IsIndexType(type)) {
      ASSIGN_OR_RETURN(const ImageIndex index, ParseImageIndex(bytes));
      if (++depth_ > 4) return absl::InvalidArgumentError("image index: nested too deeply");
      for (const Descriptor& descriptor : index.manifests) RETURN_IF_ERROR(Document(descriptor.digest));
      --depth_;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const ImageManifest manifest, ParseImageManifest(bytes));
    RETURN_IF_ERROR(Blob(manifest.config.digest, false));
    for (const Descriptor& layer : manifest.layers) RETURN_IF_ERROR(Blob(layer.digest, false));
    return absl::OkStatus();
  }

 private:
  // What is absent is judged by the walk at the end.
  absl::Status Blob(const Digest& digest, bool may_be_absent) {
    const std::string name = fmt::format("{}{}", kBlobFolder, digest.hash);
    const std::string path = fmt::format("{}/{}", path_, name);
    if (may_be_absent && !Exists(path)) return absl::OkStatus();
    auto fd = OpenFile(path, O_RDONLY);
    if (!fd.ok()) return AsInvalid(fd.status());
    return ImportBlob(FdSource(fd->get()), name, digest, store_);
  }

  const std::string& path_;
  BlobStore& store_;
  int depth_ = 0;
};

}  // namespace

absl::StatusOr<ImportedImage> ImportLayoutFolder(const std::string& path, BlobStore& store,
                                                 const ImportOptions& options) {
  auto layout = ReadFile(path + "/oci-layout", kMaxDocument);
  if (!layout.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not an OCI layout ({})", path, Sv(layout.status().message())));
  }
  RETURN_IF_ERROR(Annotate(CheckLayoutVersion(*layout), path));
  auto index_file = ReadFile(path + "/index.json", kMaxDocument);
  if (!index_file.ok()) return AsInvalid(index_file.status());
  auto index = ParseImageIndex(*index_file);
  if (!index.ok()) return Annotate(index.status(), path + "/index.json");
  FolderImport folder(path, store);
  for (const Descriptor& descriptor : index->manifests) {
    RETURN_IF_ERROR(Annotate(folder.Document(descriptor.digest), path));
  }
  auto image = FinishLayout(*index_file, store, options);
  if (!image.ok()) return Annotate(image.status(), path);
  return image;
}

absl::StatusOr<ImportedImage> ImportArchive(const layer::Source& archive, BlobStore& store,
                                            const ImportOptions& options) {
  ArchiveImport import(store, options);
  RETURN_IF_ERROR(import.Read(layer::Decompressed(archive)));
  return import.Finish();
}

absl::StatusOr<ImportedImage> ImportImage(const std::string& path, BlobStore& store,
                                          const ImportOptions& options) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  if (S_ISDIR(info.st_mode)) return ImportLayoutFolder(path, store, options);
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  auto image = ImportArchive(FdSource(fd.get()), store, options);
  if (!image.ok()) return Annotate(image.status(), path);
  return image;
}

}  // namespace crossmill::oci
