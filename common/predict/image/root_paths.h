// Paths in an image, with links followed inside its root; and texts looked for in its files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/image/root_files.h"

namespace crossmill::predict {

// "/a/b" and "c" as "/a/b/c"; an absolute second path stands alone.
std::string PathIn(std::string_view folder, std::string_view path);
// Without the last part; "/" for what is in the root.
std::string FolderOf(std::string_view path);

class RootPaths {
 public:
  // The files outlive it.
  explicit RootPaths(RootFiles& files) : files_(files) {}

  // The same file without links, "." and "..", which never lead out of the root. NOT_FOUND if nothing is
  // there; FAILED_PRECONDITION after 40 links.
  absl::StatusOr<std::string> Resolve(std::string_view path) const;

  bool IsFile(std::string_view path) const;
  bool IsFolder(std::string_view path) const;

  // As those of RootFiles, with links followed. A file of more than `limit` bytes is RESOURCE_EXHAUSTED for
  // ReadWhole.
  absl::StatusOr<RootFiles::Listing> List(std::string_view path, size_t limit) const;
  absl::StatusOr<std::string> ReadHead(std::string_view path, size_t limit) const;
  absl::StatusOr<std::string> ReadWhole(std::string_view path, size_t limit) const;

  // Goes over a file in pieces that overlap by `overlap` bytes until `look` finds something in one; nothing
  // after `limit` bytes.
  absl::StatusOr<std::optional<std::string>> Search(
      std::string_view path, uint64_t limit, size_t overlap,
      const std::function<std::optional<std::string>(std::string_view piece)>& look) const;

 private:
  RootFiles& files_;
};

}  // namespace crossmill::predict
