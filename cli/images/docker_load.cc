#include "cli/images/docker_load.h"

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"

namespace crossmill::cli {
namespace {

// A daemon that hangs is as good as none.
constexpr absl::Duration kAnswerPatience = absl::Seconds(10);

}  // namespace

bool DockerAnswers(Environment& env) {
  ProcessOptions options;
  options.argv = {"docker", "version", "--format", "{{.Server.Version}}"};
  options.time_limit = kAnswerPatience;
  const auto result = env.RunProgram(options);
  return result.ok() && result->exit_code == 0;
}

absl::Status LoadIntoDocker(Session& session, const ImageToWrite& image) {
  ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  OutputTarget target;
  target.type = OutputTarget::Type::kDocker;
  target.destination = folder.Path("image.tar");
  RETURN_IF_ERROR(WriteImage(session, image, target));
  ProcessOptions options;
  options.argv = {"docker", "load", "--quiet", "--input", target.destination};
  ASSIGN_OR_RETURN(const ProcessResult result, session.env.RunProgram(options));
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("--load: docker load ended with {}: {}", result.exit_code, Printable(result.stderr_text)));
}

}  // namespace crossmill::cli
