// The files that a step made or changed, for rules that take noise out of them: found without following any
// link, and changed so that nothing else about them changes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/layers/layer_diff.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {

// Not thread safe. What it was given outlives it.
class StepFiles {
 public:
  StepFiles(const std::string& upper, const std::vector<std::string>& lowers, const UpperDiff& diff);

  // By path relative to the root: what the step made or changed, but no folders and no removals.
  const std::map<std::string_view, const DiffNode*>& changed() const { return changed_; }
  // Regular files of `upper`, also those that are as they were below.
  const DiffNode* FindInUpper(std::string_view path) const;
  // What the step found at this path; nullopt: nothing. Links on the way are not followed: what is behind one
  // is not there.
  absl::StatusOr<std::optional<LowerFile>> Below(std::string_view path) const;

  // A regular file of `changed`, or nullopt if it has more than `limit` bytes.
  absl::StatusOr<std::optional<std::string>> Read(const DiffNode& node, size_t limit) const;
  // Its first bytes, at most `size`.
  absl::StatusOr<std::string> ReadStart(const DiffNode& node, size_t size) const;
  // A regular file of the layers below (LowerFile.file), the same.
  absl::StatusOr<std::optional<std::string>> ReadBelow(const LowerFile& file, size_t limit) const;

  // Each leaves mode, owner, attributes and time as they are. The node is of a regular file with one name:
  // what is written to one of several names is seen under all of them.
  absl::Status Replace(const DiffNode& node, std::string_view content);
  absl::Status Overwrite(const DiffNode& node, size_t offset, std::string_view bytes);
  absl::Status Empty(const DiffNode& node) { return Replace(node, ""); }
  // The path is gone in the layer, whatever was there before the step.
  absl::Status Remove(const DiffNode& node);
  // The mtime, in seconds since 1970.
  absl::Status SetTime(const DiffNode& node, int64_t seconds);

  // Something was changed.
  bool edited() const { return edited_; }

 private:
  void Collect(const std::vector<DiffNode>& nodes);
  std::string OnDisk(const DiffNode& node) const;
  absl::Status RestoreTime(int fd, const DiffNode& node) const;

  const std::string& upper_;
  const std::vector<std::string>& lowers_;
  std::map<std::string_view, const DiffNode*> changed_;
  std::map<std::string_view, const DiffNode*> files_;
  bool edited_ = false;
};

}  // namespace crossmill::worker
