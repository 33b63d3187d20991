#include "cli/session/build_follow.h"

#include <optional>

#include "cli/session/canceller.h"
#include "cli/session/watcher.h"

namespace crossmill::cli {

OutagesToldBy::OutagesToldBy(const Farm& farm, Progress& progress) : outages_(farm.retry.outages) {
  if (outages_ != nullptr)
    former_ = outages_->TellTo([&progress](std::string_view text) { progress.Note(text); });
}

OutagesToldBy::~OutagesToldBy() {
  if (outages_ != nullptr) outages_->TellTo(std::move(former_));
}

absl::StatusOr<BuildModel> FollowBuild(Session& session, Farm& farm, Progress& progress,
                                       const FollowOptions& options,
                                       const std::function<absl::StatusOr<int64_t>()>& submit) {
  const OutagesToldBy told(farm, progress);
  v1::CancelBuildRequest request;
  Canceller canceller(session, progress, {options.on_interrupt, options.deadline}, [&](bool timed_out) {
    request.set_timed_out(timed_out);
    return session
        .Call(*farm.builds, &v1::Builds::StubInterface::CancelBuild, request, Session::Repeat::kNever)
        .status();
  });
  ASSIGN_OR_RETURN(const int64_t build_id, submit());
  request.set_build_id(build_id);
  canceller.Submitted();
  WatchOptions watch;
  watch.build_id = build_id;
  watch.logs = options.logs;
  watch.until_built = options.until_built;
  return WatchBuild(farm, watch, progress, canceller.watch_stop());
}

absl::StatusOr<BuildModel> FollowOffered(Session& session, Farm& farm, Progress& progress,
                                         const FollowOptions& options, const ClientOffers& offers,
                                         const std::function<absl::StatusOr<int64_t>()>& submit) {
  // Ends with the build, or with us.
  std::optional<BuildAttachment> attachment;
  return FollowBuild(session, farm, progress, options, [&]() -> absl::StatusOr<int64_t> {
    ASSIGN_OR_RETURN(const int64_t id, submit());
    if (!offers.empty()) {
      attachment.emplace(farm, id, offers, [&progress](std::string_view problem) {
        progress.Note(fmt::format("secrets and ssh agents: {}", problem));
      });
    }
    return id;
  });
}

std::unique_ptr<Progress> MakeProgress(Session& session, ProgressMode mode) {
  Environment& env = session.env;
  // For those that make printable themselves what they repeat of others: as JSON, or between movements of the
  // cursor.
  const TextSink raw = [&env](std::string_view text) { env.Err(text); };
  const Terminal terminal = env.ErrTerminal();
  if (mode == ProgressMode::kAuto) {
    mode =
        terminal.is_terminal && env.VariableOr("TERM") != "dumb" ? ProgressMode::kTty : ProgressMode::kPlain;
  }
  switch (mode) {
    case ProgressMode::kQuiet:
      return MakeQuietProgress();
    case ProgressMode::kJson:
      session.json_progress = true;
      return MakeJsonProgress(raw, env.clock());
    case ProgressMode::kTty:
      return MakeLiveProgress(raw, env.clock(), session.ErrColour(), [&env] {
        const Terminal now = env.ErrTerminal();
        return TerminalSize{now.width, now.height};
      });
    default:
      return MakePlainProgress([&session](std::string_view text) { session.Tell(text); },
                               session.ErrColour());
  }
}

}  // namespace crossmill::cli
