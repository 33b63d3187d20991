#include "worker/tree/copy_target.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "worker/tree/users.h"

namespace crossmill::worker {

absl::StatusOr<std::unique_ptr<CopyTarget>> CopyTarget::Create(const v1::Copy& copy, const std::string& root,
                                                               int64_t clamp_time, bool keep_times,
                                                               std::stop_token stop) {
  std::unique_ptr<CopyTarget> target(new CopyTarget(clamp_time, keep_times, std::move(stop)));
  ASSIGN_OR_RETURN(target->root_, OpenRoot(root));
  ASSIGN_OR_RETURN(target->ids_, IdMap::OfThisProcess());
  if (!copy.chown().empty()) {
    ASSIGN_OR_RETURN(target->owner_, ResolveOwner(root, copy.chown()));
    // Before anything is made: folders on the way get it too.
    RETURN_IF_ERROR(target->ids_.Check(target->owner_->uid, target->owner_->gid, copy.destination()));
  }
  if (!copy.chmod().empty()) {
    ASSIGN_OR_RETURN(target->mode_, FileMode::Parse(copy.chmod()));
  }
  target->link_ = copy.link();
  RETURN_IF_ERROR(target->FindDestination(copy.destination()));
  const int fd = target->root_.get();
  target->merger_ = std::make_unique<TreeWriter>(fd, TreeWriterOptions{.replace = copy.link()});
  return target;
}

absl::Status CopyTarget::FindDestination(const std::string& destination) {
  if (destination.ends_with('/') || destination.ends_with("/.")) is_folder_ = true;
  if (link_) {
    std::vector<std::string_view> names;
    for (const auto& part : absl::StrSplit(Av(destination), '/', absl::SkipEmpty())) {
      const std::string_view name = Sv(part);
      if (name == "..") {
        if (!names.empty()) names.pop_back();
      } else if (name != ".") {
        names.push_back(name);
      }
    }
    destination_ = fmt::format("{}", fmt::join(names, "/"));
    if (names.empty()) is_folder_ = true;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(destination_, ResolveInRoot(root_.get(), destination));
  const auto existing = OpenBelow(root_.get(), destination_, O_PATH);
  if (!existing.ok()) return absl::IsNotFound(existing.status()) ? absl::OkStatus() : existing.status();
  struct stat info;
  if (fstat(existing->get(), &info) != 0) return ErrnoStatus(errno, destination);
  if (S_ISDIR(info.st_mode)) is_folder_ = true;
  return absl::OkStatus();
}

// As on an empty root: folders that exist there get the metadata of new ones, links and files give way.
absl::Status CopyTarget::MakeLinkedFolders(std::string_view path) {
  for (size_t end = path.find('/'); !path.empty(); end = path.find('/', end + 1)) {
    layer::TarEntry folder;
    folder.path = std::string(path.substr(0, end));
    if (own_folders_.insert(folder.path).second) {
      folder.type = layer::EntryType::kDirectory;
      folder.mode = 0755;
      folder.uid = owner_.value_or(Owner{}).uid;
      folder.gid = owner_.value_or(Owner{}).gid;
      folder.mtime = clamp_time_;
      RETURN_IF_ERROR(merger_->Add(folder, nullptr));
    }
    if (end == path.npos) break;
  }
  return absl::OkStatus();
}

absl::Status CopyTarget::MakeFolders(std::string_view path, mode_t mode) {
  if (link_) return MakeLinkedFolders(path);
  std::vector<std::string> made;
  const auto folder = MakeFoldersBelow(root_.get(), path, owner_.value_or(Owner{}), &made, mode);
  if (!folder.ok()) return folder.status();
  if (!made.empty()) touched_.emplace(FolderOf(made.front()));
  for (std::string& name : made) merger_->SetFolderTime(std::move(name), clamp_time_);
  return absl::OkStatus();
}

absl::StatusOr<std::string> CopyTarget::PlaceFolder(std::string_view name) {
  std::string path = JoinPath(destination_, name);
  RETURN_IF_ERROR(MakeFolders(name.empty() ? path : FolderOf(path), ModeOfMadeFolders()));
  is_folder_ = true;
  return path;
}

absl::Status CopyTarget::PlaceArchive() {
  RETURN_IF_ERROR(MakeFolders(destination_, 0755));
  is_folder_ = true;
  return absl::OkStatus();
}

absl::Status CopyTarget::AddParent(SourceKind kind, layer::TarEntry folder) {
  folder.type = layer::EntryType::kDirectory;
  if (!link_ || own_folders_.contains(folder.path)) {
    ASSIGN_OR_RETURN(const bool set, merger_->SetFolderMode(folder.path, folder.mode));
    if (set) return absl::OkStatus();
  }
  return Add(kind, std::move(folder), nullptr);
}

absl::StatusOr<std::string> CopyTarget::PlaceFile(std::string_view name) {
  if (several_ && !is_folder_) {
    return absl::InvalidArgumentError(fmt::format(
        "several sources are copied to /{0}, which is not a folder; expected /{0}/ as destination",
        layer::Printable(destination_)));
  }
  std::string path = is_folder_ ? JoinPath(destination_, name) : destination_;
  RETURN_IF_ERROR(MakeFolders(FolderOf(path), ModeOfMadeFolders()));
  return path;
}

absl::Status CopyTarget::CheckOwner(const layer::TarEntry& entry) const {
  return ids_.Check(entry.uid, entry.gid, fmt::format("/{}", entry.path));
}

void CopyTarget::ApplyTime(SourceKind kind, layer::TarEntry* entry) const {
  if (keep_times_) {
    entry->mtime = layer::ClampTime(entry->mtime, std::numeric_limits<int64_t>::max());
  } else {
    // The layer clamps it when it is made; until then compiled Python files are compared with it.
    entry->mtime = kind == SourceKind::kContext ? clamp_time_ : std::max<int64_t>(entry->mtime, 0);
  }
}

absl::Status CopyTarget::Add(SourceKind kind, layer::TarEntry entry, const layer::Source& content) {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled");
  if (kind == SourceKind::kContext) entry.uid = entry.gid = 0;
  if (owner_) {
    entry.uid = owner_->uid;
    entry.gid = owner_->gid;
  }
  RETURN_IF_ERROR(CheckOwner(entry));
  if (mode_ && (entry.type == layer::EntryType::kFile || entry.type == layer::EntryType::kDirectory)) {
    entry.mode = mode_->Apply(entry.mode, entry.type == layer::EntryType::kDirectory);
  }
  ApplyTime(kind, &entry);
  if (link_ && entry.type == layer::EntryType::kDirectory) own_folders_.insert(entry.path);
  known_.erase(entry.path);
  return merger_->Add(entry, content);
}

absl::Status CopyTarget::AddExtracted(layer::TarEntry entry, const layer::Source& content) {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled");
  if (entry.type == layer::EntryType::kCharDevice || entry.type == layer::EntryType::kBlockDevice) {
    return absl::OkStatus();
  }
  if (unpacker_ == nullptr) {
    RETURN_IF_ERROR(PlaceArchive());
    ASSIGN_OR_RETURN(unpack_root_, OpenBelow(root_.get(), destination_, O_PATH | O_DIRECTORY));
    unpacker_ =
        std::make_unique<TreeWriter>(unpack_root_.get(), TreeWriterOptions{.unpack = true, .archive = true});
  }
  if (owner_) {
    entry.uid = owner_->uid;
    entry.gid = owner_->gid;
  }
  RETURN_IF_ERROR(CheckOwner(entry));
  ApplyTime(SourceKind::kContext, &entry);
  // Links of the archive may lead to any of them.
  known_.clear();
  return Annotate(unpacker_->Add(entry, content),
                  fmt::format("/{} of the archive", layer::Printable(entry.path)));
}

// The clock's time, which writing gave them, would be in the layer.
absl::Status CopyTarget::SetTouchedTimes() {
  touched_.insert(merger_->touched().begin(), merger_->touched().end());
  TreeWriter times(root_.get(), {.unpack = true});
  for (const std::string& path : touched_) times.SetFolderTime(path, clamp_time_);
  RETURN_IF_ERROR(times.Finish());
  if (unpacker_ == nullptr) return absl::OkStatus();
  TreeWriter unpacked(unpack_root_.get(), {.unpack = true});
  for (const std::string& path : unpacker_->touched()) unpacked.SetFolderTime(path, clamp_time_);
  return unpacked.Finish();
}

absl::Status CopyTarget::Finish() {
  if (keep_times_) RETURN_IF_ERROR(SetTouchedTimes());
  if (unpacker_ != nullptr) RETURN_IF_ERROR(unpacker_->Finish());
  return merger_->Finish();
}

}  // namespace crossmill::worker
