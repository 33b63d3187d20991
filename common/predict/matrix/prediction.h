// What one command will install, as a message: its requirements, its Python and a resolution joined. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/commands/install_commands.h"
#include "common/predict/image/image_python.h"
#include "common/predict/matrix/requirement_files.h"
#include "common/predict/resolver/project_source.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::predict {

struct PredictionContext {
  // The image as it is before the step.
  RootFiles* image = nullptr;
  // Files of that image, by path: those that requirements name, lock files, pyproject.toml.
  ReadText read;
  // Virtual environments that the step makes.
  std::vector<CreatedEnvironment> created;
  // Where packages come from with these rules (of the command, with those of its files): valid as long as the
  // prediction is made. INVALID_ARGUMENT: what they name is not looked at.
  std::function<absl::StatusOr<ProjectSource*>(const InstallRules& rules)> source;
  // What the kernel calls the machine, where it is not what the Python was compiled for; else empty.
  std::string kernel_machine;
};

// What cannot be predicted comes back as an install that is not solved, and `unknown`, with the reason in
// `failure`. Errors are those of the source.
absl::StatusOr<v1::PredictedInstall> PredictInstall(const Install& install, const PredictionContext& context);

// What the installer would do with this choice, and why, as a message.
v1::PredictedPackage PackageMessage(const ResolvedPackage& package);

// Rows by name, runtime before build-dep; columns are the prediction's platforms.
v1::PredictionMatrix MatrixOf(const v1::Prediction& prediction);

}  // namespace crossmill::predict
