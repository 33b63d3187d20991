#include "cli/commands/diff_pair.h"

#include <optional>
#include <utility>

#include "cli/history/render_build_pair.h"
#include "cli/images/image_pair.h"
#include "cli/show/differences.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

absl::StatusOr<BuildPair> AskForBuilds(Session& session, const v1::CompareBuildsRequest& request) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  BuildPair pair;
  RETURN_IF_ERROR(session.CallStream([&] {
    grpc::ClientContext call;
    const auto reader = farm->verification->CompareBuilds(&call, request);
    pair = {};
    v1::CompareBuildsResponse response;
    while (reader->Read(&response)) {
      pair.first = response.first();
      pair.second = response.second();
      pair.platforms.push_back(std::move(*response.mutable_platform()));
    }
    return rpc::FromGrpc(reader->Finish());
  }));
  return pair;
}

absl::StatusOr<int> DiffBuilds(Session& session, v1::CompareBuildsRequest request, size_t paths) {
  ASSIGN_OR_RETURN(BuildPair pair, AskForBuilds(session, request));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  for (v1::PlatformPair& platform : pair.platforms) {
    for (v1::StepComparison& step : *platform.mutable_comparison()->mutable_comparison()->mutable_steps()) {
      if (!step.agrees()) RETURN_IF_ERROR(session.Explain(CompleteDifferences(*farm->blobs, paths, &step)));
    }
  }
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(BuildPairJson(pair)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderBuildPair(pair, session.OutText(), paths)));
  }
  return kExitOk;
}

absl::StatusOr<int> DiffImages(Session& session, const DiffPairFlags& flags,
                               const std::optional<v1::Platform>& platform) {
  ASSIGN_OR_RETURN(const ImagePair pair,
                   CompareImages(session, flags.first, flags.second, platform, flags.paths));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(ImagePairJson(pair)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderImagePair(pair, session.OutText(), flags.paths)));
  }
  return kExitOk;
}

}  // namespace

absl::StatusOr<int> DiffPair(Session& session, const DiffPairFlags& flags) {
  std::optional<v1::Platform> platform;
  if (!flags.platform.empty()) {
    ASSIGN_OR_RETURN(platform, ParsePlatform(flags.platform));
  }
  const auto first = ParseBuildId(flags.first);
  const auto second = ParseBuildId(flags.second);
  if (first.ok() != second.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "{} is a build and {} an image: two builds can be compared, or two images (`crossmill show` names "
        "a build's image)",
        first.ok() ? flags.first : flags.second, first.ok() ? flags.second : flags.first));
  }
  if (!first.ok()) return DiffImages(session, flags, platform);
  v1::CompareBuildsRequest request;
  request.set_first(*first);
  request.set_second(*second);
  if (platform) *request.mutable_platform() = *platform;
  return DiffBuilds(session, std::move(request), flags.paths);
}

}  // namespace crossmill::cli
