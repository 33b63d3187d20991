#include "cli/show/render_json_lines.h"

#include "absl/strings/escaping.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/text.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

Json Begin(std::string_view event, Json number, int64_t time, Json build) {
  return {{"event", event},
          {"number", std::move(number)},
          {"time", time == 0 ? Json(nullptr) : Json(FormatRfc3339(time))},
          {"build", std::move(build)}};
}

Json StatusMembers(const v1::BuildEvent::StatusChanged& changed) {
  return {{"status", Word(changed.status())},
          {"message", TextOrNull(changed.message())},
          {"index_digest", TextOrNull(changed.index_digest())}};
}

Json BaseMembers(const v1::BuildEvent::BasePinned& base) {
  return {{"reference", base.reference()},
          {"platform", FormatPlatform(base.platform())},
          {"manifest_digest", TextOrNull(base.manifest_digest())},
          {"stand_in", base.stand_in()}};
}

Json PlannedMembers(const v1::BuildEvent::Planned& planned) {
  Json stages = Json::array();
  for (const v1::StageView& stage : planned.stages()) stages.push_back(BuildStageJson(stage));
  Json cells = Json::array();
  for (const v1::CellPlan& cell : planned.cells()) {
    cells.push_back({{"platform", FormatPlatform(cell.platform())}, {"target_stage", cell.target_stage()}});
  }
  return {{"stages", std::move(stages)}, {"cells", std::move(cells)}, {"epoch", planned.epoch()}};
}

// Platform and name of a stage, so that a reader needs no memory.
Json StageMembers(uint32_t index, const BuildModel& model) {
  const v1::StageView* stage = model.Stage(index);
  return {{"stage", index},
          {"stage_name", stage == nullptr ? Json(nullptr) : Json(stage->name())},
          {"platform", stage == nullptr ? Json(nullptr) : Json(FormatPlatform(stage->platform()))}};
}

Json StepMembers(const v1::BuildEvent::StepChanged& changed, const BuildModel& model) {
  Json json = StageMembers(changed.stage(), model);
  json["replica"] = changed.replica();
  json["step"] = BuildStepJson(ExecutionOf(changed));
  return json;
}

Json RemoteMembers(const v1::RemoteSource& source) {
  return {{"url", source.url()},
          {"digest", TextOrNull(source.digest())},
          {"commit", TextOrNull(source.commit())},
          {"bytes", source.bytes()},
          {"cached", source.cached()}};
}

}  // namespace

Json EventLine(const v1::BuildEvent& event, const BuildModel& model) {
  std::string_view name = "unknown";
  Json members = Json::object();
  switch (event.event_case()) {
    case v1::BuildEvent::kStatusChanged:
      name = "status_changed";
      members = StatusMembers(event.status_changed());
      break;
    case v1::BuildEvent::kBasePinned:
      name = "base_pinned";
      members = BaseMembers(event.base_pinned());
      break;
    case v1::BuildEvent::kPlanned:
      name = "planned";
      members = PlannedMembers(event.planned());
      break;
    case v1::BuildEvent::kStepChanged:
      name = "step_changed";
      members = StepMembers(event.step_changed(), model);
      break;
    case v1::BuildEvent::kCellChanged:
      name = "cell_changed";
      members = {{"cell", BuildCellJson(event.cell_changed().cell())}};
      break;
    case v1::BuildEvent::kNotice:
      name = "notice";
      members = {{"warning", event.notice().warning()}, {"text", event.notice().text()}};
      break;
    case v1::BuildEvent::kStageChanged:
      name = "stage_changed";
      members = StageMembers(event.stage_changed().stage(), model);
      members["size_bytes"] = event.stage_changed().size_bytes();
      break;
    case v1::BuildEvent::kRemoteFetched:
      name = "remote_fetched";
      members = RemoteMembers(event.remote_fetched());
      break;
    case v1::BuildEvent::EVENT_NOT_SET:
      break;
  }
  Json line = Begin(name, event.number(), event.time(), model.view().id());
  line.update(members);
  return line;
}

Json LogLine(const v1::WatchedLog& log, const BuildModel& model) {
  const v1::LogChunk& chunk = log.chunk();
  Json line = Begin("log", nullptr, chunk.time(), model.view().id());
  line.update(StageMembers(log.stage(), model));
  line["replica"] = log.replica();
  line["step"] = chunk.step_number();
  line["execution"] = log.execution();
  line["offset"] = log.offset();
  line["stream"] = chunk.stream() == v1::LogChunk::STREAM_STDERR   ? "stderr"
                   : chunk.stream() == v1::LogChunk::STREAM_WORKER ? "worker"
                                                                   : "stdout";
  const std::string text = ValidUtf8(chunk.data());
  line["text"] = text;
  line["base64"] = text == chunk.data() ? Json(nullptr) : Json(absl::Base64Escape(chunk.data()));
  return line;
}

Json PlanningLine(const v1::PlanningProgress& progress, const BuildModel& model, int64_t now_nanos) {
  Json line = Begin("planning_progress", nullptr, now_nanos, model.view().id());
  line["what"] = progress.what();
  line["done_bytes"] = progress.done_bytes();
  line["total_bytes"] = progress.total_bytes() == 0 ? Json(nullptr) : Json(progress.total_bytes());
  return line;
}

Json NoteLine(std::string_view event, std::string_view text, int64_t now_nanos) {
  Json line = Begin(event, nullptr, now_nanos, nullptr);
  line["text"] = text;
  return line;
}

Json ResultLine(const BuildModel& model, int64_t now_nanos) {
  const v1::BuildView& view = model.view();
  Json line = Begin("result", nullptr, now_nanos, view.id());
  line["status"] = Word(view.status());
  line["message"] = TextOrNull(view.message());
  line["index_digest"] = TextOrNull(view.index_digest());
  line["verdict"] = Word(OverallVerdict(view));
  line["cells"] = Json::array();
  for (const v1::CellView& cell : view.cells()) line["cells"].push_back(BuildCellJson(cell));
  return line;
}

}  // namespace crossmill::cli
