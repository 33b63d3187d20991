#include "cli/session/matrix_follow.h"

#include <optional>
#include <thread>

#include "cli/session/submission.h"
#include "cli/session/watcher.h"

namespace crossmill::cli {
namespace {

// Every line of `text` behind the name; all of it in one piece, so that lines of other builds do not come
// between.
std::string Named(std::string_view name, std::string_view text) {
  std::string named;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    named += fmt::format("[{}] {}\n", name, text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return named;
}

}  // namespace

std::unique_ptr<Progress> MakeNamedProgress(Session& session, ProgressMode mode, const std::string& name) {
  if (mode == ProgressMode::kJson || mode == ProgressMode::kQuiet) return MakeProgress(session, mode);
  const std::string printable = Printable(name);
  return MakePlainProgress(
      [&session, printable](std::string_view text) { session.Tell(Named(printable, text)); },
      session.ErrColour());
}

absl::StatusOr<v1::SubmitMatrixResponse> SubmitMatrixOnce(Session& session, Farm& farm,
                                                          v1::SubmitMatrixRequest& request) {
  if (request.idempotency_key().empty()) request.set_idempotency_key(NewIdempotencyKey());
  return session.Call(*farm.matrices, &v1::Matrices::StubInterface::SubmitMatrix, request,
                      Session::Repeat::kAwaitStart);
}

absl::StatusOr<std::vector<BuildModel>> FollowMatrix(
    Session& session, Farm& farm, Progress& notes, const std::vector<Progress*>& progress,
    const FollowOptions& options, const ClientOffers& offers,
    const std::function<absl::StatusOr<v1::SubmitMatrixResponse>()>& submit) {
  const OutagesToldBy told(farm, notes);
  v1::CancelMatrixRequest cancel;
  Canceller canceller(session, notes, {options.on_interrupt, options.deadline}, [&](bool timed_out) {
    cancel.set_timed_out(timed_out);
    return session
        .Call(*farm.matrices, &v1::Matrices::StubInterface::CancelMatrix, cancel, Session::Repeat::kNever)
        .status();
  });
  ASSIGN_OR_RETURN(const v1::SubmitMatrixResponse submitted, submit());
  cancel.set_matrix_id(submitted.matrix_id());
  canceller.Submitted();
  const auto count = static_cast<size_t>(submitted.build_ids_size());
  if (count == 0 || count > progress.size())
    return absl::InternalError(fmt::format("matrix m{} has {} builds", submitted.matrix_id(), count));
  // End with the builds, or with us.
  std::vector<std::unique_ptr<BuildAttachment>> attachments;
  if (!offers.empty()) {
    for (const int64_t id : submitted.build_ids()) {
      attachments.push_back(
          std::make_unique<BuildAttachment>(farm, id, offers, [&notes](std::string_view problem) {
            notes.Note(fmt::format("secrets and ssh agents: {}", problem));
          }));
    }
  }
  std::vector<absl::StatusOr<BuildModel>> ends(count, absl::UnknownError("not followed"));
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        WatchOptions watch;
        watch.build_id = submitted.build_ids(static_cast<int>(i));
        watch.logs = options.logs;
        ends[i] = WatchBuild(farm, watch, *progress[i], canceller.watch_stop());
      });
    }
  }
  std::vector<BuildModel> models;
  for (absl::StatusOr<BuildModel>& end : ends) {
    RETURN_IF_ERROR(end.status());
    models.push_back(*std::move(end));
  }
  return models;
}

}  // namespace crossmill::cli
