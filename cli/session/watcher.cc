#include "cli/session/watcher.h"

#include <grpcpp/client_context.h>

#include "cli/show/console_lines.h"
#include "common/base/status.h"
#include "common/rpc/retry.h"
#include "common/rpc/status_proto.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

class Watch {
 public:
  Watch(Farm& farm, const WatchOptions& options, Progress& progress, std::stop_token stop)
      : farm_(farm),
        options_(options),
        progress_(progress),
        stop_(std::move(stop)),
        model_(options.build_id) {}

  absl::StatusOr<BuildModel> Run() {
    rpc::Backoff backoff(farm_.retry);
    while (true) {
      bool received = false;
      absl::Status status = Stream(&received);
      if (model_.finished() || left_) return model_;
      if (stop_.stop_requested()) return absl::CancelledError("stopped watching");
      // A stream that ends before the build does, or is cancelled though we did not ask for it, was cut by a
      // coordinator that went down in order.
      if (status.ok() || absl::IsCancelled(status)) status = absl::UnavailableError("the stream ended");
      if (!absl::IsUnavailable(status)) return status;
      if (received) backoff.Reset();
      if (backoff.Wait(status, stop_)) continue;
      if (stop_.stop_requested()) return absl::CancelledError("stopped watching");
      return WithHint(Annotate(status, fmt::format("build {} goes on without us", options_.build_id)),
                      fmt::format("`crossmill watch {}` follows it again; --reconnect-for TIME tries for "
                                  "longer",
                                  options_.build_id));
    }
  }

 private:
  absl::Status Stream(bool* received) {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop_, [&context] { context.TryCancel(); });
    v1::WatchBuildRequest request;
    request.set_build_id(options_.build_id);
    request.set_from_event(model_.last_event() + 1);
    request.set_logs(options_.logs);
    const auto reader = farm_.builds->WatchBuild(&context, request);
    v1::WatchBuildResponse response;
    while (reader->Read(&response)) {
      *received = true;
      if (response.has_event()) {
        OnEvent(response.event());
        if (options_.until_built && !left_ && IsBuilt(model_.view())) {
          left_ = true;
          context.TryCancel();
        }
      } else if (response.has_log()) {
        OnLog(response.log());
      } else if (response.has_progress()) {
        progress_.OnPlanning(response.progress(), model_);
      }
    }
    return rpc::FromGrpc(reader->Finish());
  }

  void OnEvent(const v1::BuildEvent& event) {
    if (event.number() <= model_.last_event()) return;
    if (event.event_case() == v1::BuildEvent::kStepChanged) {
      const auto& changed = event.step_changed();
      const v1::StepStatus status = ExecutionOf(changed).status();
      // Lines that the console still holds belong before the step's end.
      if (status == v1::STEP_STATUS_EXECUTED || status == v1::STEP_STATUS_FAILED ||
          status == v1::STEP_STATUS_CANCELLED) {
        for (const ConsoleLine& line :
             lines_.FinishStep(changed.stage(), changed.replica(), changed.step().number(), event.time())) {
          progress_.OnLine(line, model_);
        }
      }
    }
    model_.Apply(event);
    progress_.OnEvent(event, model_);
  }

  void OnLog(const v1::WatchedLog& log) {
    progress_.OnLog(log, model_);
    for (const ConsoleLine& line :
         lines_.Feed(log.execution(), log.stage(), log.replica(), log.offset(), log.chunk())) {
      progress_.OnLine(line, model_);
    }
  }

  Farm& farm_;
  const WatchOptions& options_;
  Progress& progress_;
  std::stop_token stop_;
  BuildModel model_;
  // Built, and nobody here takes the image.
  bool left_ = false;
  ConsoleLines lines_;
};

}  // namespace

absl::StatusOr<BuildModel> WatchBuild(Farm& farm, const WatchOptions& options, Progress& progress,
                                      std::stop_token stop) {
  return Watch(farm, options, progress, std::move(stop)).Run();
}

}  // namespace crossmill::cli
