#include "common/oci/flatten.h"

#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/layer/blob_copy.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/compression.h"
#include "common/layer/file_part.h"

namespace crossmill::oci {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
// The markers of aufs: no removals, and no files of the image either.
constexpr std::string_view kAufs = ".wh..wh.";
constexpr int kMaxSymlinks = 40;

std::pair<std::string_view, std::string_view> SplitPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

absl::Status Flattener::AddLayer(const layer::Source& tar) {
  ++layer_;
  layer::TarReader reader(tar);
  while (true) {
    ASSIGN_OR_RETURN(std::optional<layer::TarEntry> entry, reader.Next());
    if (!entry.has_value()) return absl::OkStatus();
    RETURN_IF_ERROR(Apply(reader, *std::move(entry)));
  }
}

// Where a folder really is: symlinks on the way are followed, never out of the root.
absl::StatusOr<std::string> Flattener::ResolveFolder(std::string_view folder) const {
  std::string left(folder);
  std::string resolved;
  int links = 0;
  while (!left.empty()) {
    const size_t slash = left.find('/');
    const std::string name = left.substr(0, slash);
    left = slash == std::string::npos ? "" : left.substr(slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      resolved = std::string(SplitPath(resolved).first);
      continue;
    }
    const std::string path = JoinPath(resolved, name);
    const auto it = tree_.find(path);
    if (it == tree_.end() || it->second.file->entry.type != layer::EntryType::kSymlink) {
      resolved = path;
      continue;
    }
    if (++links > kMaxSymlinks) {
      return absl::InvalidArgumentError(
          fmt::format("layer {}: '{}' leads through too many symlinks", layer_, layer::Printable(folder)));
    }
    const std::string& target = it->second.file->entry.link;
    if (target.starts_with('/')) resolved.clear();
    left = left.empty() ? target : target + "/" + left;
  }
  return resolved;
}

absl::StatusOr<std::string> Flattener::Resolve(std::string_view path) const {
  const auto [folder, name] = SplitPath(path);
  ASSIGN_OR_RETURN(const std::string resolved, ResolveFolder(folder));
  return JoinPath(resolved, name);
}

void Flattener::RemoveLower(const std::string& path, bool itself) {
  auto it = tree_.lower_bound(path);
  const bool there = it != tree_.end() && it->first == path;
  const auto own = there ? it++ : it;
  bool left = false;
  while (it != tree_.end() && layer::IsBelow(it->first, path)) {
    if (it->second.layer < layer_) {
      it = tree_.erase(it);
    } else {
      left = true;
      ++it;
    }
  }
  if (!itself || !there || own->second.layer == layer_) return;
  tree_.erase(own);
  // This layer has put something below it and did not say what folder it is in.
  if (left) AddFolders(path + "/.");
}

void Flattener::RemoveAll(const std::string& path) {
  auto it = tree_.lower_bound(path);
  while (it != tree_.end() && (it->first == path || layer::IsBelow(it->first, path))) it = tree_.erase(it);
}

// The folders above the path that no layer has named, and those that are no folders.
void Flattener::AddFolders(std::string_view path) {
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const std::string folder(path.substr(0, slash));
    const auto it = tree_.find(folder);
    if (it != tree_.end() && it->second.file->entry.type == layer::EntryType::kDirectory) continue;
    auto file = std::make_shared<File>();
    file->entry.type = layer::EntryType::kDirectory;
    file->entry.mode = 0755;
    tree_[folder] = {std::move(file), layer_};
  }
}

void Flattener::Put(const std::string& path, std::shared_ptr<File> file) {
  AddFolders(path);
  const auto it = tree_.find(path);
  const bool folder = file->entry.type == layer::EntryType::kDirectory;
  if (it != tree_.end() && !(folder && it->second.file->entry.type == layer::EntryType::kDirectory))
    RemoveAll(path);
  tree_[path] = {std::move(file), layer_};
}

absl::Status Flattener::Link(const std::string& path, const layer::TarEntry& entry) {
  ASSIGN_OR_RETURN(const std::string target, Resolve(entry.link));
  const auto it = tree_.find(target);
  if (it == tree_.end() || it->second.file->entry.type == layer::EntryType::kDirectory) {
    return absl::InvalidArgumentError(fmt::format("layer {}: hard link '{}' to '{}', which is {}", layer_,
                                                  layer::Printable(entry.path), layer::Printable(entry.link),
                                                  it == tree_.end() ? "not there" : "a directory"));
  }
  if (target == path) return absl::OkStatus();
  Put(path, it->second.file);
  return absl::OkStatus();
}

absl::Status Flattener::Apply(layer::TarReader& reader, layer::TarEntry entry) {
  ASSIGN_OR_RETURN(const std::string path, Resolve(entry.path));
  const auto [folder, name] = SplitPath(path);
  if (name == kOpaque) {
    RemoveLower(std::string(folder), false);
    return absl::OkStatus();
  }
  if (name.starts_with(kAufs)) return absl::OkStatus();
  if (name.starts_with(kWhiteout)) {
    const std::string_view removed = name.substr(kWhiteout.size());
    if (removed.empty() || removed == "." || removed == "..") {
      return absl::InvalidArgumentError(fmt::format("layer {}: '{}' removes nothing that has a name", layer_,
                                                    layer::Printable(entry.path)));
    }
    RemoveLower(JoinPath(folder, removed), true);
    return absl::OkStatus();
  }
  if (entry.type == layer::EntryType::kHardLink) return Link(path, entry);
  auto file = std::make_shared<File>();
  if (entry.type == layer::EntryType::kFile && entry.size > 0) {
    file->content = contents_.size();
    std::vector<char> buffer(std::min<size_t>(256 << 10, static_cast<size_t>(entry.size)));
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, reader.ReadData(buffer.data(), buffer.size()));
      if (count == 0) break;
      RETURN_IF_ERROR(contents_.Append(std::string_view(buffer.data(), count)));
    }
  }
  file->entry = std::move(entry);
  file->entry.path.clear();
  Put(path, std::move(file));
  return absl::OkStatus();
}

absl::Status Flattener::Visit(const Visitor& visitor) const {
  // Under which path each file was seen first.
  std::map<const File*, const std::string*> first;
  for (const auto& [path, node] : tree_) {
    const File& file = *node.file;
    layer::TarEntry entry = file.entry;
    entry.path = path;
    if (node.file.use_count() > 1) {
      const auto [seen, fresh] = first.try_emplace(&file, &path);
      if (!fresh) {
        entry.type = layer::EntryType::kHardLink;
        entry.link = *seen->second;
        entry.size = 0;
        entry.xattrs.clear();
      }
    }
    const layer::Source content = entry.type == layer::EntryType::kFile && entry.size > 0
                                      ? layer::PartOf(contents_, file.content, entry.size)
                                      : layer::Source();
    RETURN_IF_ERROR(visitor(entry, content));
  }
  return absl::OkStatus();
}

absl::Status AddImageLayers(BlobStore& store, const Digest& manifest_digest, Flattener& flattener) {
  ASSIGN_OR_RETURN(const std::string bytes, store.Get(manifest_digest));
  ASSIGN_OR_RETURN(const ImageManifest manifest, ParseImageManifest(bytes));
  ASSIGN_OR_RETURN(const std::string config_bytes, store.Get(manifest.config.digest));
  ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(config_bytes));
  if (manifest.layers.size() != config.diff_ids.size()) {
    return absl::InvalidArgumentError(fmt::format("image {}: {} layers, but its config has {} diffIDs",
                                                  manifest_digest.Oci(), manifest.layers.size(),
                                                  config.diff_ids.size()));
  }
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    ASSIGN_OR_RETURN(const layer::Source blob, layer::BlobSource(store, manifest.layers[i].digest));
    Sha256 sha;
    const layer::Source tar = [&sha, source = layer::Decompressed(blob)](
                                  char* buffer, size_t size) -> absl::StatusOr<size_t> {
      ASSIGN_OR_RETURN(const size_t count, source(buffer, size));
      sha.Update(std::string_view(buffer, count));
      return count;
    };
    const absl::Status added = flattener.AddLayer(tar);
    if (!added.ok()) return Annotate(added, fmt::format("layer {}", manifest.layers[i].digest.Oci()));
    std::string rest(64 << 10, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, tar(rest.data(), rest.size()));
      if (count == 0) break;
    }
    if (const Digest actual = sha.Finish(); actual.Oci() != config.diff_ids[i]) {
      return absl::DataLossError(fmt::format("layer {}: its content has diffID {}, the image config says {}",
                                             manifest.layers[i].digest.Oci(), actual.Oci(),
                                             config.diff_ids[i]));
    }
  }
  return absl::OkStatus();
}

layer::TarEntry CanonicalEntry(const layer::TarEntry& entry) {
  layer::TarEntry canonical = entry;
  if (entry.type == layer::EntryType::kSymlink) canonical.mode = 0777;
  canonical.mtime = std::max<int64_t>(0, entry.mtime);
  return canonical;
}

absl::Status WriteTree(const Flattener& flattener, std::string_view prefix, layer::CanonicalTarWriter& tar) {
  if (!prefix.empty()) {
    layer::TarEntry folder;
    folder.path = std::string(prefix);
    folder.type = layer::EntryType::kDirectory;
    folder.mode = 0755;
    RETURN_IF_ERROR(tar.Add(folder));
  }
  std::vector<char> buffer(256 << 10);
  return flattener.Visit([&](const layer::TarEntry& entry, const layer::Source& content) -> absl::Status {
    layer::TarEntry placed = CanonicalEntry(entry);
    placed.path = JoinPath(prefix, entry.path);
    if (entry.type == layer::EntryType::kHardLink) placed.link = JoinPath(prefix, entry.link);
    RETURN_IF_ERROR(tar.Add(placed));
    if (!content) return absl::OkStatus();
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, content(buffer.data(), buffer.size()));
      if (count == 0) return absl::OkStatus();
      RETURN_IF_ERROR(tar.Data(std::string_view(buffer.data(), count)));
    }
  });
}

}  // namespace crossmill::oci
