#include "coordinator/verification/build_pairs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/rebuild/build_changes.h"
#include "coordinator/rebuild/pair_comparison.h"
#include "coordinator/verification/given_changes.h"

namespace crossmill::coordinator {
namespace {

// Of a build that was not planned those that were asked for.
std::vector<std::string> PlatformsOf(const v1::BuildView& view) {
  std::vector<std::string> platforms;
  for (const v1::CellView& cell : view.cells()) platforms.push_back(FormatPlatform(cell.platform()));
  if (!platforms.empty()) return platforms;
  for (const v1::Platform& platform : view.options().platforms())
    platforms.push_back(FormatPlatform(platform));
  return platforms;
}

bool Contains(const std::vector<std::string>& platforms, const std::string& platform) {
  return std::find(platforms.begin(), platforms.end(), platform) != platforms.end();
}

// Those of the first, then those that only the second has; only `wanted` unless that is empty.
std::vector<std::string> PlatformsOf(const v1::BuildView& first, const v1::BuildView& second,
                                     const std::string& wanted) {
  std::vector<std::string> platforms = PlatformsOf(first);
  for (std::string& platform : PlatformsOf(second)) {
    if (!Contains(platforms, platform)) platforms.push_back(std::move(platform));
  }
  if (!wanted.empty()) std::erase_if(platforms, [&](const std::string& each) { return each != wanted; });
  return platforms;
}

}  // namespace

struct BuildPairs::Side {
  v1::BuildView view;
  v1::BuildSubmission submission;
  // nullopt: it was not planned.
  std::optional<v1::BuildPlan> plan;
};

absl::StatusOr<BuildPairs::Side> BuildPairs::Read(const core::Scope& scope, int64_t build) {
  Side side;
  ASSIGN_OR_RETURN(const int64_t seen, reader_.walls().Find(scope, build));
  ASSIGN_OR_RETURN(side.view, reader_.Get(seen));
  ASSIGN_OR_RETURN(side.submission, reader_.Submission(side.view.id()));
  auto plan = committed_->LoadPlan(side.view.id());
  if (plan.ok()) {
    side.plan = *std::move(plan);
  } else if (!absl::IsNotFound(plan.status())) {
    return plan.status();
  }
  return side;
}

absl::StatusOr<v1::PlatformPair> BuildPairs::ComparePlatform(const Side& first, const Side& second,
                                                             const std::string& platform,
                                                             const std::stop_token& stop) {
  const v1::CellView* ours = FindCell(first.view, platform);
  const v1::CellView* theirs = FindCell(second.view, platform);
  v1::PlatformPair pair;
  const v1::CellView none;
  if (ours != nullptr && theirs != nullptr && first.plan && second.plan) {
    ASSIGN_OR_RETURN(pair, ComparePair({first.view, *ours, *first.plan}, {second.view, *theirs, *second.plan},
                                       blobs_, *committed_, stop));
  } else {
    ASSIGN_OR_RETURN(*pair.mutable_platform(), ParsePlatform(platform));
    pair.set_in_first(Contains(PlatformsOf(first.view), platform));
    pair.set_in_second(Contains(PlatformsOf(second.view), platform));
    if (!pair.in_first() || !pair.in_second()) return pair;
    pair.set_problem(fmt::format("build {} was not planned: it has no steps",
                                 first.plan ? second.view.id() : first.view.id()));
  }
  ASSIGN_OR_RETURN(
      *pair.mutable_changes(),
      ChangesOfGiven({first.submission, first.view, ours == nullptr ? none : *ours},
                     {second.submission, second.view, theirs == nullptr ? none : *theirs}, reader_, blobs_));
  return pair;
}

absl::Status BuildPairs::Compare(const core::Scope& scope, const v1::CompareBuildsRequest& request,
                                 const std::stop_token& stop, const OnPlatform& on_platform) {
  ASSIGN_OR_RETURN(const Side first, Read(scope, request.first()));
  ASSIGN_OR_RETURN(const Side second, Read(scope, request.second()));
  const std::string wanted = request.has_platform() ? FormatPlatform(request.platform()) : "";
  const std::vector<std::string> platforms = PlatformsOf(first.view, second.view, wanted);
  if (platforms.empty()) {
    return absl::NotFoundError(fmt::format("neither build {} nor build {} has {}", first.view.id(),
                                           second.view.id(), wanted.empty() ? "a platform" : wanted));
  }
  for (const std::string& platform : platforms) {
    v1::CompareBuildsResponse response;
    response.set_first(first.view.id());
    response.set_second(second.view.id());
    ASSIGN_OR_RETURN(*response.mutable_platform(), ComparePlatform(first, second, platform, stop));
    on_platform(response);
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
