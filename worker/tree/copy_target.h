// The destination of a COPY or ADD in a step's root: where sources go, and with which owner, mode and time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"
#include "common/layer/tar_entry.h"
#include "common/layer/tar_reader.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/file_mode.h"
#include "worker/tree/known_contents.h"
#include "worker/tree/root_path.h"
#include "worker/tree/tree_writer.h"

namespace crossmill::worker {

// Whose metadata a source has. Files of the context belong to 0:0 and get exactly the clamp time; files of
// another stage keep their owners and times.
enum class SourceKind { kContext, kStage };

// Not thread safe.
class CopyTarget {
 public:
  // INVALID_ARGUMENT for an owner or mode that cannot be understood, or a destination below a file.
  // What is added after a stop is CANCELLED.
  static absl::StatusOr<std::unique_ptr<CopyTarget>> Create(const v1::Copy& copy, const std::string& root,
                                                            int64_t clamp_time, bool keep_times,
                                                            std::stop_token stop = {});

  // More than one thing is copied: a file needs a destination that is a folder, or ends in a slash.
  void ExpectSeveral() { several_ = true; }
  // The destination is a folder whatever is copied (--parents).
  void ExpectFolder() { is_folder_ = true; }
  bool is_folder() const { return is_folder_; }

  // Path (relative to the root) for the contents of a source folder: the destination itself, or with a name
  // (--parents) the folder below it. What is missing on the way is made, the destination too.
  absl::StatusOr<std::string> PlaceFolder(std::string_view name);
  // The destination of an archive's content, made if need be: --chmod does not reach it.
  absl::Status PlaceArchive();
  // A folder that a name goes through (--parents). As in Docker's builder one that is there gets the source's
  // mode and nothing else, --chmod or not; a new one has all that a source has.
  absl::Status AddParent(SourceKind kind, layer::TarEntry folder);
  // Path for a source that is no folder. The folders it needs are made. INVALID_ARGUMENT if it would take the
  // place of another source.
  absl::StatusOr<std::string> PlaceFile(std::string_view name);

  // entry.path is where it goes.
  absl::Status Add(SourceKind kind, layer::TarEntry entry, const layer::Source& content);
  // An archive's entry, below the destination, which is made: --chown owns it, its mode is the archive's (as
  // in Docker's builder --chmod does not reach into it), links on the way are followed as if the destination
  // were the root, what is in the way is replaced.
  absl::Status AddExtracted(layer::TarEntry entry, const layer::Source& content);
  // What was added last at the path is the blob's content: it was compared with its digest on the way.
  void NoteContent(const std::string& path, const Digest& content) { known_[path] = content; }
  // Files that were noted, unless something else took their place.
  const KnownContents& known() const { return known_; }
  // Sets the times of folders.
  absl::Status Finish();

 private:
  CopyTarget(int64_t clamp_time, bool keep_times, std::stop_token stop)
      : clamp_time_(clamp_time), keep_times_(keep_times), stop_(std::move(stop)) {}
  absl::Status FindDestination(const std::string& destination);
  absl::Status MakeFolders(std::string_view path, mode_t mode);
  mode_t ModeOfMadeFolders() const { return mode_ ? mode_->OfMadeFolders() : 0755; }
  absl::Status MakeLinkedFolders(std::string_view path);
  absl::Status SetTouchedTimes();
  absl::Status CheckOwner(const layer::TarEntry& entry) const;
  void ApplyTime(SourceKind kind, layer::TarEntry* entry) const;

  const int64_t clamp_time_;
  const bool keep_times_;
  const std::stop_token stop_;
  UniqueFd root_;
  IdMap ids_;
  std::optional<Owner> owner_;
  std::optional<FileMode> mode_;
  // Without links, relative to the root.
  std::string destination_;
  bool is_folder_ = false;
  bool several_ = false;
  std::set<std::string> touched_;
  KnownContents known_;
  // --link: nothing of what is below counts, as if the root were empty.
  bool link_ = false;
  // With it: the folders that are from this COPY.
  std::set<std::string> own_folders_;
  std::unique_ptr<TreeWriter> merger_;
  // Of archives: the destination as their root, once there is one.
  UniqueFd unpack_root_;
  std::unique_ptr<TreeWriter> unpacker_;
};

}  // namespace crossmill::worker
