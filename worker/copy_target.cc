#include "worker/copy_target.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "common/base/status.h"
#include "worker/users.h"

namespace crossmill::worker {

std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  return name.empty() ? std::string(folder) : fmt::format("{}/{}", folder, name);
}

absl::StatusOr<std::unique_ptr<CopyTarget>> CopyTarget::Create(const v1::Copy& copy, const std::string& root,
                                                               int64_t clamp_time, bool keep_times) {
  std::unique_ptr<CopyTarget> target(new CopyTarget(clamp_time, keep_times));
  ASSIGN_OR_RETURN(target->root_, OpenRoot(root));
  ASSIGN_OR_RETURN(target->ids_, IdMap::OfThisProcess());
  if (!copy.chown().empty()) {
    ASSIGN_OR_RETURN(target->owner_, ResolveOwner(root, copy.chown()));
  }
  if (!copy.chmod().empty()) {
    ASSIGN_OR_RETURN(target->mode_, FileMode::Parse(copy.chmod()));
  }
  const std::string& destination = copy.destination();
  ASSIGN_OR_RETURN(target->destination_, ResolveInRoot(target->root_.get(), destination));
  const auto existing = OpenBelow(target->root_.get(), target->destination_, O_PATH);
  struct stat info;
  if (existing.ok()) {
    if (fstat(existing->get(), &info) != 0) return ErrnoStatus(errno, destination);
    target->is_folder_ = S_ISDIR(info.st_mode);
  } else if (!absl::IsNotFound(existing.status())) {
    return existing.status();
  }
  if (destination.ends_with('/') || destination.ends_with("/.")) target->is_folder_ = true;
  const int fd = target->root_.get();
  target->merger_ = std::make_unique<TreeWriter>(fd, TreeWriterOptions{});
  target->keeping_merger_ =
      std::make_unique<TreeWriter>(fd, TreeWriterOptions{.unpack = false, .keep_existing_folders = true});
  target->unpacker_ =
      std::make_unique<TreeWriter>(fd, TreeWriterOptions{.unpack = true, .keep_existing_folders = false});
  return target;
}

absl::Status CopyTarget::MakeFolders(std::string_view path) {
  std::vector<std::string> made;
  const auto folder = MakeFoldersBelow(root_.get(), path, owner_.value_or(Owner{}), &made);
  if (!folder.ok()) return folder.status();
  if (!made.empty()) touched_.emplace(FolderOf(made.front()));
  for (std::string& name : made) merger_->SetFolderTime(std::move(name), clamp_time_);
  return absl::OkStatus();
}

absl::StatusOr<std::string> CopyTarget::PlaceFolder(std::string_view name, bool parents) {
  std::string path = parents ? JoinPath(destination_, name) : destination_;
  RETURN_IF_ERROR(MakeFolders(parents ? FolderOf(path) : path));
  return path;
}

absl::StatusOr<std::string> CopyTarget::PlaceFile(std::string_view name) {
  std::string path = is_folder_ ? JoinPath(destination_, name) : destination_;
  RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  return path;
}

absl::Status CopyTarget::CheckOwner(const oci::TarEntry& entry) const {
  const absl::Status status = ids_.Check(entry.uid, entry.gid, fmt::format("/{}", entry.path));
  return status.ok() ? status : absl::InvalidArgumentError(status.message());
}

void CopyTarget::ApplyTime(SourceKind kind, oci::TarEntry* entry) const {
  if (keep_times_) {
    entry->mtime = oci::ClampTime(entry->mtime, std::numeric_limits<int64_t>::max());
  } else {
    entry->mtime = kind == SourceKind::kContext ? clamp_time_ : oci::ClampTime(entry->mtime, clamp_time_);
  }
}

absl::Status CopyTarget::Add(SourceKind kind, oci::TarEntry entry, const oci::Source& content,
                             bool merge_keeps) {
  if (kind == SourceKind::kContext) entry.uid = entry.gid = 0;
  if (owner_) {
    entry.uid = owner_->uid;
    entry.gid = owner_->gid;
  }
  RETURN_IF_ERROR(CheckOwner(entry));
  if (mode_ && (entry.type == oci::EntryType::kFile || entry.type == oci::EntryType::kDirectory)) {
    entry.mode = mode_->Apply(entry.mode, entry.type == oci::EntryType::kDirectory);
  }
  ApplyTime(kind, &entry);
  return (merge_keeps ? keeping_merger_ : merger_)->Add(entry, content);
}

absl::Status CopyTarget::AddExtracted(oci::TarEntry entry, const oci::Source& content) {
  if (entry.type == oci::EntryType::kCharDevice || entry.type == oci::EntryType::kBlockDevice) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckOwner(entry));
  ApplyTime(SourceKind::kContext, &entry);
  return unpacker_->Add(entry, content);
}

absl::Status CopyTarget::Finish() {
  if (keep_times_) {
    // The clock's time, which writing gave them, would be in the layer.
    for (const TreeWriter* writer : {merger_.get(), keeping_merger_.get(), unpacker_.get()}) {
      touched_.insert(writer->touched().begin(), writer->touched().end());
    }
    TreeWriter times(root_.get(), {.unpack = true, .keep_existing_folders = false});
    for (const std::string& path : touched_) times.SetFolderTime(path, clamp_time_);
    RETURN_IF_ERROR(times.Finish());
  }
  RETURN_IF_ERROR(unpacker_->Finish());
  RETURN_IF_ERROR(keeping_merger_->Finish());
  return merger_->Finish();
}

}  // namespace crossmill::worker
