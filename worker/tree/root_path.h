// Paths inside a root folder that is not trusted: links in it (absolute ones, "..", loops) are followed
// as a process chrooted there would follow them, and never lead out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"

namespace crossmill::worker {

// Descriptor of a root folder (O_PATH).
absl::StatusOr<UniqueFd> OpenRoot(const std::string& root);

// Opens `path` (absolute or relative, both below the root), following links inside the root.
// NOT_FOUND and other errno codes name the path as seen in the root.
absl::StatusOr<UniqueFd> OpenInRoot(int root, std::string_view path, int flags, mode_t mode = 0);

// Whether there is anything at `path`, found in the same way.
bool IsInRoot(int root, std::string_view path);

// Opens `path` below `folder` without following any link, the last one included; "" is the folder.
// A link or ".." on the way is an error (FAILED_PRECONDITION, "is a link").
absl::StatusOr<UniqueFd> OpenBelow(int folder, std::string_view path, int flags, mode_t mode = 0);

// `path` with all links resolved inside the root, relative to it ("" is the root itself). Components that
// do not exist are kept as they are. INVALID_ARGUMENT for link loops and for a file on the way.
absl::StatusOr<std::string> ResolveInRoot(int root, std::string_view path);

// What the last component of `path` is, links before it resolved: the same, but a link in last place stays.
absl::StatusOr<std::string> ResolveParentInRoot(int root, std::string_view path);

struct Owner {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

// mkdir -p of a path without links (as ResolveInRoot gives it), owned by `owner`. Appends the folders it made
// to `made`, outermost first. INVALID_ARGUMENT if a component is not a folder.
absl::StatusOr<UniqueFd> MakeFoldersBelow(int root, std::string_view path, const Owner& owner,
                                          std::vector<std::string>* made, mode_t mode = 0755);

// A whole file of the root. Devices and FIFOs are refused.
absl::StatusOr<std::string> ReadFileInRoot(int root, std::string_view path, int64_t limit);

}  // namespace crossmill::worker
