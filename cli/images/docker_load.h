// build --load: the finished image in the Docker daemon of this machine.
#pragma once

#include "absl/status/status.h"
#include "cli/images/image_output.h"
#include "cli/session/session.h"

namespace crossmill::cli {

// Whether `docker` is here and its daemon answers within some seconds.
bool DockerAnswers(Environment& env);

// Writes Docker's archive to a temporary file and has `docker load` read it. The image has one platform.
absl::Status LoadIntoDocker(Session& session, const ImageToWrite& image);

}  // namespace crossmill::cli
