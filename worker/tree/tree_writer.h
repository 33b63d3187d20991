// Writes entries (files, folders, links with their metadata) below a root folder, in the order in which an
// archive gives them. Nothing that an entry's path says can lead out of the root.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"
#include "common/layer/tar_entry.h"
#include "common/layer/tar_reader.h"

namespace crossmill::worker {

struct TreeWriterOptions {
  // As archives are unpacked: an entry below a link goes where the link leads inside the root, missing
  // folders are made, what is in the way is replaced. Else, as COPY merges: links are not followed, and
  // a file in place of a folder (or the other way round) is INVALID_ARGUMENT.
  bool unpack = false;
  // As COPY --link merges: links are not followed either, but what is in the way is replaced.
  bool replace = false;
  // With `unpack`, as ADD unpacks archives: a hard link gives its file the owner, mode and time of its own
  // entry, and an entry below a link that leads to nothing is INVALID_ARGUMENT.
  bool archive = false;
};

// Not thread safe.
class TreeWriter {
 public:
  // `root` must stay open.
  TreeWriter(int root, TreeWriterOptions options) : root_(root), options_(options) {}

  // entry.path and, for hard links, entry.link are relative to the root. Devices are not written (the
  // caller says so). `content` is read to its end for files.
  absl::Status Add(const layer::TarEntry& entry, const layer::Source& content);
  // False, and nothing done, if there is no folder at `path`; INVALID_ARGUMENT if something else is.
  absl::StatusOr<bool> SetFolderMode(const std::string& path, uint32_t mode);
  // An mtime that Finish() gives to a folder.
  void SetFolderTime(std::string path, int64_t mtime) { folder_times_[std::move(path)] = mtime; }
  // Sets the times of folders, which writing into them has changed. Call last.
  absl::Status Finish();

  // The folder that `path` lies in (made if need be when unpacking); stays open until the next call.
  absl::StatusOr<int> OpenParent(std::string_view path);

  // Folders that existed and into which something was written.
  const std::set<std::string>& touched() const { return touched_; }

 private:
  absl::Status AddFolder(int parent, const std::string& name, const layer::TarEntry& entry);
  absl::Status AddFile(int parent, const std::string& name, const layer::TarEntry& entry,
                       const layer::Source& content);
  absl::Status AddHardLink(int parent, const std::string& name, const layer::TarEntry& entry);
  absl::Status CheckLeadsSomewhere(std::string_view folder) const;
  absl::Status AddSpecial(int parent, const std::string& name, const layer::TarEntry& entry);
  absl::Status Clear(int parent, const std::string& name, const layer::TarEntry& entry);

  const int root_;
  const TreeWriterOptions options_;
  std::map<std::string, int64_t> folder_times_;
  std::set<std::string> touched_;
  std::string parent_path_;
  UniqueFd parent_;
  std::string buffer_;
};

// Last component of a path.
std::string_view BaseName(std::string_view path);
// What comes before it; "" for a single component.
std::string_view FolderOf(std::string_view path);

}  // namespace crossmill::worker
