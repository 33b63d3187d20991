#include "worker/tree/root_tree.h"

#include <climits>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/lower_tree.h"
#include "worker/tree/tree_writer.h"

namespace crossmill::worker {

absl::StatusOr<std::optional<RootTree::Entry>> RootTree::Find(const std::string& path) {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled");
  // What no folder can hold is not there; the kernel calls it another error.
  if (BaseName(path).size() > NAME_MAX) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<FoundFile> found, InspectFile(JoinPath(root_, path), path));
  if (!found) return std::nullopt;
  Entry entry;
  if (found->kind != FileKind::kEntry) return entry;
  if (found->entry.type == layer::EntryType::kDirectory) entry.kind = Kind::kFolder;
  if (found->entry.type == layer::EntryType::kSymlink) entry = {Kind::kLink, found->entry.link};
  return entry;
}

absl::StatusOr<std::vector<std::string>> RootTree::Names(const std::string& folder) {
  if (stop_.stop_requested()) return absl::CancelledError("cancelled");
  return ListFolder(JoinPath(root_, folder));
}

}  // namespace crossmill::worker
