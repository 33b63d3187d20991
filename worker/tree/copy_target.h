// The destination of a COPY or ADD in a step's root: where sources go, and with which owner, mode and time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
#include "worker/tree/root_path.h"
#include "worker/tree/tree_writer.h"

namespace crossmill::worker {

// Whose metadata a source has. Files of the context belong to 0:0 and get exactly the clamp time; files of
// another stage keep their owners, and their times up to the clamp time.
enum class SourceKind { kContext, kStage };

// Not thread safe.
class CopyTarget {
 public:
  // INVALID_ARGUMENT for an owner or mode that cannot be understood, or a destination below a file.
  static absl::StatusOr<std::unique_ptr<CopyTarget>> Create(const v1::Copy& copy, const std::string& root,
                                                            int64_t clamp_time, bool keep_times);

  // More than one thing is copied: the destination is a folder.
  void ExpectSeveral() { is_folder_ = true; }
  bool is_folder() const { return is_folder_; }

  // Path (relative to the root) for the contents of a source folder: the destination itself. With
  // `parents`: for the folder, below the destination.
  absl::StatusOr<std::string> PlaceFolder(std::string_view name, bool parents);
  // A folder of the context that a name goes through (with --parents), with its mode.
  absl::Status AddParent(std::string path, uint32_t mode);
  // Path for a source that is no folder. The folders it needs are made.
  absl::StatusOr<std::string> PlaceFile(std::string_view name);

  // entry.path is where it goes.
  absl::Status Add(SourceKind kind, layer::TarEntry entry, const layer::Source& content);
  // An archive's entry: owners and modes are the archive's own (as with BuildKit, --chown and --chmod do not
  // reach into it, only to folders that are made for the destination), links on the way are followed inside
  // the root, what is in the way is replaced.
  absl::Status AddExtracted(layer::TarEntry entry, const layer::Source& content);
  // Sets the times of folders.
  absl::Status Finish();

 private:
  CopyTarget(int64_t clamp_time, bool keep_times) : clamp_time_(clamp_time), keep_times_(keep_times) {}
  absl::Status FindDestination(const std::string& destination);
  absl::Status MakeFolders(std::string_view path);
  absl::Status MakeLinkedFolders(std::string_view path);
  absl::Status CheckOwner(const layer::TarEntry& entry) const;
  void ApplyTime(SourceKind kind, layer::TarEntry* entry) const;

  const int64_t clamp_time_;
  const bool keep_times_;
  UniqueFd root_;
  IdMap ids_;
  std::optional<Owner> owner_;
  std::optional<FileMode> mode_;
  // Without links, relative to the root.
  std::string destination_;
  bool is_folder_ = false;
  std::set<std::string> touched_;
  // --link: nothing of what is below counts, as if the root were empty.
  bool link_ = false;
  // With it: the folders that are from this COPY.
  std::set<std::string> own_folders_;
  std::unique_ptr<TreeWriter> merger_;
  std::unique_ptr<TreeWriter> unpacker_;
};

}  // namespace crossmill::worker
