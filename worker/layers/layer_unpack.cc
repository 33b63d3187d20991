#include "worker/layers/layer_unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "common/base/status.h"
#include "worker/layers/layer_diff.h"
#include "worker/tree/root_path.h"
#include "worker/tree/tree_writer.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
// aufs's own notes; one of them marks a directory as opaque.
constexpr std::string_view kMetaPrefix = ".wh..wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

class Unpacker {
 public:
  Unpacker(layer::TarReader& tar, int root, const IdMap& ids)
      : tar_(tar), ids_(ids), writer_(root, {.unpack = true}) {}

  absl::StatusOr<UnpackNotes> Run() {
    while (true) {
      ASSIGN_OR_RETURN(std::optional<layer::TarEntry> entry, tar_.Next());
      if (!entry) break;
      const std::string_view name = BaseName(entry->path);
      if (name.starts_with(kMetaPrefix)) {
        if (name == kOpaqueName) RETURN_IF_ERROR(MarkOpaque(FolderOf(entry->path)));
      } else if (name.starts_with(kWhiteoutPrefix)) {
        RETURN_IF_ERROR(AddWhiteout(entry->path, name.substr(kWhiteoutPrefix.size())));
      } else {
        RETURN_IF_ERROR(AddEntry(*std::move(entry)));
      }
    }
    RETURN_IF_ERROR(writer_.Finish());
    return std::move(notes_);
  }

 private:
  absl::Status AddEntry(layer::TarEntry entry) {
    if (entry.type == layer::EntryType::kCharDevice || entry.type == layer::EntryType::kBlockDevice) {
      notes_.skipped_devices.push_back(entry.path);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(ids_.Check(entry.uid, entry.gid, entry.path));
    std::erase_if(entry.xattrs, [](const auto& xattr) { return !IsLayerXattr(xattr.first); });
    RETURN_IF_ERROR(
        writer_.Add(entry, [this](char* buffer, size_t size) { return tar_.ReadData(buffer, size); }));
    // Removed and made again: what the lower layers have in it stays hidden.
    if (entry.type == layer::EntryType::kDirectory && whiteouts_.contains(entry.path))
      return MarkOpaque(entry.path);
    return absl::OkStatus();
  }

  absl::Status AddWhiteout(std::string_view path, std::string_view removed) {
    if (removed.empty() || removed == "." || removed == "..") {
      return absl::InvalidArgumentError(
          fmt::format("{} is not a whiteout of anything", layer::Printable(path)));
    }
    ASSIGN_OR_RETURN(const int parent, writer_.OpenParent(path));
    const std::string name(removed);
    const std::string_view folder = FolderOf(path);
    const std::string target = folder.empty() ? name : fmt::format("{}/{}", folder, name);
    whiteouts_.insert(target);
    struct stat info;
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      // The layer itself holds something of that name; a whiteout hides only what lies below.
      return S_ISDIR(info.st_mode) ? MarkOpaque(target) : absl::OkStatus();
    }
    if (mknodat(parent, name.c_str(), S_IFCHR, makedev(0, 0)) != 0) {
      return ErrnoStatus(errno, fmt::format("making a whiteout of {}", layer::Printable(target)));
    }
    return absl::OkStatus();
  }

  absl::Status MarkOpaque(std::string_view path) {
    if (path.empty()) {
      return absl::UnimplementedError("the layer hides everything below its root, which overlayfs cannot do");
    }
    ASSIGN_OR_RETURN(const int parent, writer_.OpenParent(path));
    const std::string name(BaseName(path));
    // The marker may come without an entry for the directory.
    if (mkdirat(parent, name.c_str(), 0755) == 0) writer_.SetFolderTime(std::string(path), 0);
    ASSIGN_OR_RETURN(const UniqueFd folder, OpenBelow(parent, name, O_RDONLY | O_DIRECTORY));
    if (fsetxattr(folder.get(), kOpaqueXattr.data(), "y", 1, 0) != 0) {
      return ErrnoStatus(errno, fmt::format("marking {} as opaque", layer::Printable(path)));
    }
    return absl::OkStatus();
  }

  layer::TarReader& tar_;
  const IdMap& ids_;
  TreeWriter writer_;
  std::set<std::string> whiteouts_;
  UnpackNotes notes_;
};

}  // namespace

absl::StatusOr<UnpackNotes> UnpackLayer(const layer::Source& tar, const std::string& folder,
                                        const IdMap& ids) {
  ASSIGN_OR_RETURN(const UniqueFd root, OpenRoot(folder));
  layer::TarReader reader(tar);
  ASSIGN_OR_RETURN(UnpackNotes notes, Unpacker(reader, root.get(), ids).Run());
  RETURN_IF_ERROR(ResetRoot(folder));
  return notes;
}

}  // namespace crossmill::worker
