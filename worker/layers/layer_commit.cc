// The second half of layer_diff.h: the layer's bytes, and the upper directory made into the layer.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/layer/layer_writer.h"
#include "worker/layers/layer_diff.h"
#include "worker/layers/pyc_times.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/full_store.h"
#include "worker/tree/long_path.h"

namespace crossmill::worker {
namespace {

class DiffWriter {
 public:
  DiffWriter(const std::string& upper, const KnownContents& known, layer::LayerWriter& writer,
             WrittenLayer* written)
      : upper_(upper), known_(known), writer_(writer), written_(*written) {}

  absl::Status WriteAll(const std::vector<DiffNode>& nodes) {
    for (const DiffNode& node : nodes) {
      if (!node.kept) continue;
      RETURN_IF_ERROR(node.whiteout ? writer_.AddWhiteout(node.entry.path) : Write(node));
      RETURN_IF_ERROR(WriteAll(node.children));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Write(const DiffNode& node) {
    const bool folder = node.entry.type == layer::EntryType::kDirectory;
    if (node.entry.type == layer::EntryType::kFile) {
      written_.files.push_back(node.entry.path);
      written_.times.push_back(node.disk_mtime * 1'000'000'000 + node.disk_fraction);
    }
    if (!folder && node.links > 1) {
      const auto [first, is_first] = first_names_.emplace(node.inode, node.entry.path);
      if (!is_first) {
        layer::TarEntry link = node.entry;
        link.type = layer::EntryType::kHardLink;
        link.link = first->second;
        link.size = 0;
        link.xattrs.clear();
        return writer_.Add(link, nullptr);
      }
    }
    if (node.entry.type != layer::EntryType::kFile) return writer_.Add(node.entry, nullptr);
    const ReachablePath file(fmt::format("{}/{}", upper_, node.entry.path));
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(file.text(), O_RDONLY | O_NOFOLLOW));
    // Compiled Python files were changed after they were copied (pyc_times.h).
    const auto known = SourceOfPyc(node.entry.path) ? known_.end() : known_.find(node.entry.path);
    return writer_.AddFile(node.entry, fd.get(), known == known_.end() ? Digest() : known->second);
  }

  const std::string& upper_;
  const KnownContents& known_;
  layer::LayerWriter& writer_;
  WrittenLayer& written_;
  std::map<uint64_t, std::string> first_names_;
};

absl::Status Remove(const DiffNode& node, const std::string& file) {
  if (!node.on_disk) return absl::OkStatus();
  if (unlink(file.c_str()) == 0) return absl::OkStatus();
  if (errno != EISDIR && errno != EPERM) return ErrnoStatus(errno, file);
  return RemoveTree(file);
}

absl::Status PruneNodes(const std::vector<DiffNode>& nodes, const std::string& upper) {
  for (const DiffNode& node : nodes) {
    const std::string file = fmt::format("{}/{}", upper, node.entry.path);
    if (!node.kept) {
      RETURN_IF_ERROR(Remove(node, file));
      continue;
    }
    if (node.whiteout) {
      if (node.in_the_way) RETURN_IF_ERROR(Remove(node, file));
      if ((node.in_the_way || !node.on_disk) && mknod(file.c_str(), S_IFCHR, makedev(0, 0)) != 0) {
        return ErrnoStatus(errno, fmt::format("whiteout {}", file));
      }
      continue;
    }
    RETURN_IF_ERROR(PruneNodes(node.children, upper));
    if (node.has_overlay_xattrs) RETURN_IF_ERROR(RemoveOverlayXattrs(file));
    // Always for directories: what was removed from them has just touched them.
    if (node.time_differs || node.entry.type == layer::EntryType::kDirectory) {
      RETURN_IF_ERROR(SetMtime(file, node.entry.mtime));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<WrittenLayer> WriteOnce(const UpperDiff& diff, const std::string& upper, int64_t whiteout_time,
                                       const KnownContents& known, BlobStore& blobs) {
  WrittenLayer layer;
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> blob, blobs.Create({}));
  layer::LayerWriter writer(*blob, whiteout_time);
  RETURN_IF_ERROR(DiffWriter(upper, known, writer, &layer).WriteAll(diff.nodes));
  ASSIGN_OR_RETURN(const layer::LayerManifest manifest, writer.Finish());
  ASSIGN_OR_RETURN(layer.tar, blob->Commit());
  ASSIGN_OR_RETURN(layer.manifest, blobs.PutBytes(manifest.Serialize()));
  layer.content_bytes = manifest.ContentBytes();
  return layer;
}

}  // namespace

absl::StatusOr<WrittenLayer> WriteLayer(const UpperDiff& diff, const std::string& upper,
                                        int64_t whiteout_time, const KnownContents& known, BlobStore& blobs,
                                        const std::stop_token& stop) {
  return WriteWhenThereIsRoom(stop, [&] {
    auto layer = WriteOnce(diff, upper, whiteout_time, known, blobs);
    // A store on this machine that was started again has lost what was handed over. The second time waits for
    // it.
    if (absl::IsUnavailable(layer.status())) layer = WriteOnce(diff, upper, whiteout_time, known, blobs);
    return layer;
  });
}

absl::Status PruneUpper(const UpperDiff& diff, const std::string& upper) {
  RETURN_IF_ERROR(PruneNodes(diff.nodes, upper));
  RETURN_IF_ERROR(RemoveOverlayXattrs(upper));
  return ResetRoot(upper);
}

absl::Status ResetRoot(const std::string& folder) {
  if (chown(folder.c_str(), 0, 0) != 0 || chmod(folder.c_str(), 0755) != 0) return ErrnoStatus(errno, folder);
  return SetMtime(folder, 0);
}

}  // namespace crossmill::worker
