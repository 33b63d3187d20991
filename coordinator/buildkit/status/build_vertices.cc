#include "coordinator/buildkit/status/build_vertices.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/json.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"

namespace crossmill::coordinator::buildkit {
namespace {

// What Docker's builder counts.
bool IsCounted(const v1::StepView& step) {
  return step.instruction() == "RUN" || step.instruction() == "COPY" || step.instruction() == "ADD" ||
         step.instruction() == "WORKDIR";
}

bool HasEnded(v1::StepStatus status) {
  return status == v1::STEP_STATUS_EXECUTED || status == v1::STEP_STATUS_CACHED ||
         status == v1::STEP_STATUS_FAILED || status == v1::STEP_STATUS_CANCELLED ||
         status == v1::STEP_STATUS_SHARED;
}

void SetNanos(int64_t nanos, google::protobuf::Timestamp* time) {
  time->set_seconds(nanos / 1'000'000'000);
  time->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// The command of a RUN as its vertex shows it: without the instruction.
std::string CommandOf(const v1::StepView& step) {
  std::string text = step.text();
  if (text.starts_with("RUN ")) text.erase(0, 4);
  while (text.starts_with("--")) {
    const size_t blank = text.find(' ');
    text.erase(0, blank == std::string::npos ? text.size() : blank + 1);
  }
  if (text.starts_with("[")) {
    const auto argv = ParseJson(text);
    if (argv.ok() && argv->is_array()) {
      std::string joined;
      for (const Json& word : *argv) {
        if (!word.is_string()) return text;
        joined += (joined.empty() ? "" : " ") + word.get<std::string>();
      }
      return joined;
    }
  }
  return "/bin/sh -c " + text;
}

}  // namespace

std::map<uint32_t, std::string> VertexNames(const v1::StageView& stage, const std::string& base_name,
                                            bool only_stage, bool several) {
  const bool has_base = !base_name.empty();
  const auto counted = std::count_if(stage.steps().begin(), stage.steps().end(), IsCounted);
  const auto total = counted + (has_base ? 1 : 0);
  std::string prefix;
  if (several) prefix += FormatPlatform(stage.platform()) + " ";
  if (!(only_stage && stage.name() == "stage-0")) prefix += stage.name() + " ";
  const auto width = fmt::format("{}", total).size();
  std::map<uint32_t, std::string> names;
  int64_t index = 0;
  const auto name = [&](const std::string& text) {
    return fmt::format("[{}{:>{}}/{}] {}", prefix, ++index, width, total, text);
  };
  if (has_base) names[0] = name("FROM " + base_name);
  for (const v1::StepView& step : stage.steps()) {
    if (IsCounted(step)) names[step.number()] = name(step.text());
  }
  return names;
}

std::string FailureText(const v1::StepView& step) {
  const std::string plain = fmt::format("exit code {}", step.exit_code());
  if (!step.failure().empty() && step.failure() != plain) return step.failure();
  if (step.instruction() != "RUN") return fmt::format("{} failed", step.text());
  return fmt::format("process {} did not complete successfully: exit code: {}",
                     WriteJson(Json(CommandOf(step))), step.exit_code());
}

void BuildVertices::OnEvent(const v1::BuildEvent& event) {
  switch (event.event_case()) {
    case v1::BuildEvent::kBasePinned: {
      const auto& base = event.base_pinned();
      const bool digest_is_there =
          base.manifest_digest().empty() || base.reference().find('@') != std::string::npos;
      pinned_.push_back(base.reference() + (digest_is_there ? "" : "@" + base.manifest_digest()));
      break;
    }
    case v1::BuildEvent::kPlanned:
      EndPlanning("");
      OnPlanned(event.planned());
      break;
    case v1::BuildEvent::kStepChanged:
      // Executions that are compared with the first are no steps of the recipe.
      if (event.step_changed().replica() == 0) {
        OnStep(event.step_changed(), event.time());
      } else {
        OnReplica(event.step_changed());
      }
      break;
    case v1::BuildEvent::kNotice: {
      const auto vertex = board_.Begin("[crossmill] " + event.notice().text());
      vertex->End();
      break;
    }
    case v1::BuildEvent::kStatusChanged:
      if (event.status_changed().status() < v1::BUILD_STATUS_SUCCEEDED) break;
      EndPlanning(event.status_changed().message());
      if (event.status_changed().status() == v1::BUILD_STATUS_SUCCEEDED) EndBases(event.time());
      if (replicas_ != nullptr) replicas_->End();
      break;
    default:
      break;
  }
}

void BuildVertices::EndPlanning(std::string_view error) {
  for (const auto& [what, vertex] : planning_) {
    if (error.empty()) {
      vertex->End();
    } else {
      vertex->Fail(error);
    }
  }
  planning_.clear();
}

void BuildVertices::OnProgress(const v1::PlanningProgress& progress) {
  std::shared_ptr<ProgressVertex>& vertex = planning_[progress.what()];
  if (vertex == nullptr) vertex = board_.Begin("[internal] fetch " + progress.what());
  if (progress.done_bytes() > 0)
    vertex->Status("transferring", progress.done_bytes(), progress.total_bytes(), false);
}

void BuildVertices::OnPlanned(const v1::BuildEvent::Planned& planned) {
  std::map<std::string, int> stages;
  for (const v1::StageView& stage : planned.stages()) ++stages[FormatPlatform(stage.platform())];
  const bool several = stages.size() > 1 || planned.cells_size() > 1;
  for (const v1::StageView& stage : planned.stages()) {
    // In the order of the plan's bases.
    const auto base_index = static_cast<size_t>(stage.base());
    const std::string base = stage.base() >= 0 && base_index < pinned_.size() ? pinned_[base_index] : "";
    const bool only = stages[FormatPlatform(stage.platform())] == 1;
    std::string before;
    for (const auto& [number, name] : VertexNames(stage, base, only, several)) {
      Shown& shown = steps_[{stage.index(), number}];
      shown.vertex.set_digest(VertexDigest(fmt::format("{} {} {}", build_, stage.index(), number)));
      shown.vertex.set_name(ValidUtf8(name));
      if (!before.empty()) shown.vertex.add_inputs(before);
      before = shown.vertex.digest();
      board_.Tell(shown.vertex);
      ++total_;
    }
  }
}

void BuildVertices::BeginStep(Shown& shown, const v1::StepView& step, int64_t time) {
  if (shown.vertex.has_started()) return;
  const bool known = step.started_at() != 0 && step.status() != v1::STEP_STATUS_CACHED;
  SetNanos(known ? std::min(step.started_at(), time) : time, shown.vertex.mutable_started());
}

void BuildVertices::EndStep(Shown& shown, const v1::StepView& step, int64_t time) {
  BeginStep(shown, step, time);
  ++completed_;
  shown.vertex.set_cached(step.status() == v1::STEP_STATUS_CACHED);
  if (shown.vertex.cached()) ++cached_;
  SetNanos(time, shown.vertex.mutable_completed());
  if (step.status() == v1::STEP_STATUS_FAILED) {
    shown.vertex.set_error(ValidUtf8(FailureText(step)));
    if (failure_.vertex.empty()) failure_ = {shown.vertex.digest(), step};
  } else if (step.status() == v1::STEP_STATUS_CANCELLED) {
    shown.vertex.set_error("context canceled");
  }
}

void BuildVertices::EndBase(Shown& base, int64_t time, bool cached) {
  if (base.vertex.has_completed()) return;
  SetNanos(time, base.vertex.mutable_started());
  SetNanos(time, base.vertex.mutable_completed());
  base.vertex.set_cached(cached);
  board_.Tell(base.vertex);
  ++completed_;
  if (cached) ++cached_;
}

void BuildVertices::EndBases(int64_t time) {
  for (auto& [place, shown] : steps_) {
    if (place.second == 0) EndBase(shown, time, true);
  }
}

void BuildVertices::OnStep(const v1::BuildEvent::StepChanged& changed, int64_t time) {
  const v1::StepView& step = changed.step();
  const auto found = steps_.find({changed.stage(), step.number()});
  if (found == steps_.end()) return;
  Shown& shown = found->second;
  if (HasEnded(shown.status) || step.status() == shown.status) return;
  // The base is there as soon as something goes on from it.
  if (const auto base = steps_.find({changed.stage(), 0});
      base != steps_.end() && step.status() != v1::STEP_STATUS_WAITING) {
    EndBase(base->second, time, step.status() == v1::STEP_STATUS_CACHED);
  }
  shown.status = step.status();
  if (step.status() == v1::STEP_STATUS_RUNNING) BeginStep(shown, step, time);
  if (HasEnded(step.status())) EndStep(shown, step, time);
  if (shown.vertex.has_started()) board_.Tell(shown.vertex);
}

void BuildVertices::OnReplica(const v1::BuildEvent::StepChanged& changed) {
  const auto found = steps_.find({changed.stage(), changed.step().number()});
  if (found == steps_.end()) return;
  if (replicas_ == nullptr) replicas_ = board_.Begin("[crossmill] execute steps again to compare them");
  bool ended = false;
  for (const v1::ReplicaStep& replica : changed.step().replicas()) {
    if (replica.replica() == changed.replica()) ended = HasEnded(replica.status());
  }
  replicas_->Status(fmt::format("{} (execution {})", found->second.vertex.name(), changed.replica() + 1), 0,
                    0, ended);
}

void BuildVertices::OnLog(const v1::WatchedLog& log) {
  if (log.replica() != 0) return;
  // A watch that began again tells what it told before.
  int64_t& told = chunks_[log.execution()];
  if (log.offset() < told) return;
  told = log.offset() + 1;
  const auto found = steps_.find({log.stage(), log.chunk().step_number()});
  if (found == steps_.end()) return;
  const int stream = log.chunk().stream() == v1::LogChunk::STREAM_STDOUT ? 1 : 2;
  board_.TellLog(found->second.vertex.digest(), stream, log.chunk().time(), log.chunk().data());
}

}  // namespace crossmill::coordinator::buildkit
