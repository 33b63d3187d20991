// Programs of an image by their names: where PATH finds them, and which Python a script runs with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/predict/image/root_paths.h"

namespace crossmill::predict {

// What Docker's images have where nothing sets PATH.
inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The absolute folders of a PATH, each once, at most 100.
std::vector<std::string> PathFolders(std::string_view path_variable);

// The first file of that name, links not followed; nullopt if no folder has one. A name with a slash is a
// path itself.
std::optional<std::string> FindProgram(const RootPaths& root, std::string_view path_variable,
                                       std::string_view name);

// The interpreter that a script's first line names ("#!/usr/local/bin/python3.11", "#!/usr/bin/env python3",
// and pip's way around long paths), found on the PATH where it is only a name. nullopt: no such line.
std::optional<std::string> InterpreterOfScript(const RootPaths& root, std::string_view path_variable,
                                               std::string_view script);

}  // namespace crossmill::predict
