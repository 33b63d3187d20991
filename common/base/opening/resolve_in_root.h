// Where a path leads inside a root, with links followed as a process would whose root that is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill {

// What a link at an absolute path of the root says; nothing: it is no link. Its error ends the walk:
// NOT_FOUND where nothing is there.
using LinkAt = std::function<absl::StatusOr<std::optional<std::string>>(const std::string& path)>;

// The same place without links, "." and "..", none of which leads out of the root: "/a/b", "/" for the root
// itself. Pure but for `link_at`, which is asked of each path on the way. FAILED_PRECONDITION after 40 links,
// as many as the kernel follows, or when more than 4096 parts are left.
absl::StatusOr<std::string> ResolveInRoot(std::string_view path, const LinkAt& link_at);

}  // namespace crossmill
