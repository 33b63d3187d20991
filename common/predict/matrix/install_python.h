// Which of an image's Pythons a command installs for.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/commands/install_commands.h"
#include "common/predict/image/image_python.h"

namespace crossmill::predict {

// `created` are the virtual environments that the same step makes: not in the image yet, they have the
// packages of none. NOT_FOUND or FAILED_PRECONDITION say what was looked for.
absl::StatusOr<FoundPython> PythonOfInstall(const Install& install,
                                            const std::vector<CreatedEnvironment>& created, RootFiles& files);

}  // namespace crossmill::predict
