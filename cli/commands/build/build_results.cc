#include "cli/commands/build/build_results.h"

#include <string>

#include "cli/images/docker_load.h"
#include "cli/images/image_output.h"
#include "cli/images/image_transfer.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/oci/annotations.h"

namespace crossmill::cli {

absl::Status WriteOutputs(Session& session, const v1::BuildView& build,
                          absl::Span<const OutputTarget> outputs, bool load) {
  if ((outputs.empty() && !load) || build.status() != v1::BUILD_STATUS_SUCCEEDED) return absl::OkStatus();
  ImageToWrite image;
  image.image = build.index_digest();
  image.names.assign(build.options().tags().begin(), build.options().tags().end());
  const std::vector<v1::BuildArgument> annotations(build.options().annotations().begin(),
                                                   build.options().annotations().end());
  ASSIGN_OR_RETURN(image.annotations,
                   oci::AnnotationsFor(annotations, oci::AnnotationLevel::kIndexDescriptor, nullptr));
  for (const OutputTarget& output : outputs) {
    const absl::Status written = WriteImage(session, image, output);
    if (!written.ok()) return WithExit(written, kExitInfrastructure);
  }
  if (!load) return absl::OkStatus();
  const absl::Status loaded = LoadIntoDocker(session, image);
  return loaded.ok() ? loaded : WithExit(loaded, kExitInfrastructure);
}

absl::Status PushNames(Session& session, const v1::BuildView& build, Progress& progress) {
  if (build.status() != v1::BUILD_STATUS_SUCCEEDED) return absl::OkStatus();
  for (const std::string& tag : build.options().tags()) {
    v1::PushImageRequest request;
    request.set_name(build.index_digest());
    request.set_reference(tag);
    const auto pushed = PushImage(session, request, progress);
    if (!pushed.ok()) {
      const bool denied = absl::IsPermissionDenied(pushed.status());
      return WithExit(Annotate(pushed.status(), "push " + tag),
                      denied ? kExitNotPermitted : kExitInfrastructure);
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::cli
