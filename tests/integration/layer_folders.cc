#include "tests/integration/layer_folders.h"

#include <filesystem>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/common/layer/sample_tree.h"

namespace crossmill {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<LayerFiles> ReadLayer(const std::string& tar) {
  LayerFiles files;
  layer::TarReader reader(layer::SourceOf(tar));
  while (true) {
    ASSIGN_OR_RETURN(const auto entry, reader.Next());
    if (!entry) return files;
    if (entry->type != layer::EntryType::kFile) continue;
    std::string& content = files[entry->path];
    content.resize(static_cast<size_t>(entry->size));
    size_t done = 0;
    while (done < content.size()) {
      ASSIGN_OR_RETURN(const size_t count, reader.ReadData(content.data() + done, content.size() - done));
      done += count;
    }
  }
}

LayerFiles FilesBelow(const std::string& root) {
  LayerFiles files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), root)] = ReadFile(entry.path()).value();
  }
  return files;
}

class FolderSnapshot final : public worker::Snapshot {
 public:
  FolderSnapshot(TemporaryFolder root, LayerFiles below, BlobStore& blobs)
      : root_(std::move(root)), below_(std::move(below)), blobs_(blobs) {}
  const std::string& root() const override { return root_.path(); }
  absl::StatusOr<worker::CommittedLayer> Commit(const worker::CommitOptions&) override {
    worker::CommittedLayer committed;
    LayerFiles changed;
    for (auto& [path, content] : FilesBelow(root_.path())) {
      const auto old = below_.find(path);
      if (old != below_.end() && old->second == content) continue;
      committed.content_bytes += static_cast<int64_t>(content.size());
      committed.changed_paths.push_back(path);
      changed[path] = content;
    }
    ASSIGN_OR_RETURN(committed.layer, WriteLayer(changed, blobs_));
    return committed;
  }

 private:
  const TemporaryFolder root_;
  const LayerFiles below_;
  BlobStore& blobs_;
};

}  // namespace

absl::StatusOr<v1::Layer> WriteLayer(const LayerFiles& files, BlobStore& blobs) {
  std::map<std::string, layer::SampleEntry, layer::PathLess> entries;
  for (const auto& [path, content] : files) {
    for (fs::path above = fs::path(path).parent_path(); !above.empty(); above = above.parent_path()) {
      entries.emplace(above.string(), layer::Folder(above.string()));
    }
    entries[path] = layer::File(path, content);
  }
  std::string tar;
  layer::LayerWriter writer(
      [&tar](std::string_view bytes) {
        tar.append(bytes);
        return absl::OkStatus();
      },
      0);
  for (const auto& [path, sample] : entries) {
    RETURN_IF_ERROR(writer.Add(sample.entry, layer::SourceOf(sample.content)));
  }
  ASSIGN_OR_RETURN(const layer::LayerManifest manifest, writer.Finish());
  v1::Layer layer;
  ASSIGN_OR_RETURN(const Digest tar_digest, blobs.PutBytes(tar));
  ASSIGN_OR_RETURN(const Digest manifest_digest, blobs.PutBytes(manifest.Serialize()));
  ToProto(tar_digest, layer.mutable_tar());
  ToProto(manifest_digest, layer.mutable_manifest());
  return layer;
}

absl::Status LayerFolders::EnsureLayer(const Digest& tar) {
  return blobs_.Has(tar) ? absl::OkStatus() : absl::NotFoundError(fmt::format("layer {}", ToString(tar)));
}

absl::StatusOr<std::unique_ptr<worker::Snapshot>> LayerFolders::Prepare(absl::Span<const Digest> parents) {
  return View(parents);
}

absl::StatusOr<std::unique_ptr<worker::Snapshot>> LayerFolders::View(absl::Span<const Digest> parents) {
  LayerFiles files;
  for (const Digest& parent : parents) {
    ASSIGN_OR_RETURN(const std::string tar, blobs_.Get(parent));
    ASSIGN_OR_RETURN(LayerFiles layer, ReadLayer(tar));
    for (auto& [path, content] : layer) files[path] = std::move(content);
  }
  ASSIGN_OR_RETURN(TemporaryFolder root, TemporaryFolder::Create(folder_));
  for (const auto& [path, content] : files) {
    RETURN_IF_ERROR(MakeFolders(fs::path(root.Path(path)).parent_path()));
    RETURN_IF_ERROR(WriteFileAtomic(root.Path(path), content));
  }
  return std::make_unique<FolderSnapshot>(std::move(root), std::move(files), blobs_);
}

}  // namespace crossmill
