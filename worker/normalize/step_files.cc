#include "worker/normalize/step_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/long_path.h"

namespace crossmill::worker {
namespace {

absl::StatusOr<std::string> ReadFirst(const std::string& file, size_t most) {
  const ReachablePath path(file);
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path.text(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  std::string content(most, '\0');
  ASSIGN_OR_RETURN(const size_t size, ReadSome(fd.get(), content.data(), most));
  content.resize(size);
  return content;
}

absl::StatusOr<std::optional<std::string>> ReadWhole(const std::string& file, size_t limit) {
  ASSIGN_OR_RETURN(std::string content, ReadFirst(file, limit + 1));
  if (content.size() > limit) return std::nullopt;
  return content;
}

}  // namespace

StepFiles::StepFiles(const std::string& upper, const std::vector<std::string>& lowers, const UpperDiff& diff)
    : upper_(upper), lowers_(lowers) {
  Collect(diff.nodes);
}

void StepFiles::Collect(const std::vector<DiffNode>& nodes) {
  for (const DiffNode& node : nodes) {
    Collect(node.children);
    if (node.whiteout || !node.on_disk || node.entry.type == layer::EntryType::kDirectory) continue;
    if (node.entry.type == layer::EntryType::kFile) files_.emplace(node.entry.path, &node);
    if (node.changed && node.kept) changed_.emplace(node.entry.path, &node);
  }
}

const DiffNode* StepFiles::FindInUpper(std::string_view path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second;
}

absl::StatusOr<std::optional<LowerFile>> StepFiles::Below(std::string_view path) const {
  MergedFolder folder = lowers_;
  while (true) {
    const size_t slash = path.find('/');
    ASSIGN_OR_RETURN(std::optional<LowerFile> found, LookUp(folder, std::string(path.substr(0, slash))));
    if (!found || slash == path.npos) return found;
    if (found->folder.empty()) return std::nullopt;
    folder = std::move(found->folder);
    path.remove_prefix(slash + 1);
  }
}

absl::StatusOr<std::optional<std::string>> StepFiles::Read(const DiffNode& node, size_t limit) const {
  return ReadWhole(OnDisk(node), limit);
}

absl::StatusOr<std::string> StepFiles::ReadStart(const DiffNode& node, size_t size) const {
  return ReadFirst(OnDisk(node), size);
}

absl::StatusOr<std::optional<std::string>> StepFiles::ReadBelow(const LowerFile& file, size_t limit) const {
  return ReadWhole(file.file, limit);
}

absl::Status StepFiles::Replace(const DiffNode& node, std::string_view content) {
  const ReachablePath path(OnDisk(node));
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path.text(), O_WRONLY | O_NOFOLLOW));
  edited_ = true;
  if (ftruncate(fd.get(), 0) != 0) return ErrnoStatus(errno, node.entry.path);
  RETURN_IF_ERROR(WriteAll(fd.get(), content));
  return RestoreTime(fd.get(), node);
}

absl::Status StepFiles::Overwrite(const DiffNode& node, size_t offset, std::string_view bytes) {
  const ReachablePath path(OnDisk(node));
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path.text(), O_WRONLY | O_NOFOLLOW));
  edited_ = true;
  const ssize_t written = pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written != static_cast<ssize_t>(bytes.size())) return ErrnoStatus(errno, node.entry.path);
  return RestoreTime(fd.get(), node);
}

absl::Status StepFiles::Remove(const DiffNode& node) {
  const ReachablePath path(OnDisk(node));
  edited_ = true;
  if (unlink(path.c_str()) != 0) return ErrnoStatus(errno, node.entry.path);
  // Where nothing lies below, it is left out of the layer.
  if (mknod(path.c_str(), S_IFCHR, makedev(0, 0)) != 0) return ErrnoStatus(errno, node.entry.path);
  return absl::OkStatus();
}

absl::Status StepFiles::SetTime(const DiffNode& node, int64_t seconds) {
  edited_ = true;
  return SetMtime(OnDisk(node), seconds);
}

std::string StepFiles::OnDisk(const DiffNode& node) const {
  return fmt::format("{}/{}", upper_, node.entry.path);
}

absl::Status StepFiles::RestoreTime(int fd, const DiffNode& node) const {
  const timespec time = {.tv_sec = node.disk_mtime, .tv_nsec = node.disk_fraction};
  const timespec times[] = {time, time};
  return futimens(fd, times) == 0 ? absl::OkStatus() : ErrnoStatus(errno, node.entry.path);
}

}  // namespace crossmill::worker
