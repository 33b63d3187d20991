#include "coordinator/rebuild/rebuild_submission.h"

#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::coordinator {
namespace {

constexpr uint32_t kMostHosts = 16;

}  // namespace

absl::StatusOr<v1::BuildSubmission> MakeRebuild(const v1::BuildSubmission& recorded,
                                                const v1::BuildView& view, const RebuildWish& wish) {
  if (recorded.has_wheels()) {
    return absl::InvalidArgumentError(
        fmt::format("build {} compiled wheels for build {}: it has no image to verify", view.id(),
                    recorded.wheels().ahead_of()));
  }
  if (recorded.has_rebuild()) {
    return absl::InvalidArgumentError(fmt::format("build {0} is a rebuild of build {1}: verify build {1}",
                                                  view.id(), recorded.rebuild().build()));
  }
  if (!IsFinished(view.status())) {
    return absl::FailedPreconditionError(
        fmt::format("build {0} has not ended: `crossmill watch {0}`, then verify it", view.id()));
  }
  if (view.status() != v1::BUILD_STATUS_SUCCEEDED || view.index_digest().empty()) {
    return absl::FailedPreconditionError(
        fmt::format("build {0} is {1}: there is no image of it to compare with; `crossmill retry {0}` builds "
                    "its recipe again",
                    view.id(), Word(view.status())));
  }
  if (wish.hosts > kMostHosts)
    return absl::InvalidArgumentError(fmt::format("--hosts {} is more than {}", wish.hosts, kMostHosts));
  v1::BuildSubmission submission = recorded;
  // That pipeline's trace has ended.
  submission.clear_traceparent();
  submission.mutable_rebuild()->set_build(view.id());
  submission.mutable_rebuild()->set_index_digest(view.index_digest());
  v1::BuildOptions& options = *submission.mutable_options();
  options.set_no_cache(true);
  options.set_pull(false);
  options.set_verify(wish.hosts < 2 ? 0 : wish.hosts);
  options.set_allow_same_host(wish.allow_same_host);
  if (wish.vary) *options.mutable_vary() = *wish.vary;
  return submission;
}

}  // namespace crossmill::coordinator
