// A submitted build until its end: watched, cancelled by the user or by --timeout.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "cli/session/build_session.h"
#include "cli/session/canceller.h"
#include "cli/session/session.h"
#include "cli/show/build_model.h"
#include "cli/show/progress.h"

namespace crossmill::cli {

// As long as it lives, `progress` shows that the farm's coordinator is not reached: a line of anybody else
// would stand in its picture.
class OutagesToldBy {
 public:
  OutagesToldBy(const Farm& farm, Progress& progress);
  ~OutagesToldBy();
  OutagesToldBy(const OutagesToldBy&) = delete;
  OutagesToldBy& operator=(const OutagesToldBy&) = delete;

 private:
  const std::shared_ptr<rpc::Outages> outages_;
  rpc::Outages::Tell former_;
};

struct FollowOptions {
  OnInterrupt on_interrupt = OnInterrupt::kCancel;
  bool logs = true;
  // When the build is to be cancelled as timed out.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  // As WatchOptions.
  bool until_built = false;
};

// `submit` gives the build's id; an interrupt while it runs cancels the build once the id is known.
// CANCELLED after detaching.
absl::StatusOr<BuildModel> FollowBuild(Session& session, Farm& farm, Progress& progress,
                                       const FollowOptions& options,
                                       const std::function<absl::StatusOr<int64_t>()>& submit);

// FollowBuild with what the client offers at hand until the build ends; problems with that become notes.
absl::StatusOr<BuildModel> FollowOffered(Session& session, Farm& farm, Progress& progress,
                                         const FollowOptions& options, const ClientOffers& offers,
                                         const std::function<absl::StatusOr<int64_t>()>& submit);

// The display for a mode: auto is live on a terminal, plain elsewhere.
std::unique_ptr<Progress> MakeProgress(Session& session, ProgressMode mode);

}  // namespace crossmill::cli
