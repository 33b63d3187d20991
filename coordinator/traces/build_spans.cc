#include "coordinator/traces/build_spans.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::coordinator {
namespace {

namespace otel = opentelemetry::proto::trace::v1;

// Of a step's text in the name of its span.
constexpr size_t kMostName = 100;

void Set(otel::Span& span, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  otel::KeyValue& attribute = *span.add_attributes();
  attribute.set_key(std::string(key));
  attribute.mutable_value()->set_string_value(ValidUtf8(value));
}

void SetNumber(otel::Span& span, std::string_view key, int64_t value) {
  otel::KeyValue& attribute = *span.add_attributes();
  attribute.set_key(std::string(key));
  attribute.mutable_value()->set_int_value(value);
}

void SetTruth(otel::Span& span, std::string_view key, bool value) {
  otel::KeyValue& attribute = *span.add_attributes();
  attribute.set_key(std::string(key));
  attribute.mutable_value()->set_bool_value(value);
}

void SetTexts(otel::Span& span, std::string_view key,
              const google::protobuf::RepeatedPtrField<std::string>& values) {
  if (values.empty()) return;
  otel::KeyValue& attribute = *span.add_attributes();
  attribute.set_key(std::string(key));
  for (const std::string& value : values)
    attribute.mutable_value()->mutable_array_value()->add_values()->set_string_value(ValidUtf8(value));
}

void Fail(otel::Span& span, std::string_view type, std::string_view message) {
  Set(span, "error.type", type);
  span.mutable_status()->set_code(otel::Status::STATUS_CODE_ERROR);
  span.mutable_status()->set_message(ValidUtf8(message));
}

// cicd.pipeline.result and cicd.pipeline.task.run.result, by OpenTelemetry's conventions.
std::string_view ResultOf(v1::BuildStatus status) {
  switch (status) {
    case v1::BUILD_STATUS_SUCCEEDED:
      return "success";
    case v1::BUILD_STATUS_FAILED:
      return "failure";
    case v1::BUILD_STATUS_TIMED_OUT:
      return "timeout";
    case v1::BUILD_STATUS_CANCELLED:
      return "cancellation";
    default:
      return "error";
  }
}

// An execution that was told to have begun and not yet to have ended.
struct OpenStep {
  int64_t started_at = 0;
  std::string worker;
};

// Of one stage, or of one of its replicas.
struct StageRun {
  // When something of it was told first and last; 0: nothing was.
  int64_t first = 0, last = 0;
  int64_t executed = 0, cached = 0, shared = 0, failed = 0;
  void Touch(int64_t from, int64_t until) {
    first = first == 0 ? from : std::min(first, from);
    last = std::max(last, until);
  }
};

// What of an event is about the step itself, or about the replica that it names.
struct StepNews {
  v1::StepStatus status = v1::STEP_STATUS_UNSPECIFIED;
  std::string worker;
  int32_t exit_code = 0;
  std::string failure;
  int64_t started_at = 0;
};

StepNews NewsOf(const v1::BuildEvent::StepChanged& change) {
  const v1::StepView& step = change.step();
  if (change.replica() == 0)
    return {step.status(), step.worker(), step.exit_code(), step.failure(), step.started_at()};
  for (const v1::ReplicaStep& row : step.replicas()) {
    if (row.replica() == change.replica())
      return {row.status(), row.worker(), row.exit_code(), row.failure(), row.started_at()};
  }
  return {};
}

class SpanWriter {
 public:
  SpanWriter(const TracedBuild& build, TraceContext context) : build_(build), context_(std::move(context)) {}

  std::vector<otel::Span> Write() {
    AddBuild();
    const v1::BuildView& view = build_.view;
    if (view.planned_at() != 0)
      Set(Add("planning", "build", "planning", view.created_at(), view.planned_at()),
          "cicd.pipeline.task.name", "planning");
    for (const v1::BuildEvent& event : build_.events) Follow(event);
    for (const auto& [key, step] : open_) CloseOpen(key, step);
    AddTransfers();
    AddStages();
    AddConclusions();
    return std::move(spans_);
  }

 private:
  using RunKey = std::pair<int, int>;
  // Stage, replica, number of the step.
  using StepKey = std::tuple<int, int, uint32_t>;

  // Inside of the build, whatever clocks said.
  otel::Span& Add(const std::string& part, const std::string& parent, std::string_view name, int64_t from,
                  int64_t until) {
    const int64_t least = build_.view.created_at(), most = End();
    from = std::clamp(from, least, most);
    until = std::clamp(until, from, most);
    otel::Span& span = spans_.emplace_back();
    span.set_trace_id(context_.trace_id);
    span.set_span_id(IdOf(part));
    span.set_parent_span_id(parent.empty() ? context_.parent_id : IdOf(parent));
    span.set_flags(1);
    span.set_name(ValidUtf8(name));
    span.set_kind(otel::Span::SPAN_KIND_INTERNAL);
    span.set_start_time_unix_nano(static_cast<uint64_t>(from));
    span.set_end_time_unix_nano(static_cast<uint64_t>(until));
    return span;
  }
  std::string IdOf(const std::string& part) const {
    return SpanIdOf(context_, build_.farm, build_.view.id(), part);
  }
  int64_t End() const { return std::max(build_.view.created_at(), build_.view.finished_at()); }

  void AddBuild() {
    const v1::BuildView& view = build_.view;
    const std::string name = view.options().tags().empty() ? view.dockerfile_name() : view.options().tags(0);
    otel::Span& span =
        Add("build", "", name.empty() ? "build" : "build " + name, view.created_at(), view.finished_at());
    span.set_kind(otel::Span::SPAN_KIND_SERVER);
    Set(span, "cicd.pipeline.name", name);
    Set(span, "cicd.pipeline.run.id", fmt::format("{}", view.id()));
    Set(span, "cicd.pipeline.action.name", "BUILD");
    Set(span, "cicd.pipeline.result", ResultOf(view.status()));
    SetNumber(span, "crossmill.build.id", view.id());
    SetTexts(span, "container.image.tags", view.options().tags());
    Set(span, "oci.manifest.digest", view.index_digest());
    Set(span, "crossmill.build.status", Word(view.status()));
    if (view.status() != v1::BUILD_STATUS_SUCCEEDED) Fail(span, Word(view.status()), view.message());
  }

  void Follow(const v1::BuildEvent& event) {
    if (event.has_cell_changed())
      cells_ended_[FormatPlatform(event.cell_changed().cell().platform())] = event.time();
    if (!event.has_step_changed()) return;
    const v1::BuildEvent::StepChanged& change = event.step_changed();
    if (static_cast<int>(change.stage()) >= build_.view.stages_size()) return;
    const int stage = static_cast<int>(change.stage()), replica = static_cast<int>(change.replica());
    const StepNews news = NewsOf(change);
    const StepKey key(stage, replica, change.step().number());
    StageRun& run = runs_[{stage, replica}];
    switch (news.status) {
      case v1::STEP_STATUS_RUNNING:
        open_[key] = {event.time(), news.worker};
        began_[{stage, replica}].emplace_back(event.time(), news.worker);
        run.Touch(event.time(), event.time());
        break;
      case v1::STEP_STATUS_EXECUTED:
      case v1::STEP_STATUS_FAILED:
        ++(news.status == v1::STEP_STATUS_FAILED ? run.failed : run.executed);
        AddStep(key, change.step(), news, event.time());
        break;
      case v1::STEP_STATUS_WAITING:
      case v1::STEP_STATUS_CANCELLED:
        AddStep(key, change.step(), news, event.time());
        break;
      case v1::STEP_STATUS_CACHED:
      case v1::STEP_STATUS_SHARED:
        ++(news.status == v1::STEP_STATUS_CACHED ? run.cached : run.shared);
        run.Touch(event.time(), event.time());
        break;
      default:
        break;
    }
  }

  // One execution is over, as `news` says. Of what was never told to have begun only an end by a result
  // counts.
  void AddStep(const StepKey& key, const v1::StepView& step, const StepNews& news, int64_t until) {
    const auto& [stage, replica, number] = key;
    const auto found = open_.find(key);
    if (found == open_.end() && !IsFinished(news.status)) return;
    const int64_t from =
        found != open_.end() ? found->second.started_at : (news.started_at != 0 ? news.started_at : until);
    const std::string worker = found != open_.end() ? found->second.worker : news.worker;
    if (found != open_.end()) open_.erase(found);
    runs_[{stage, replica}].Touch(from, until);
    const std::string part = fmt::format("{}/step/{}/{}", RunPart(stage, replica), number, ++attempts_[key]);
    otel::Span& span = Add(part, RunPart(stage, replica), NameOf(step), from, until);
    AddTask(span, stage, replica, worker);
    Set(span, "cicd.pipeline.task.name", NameOf(step));
    Set(span, "cicd.pipeline.task.type", "build");
    SetNumber(span, "crossmill.step.number", number);
    if (replica == 0) SetTruth(span, "crossmill.emulated", step.emulated());
    if (replica == 0 && step.execution() != 0) SetNumber(span, "crossmill.execution.id", step.execution());
    switch (news.status) {
      case v1::STEP_STATUS_EXECUTED:
        Set(span, "cicd.pipeline.task.run.result", "success");
        break;
      case v1::STEP_STATUS_FAILED:
        Set(span, "cicd.pipeline.task.run.result", "failure");
        if (news.exit_code != 0) SetNumber(span, "process.exit.code", news.exit_code);
        Fail(span, "step-failed", news.failure);
        break;
      case v1::STEP_STATUS_CANCELLED:
        Set(span, "cicd.pipeline.task.run.result", "cancellation");
        break;
      default:
        Set(span, "cicd.pipeline.task.run.result", "error");
        Fail(span, "interrupted", "the execution was interrupted and is repeated");
        break;
    }
  }

  // The build ended over it.
  void CloseOpen(const StepKey& key, const OpenStep& step) {
    const auto& [stage, replica, number] = key;
    const v1::StageView& view = build_.view.stages(stage);
    const uint32_t wanted = number;
    const auto found = std::find_if(view.steps().begin(), view.steps().end(),
                                    [&](const v1::StepView& one) { return one.number() == wanted; });
    if (found == view.steps().end()) return;
    runs_[{stage, replica}].Touch(step.started_at, End());
    otel::Span& span = Add(fmt::format("{}/step/{}/{}", RunPart(stage, replica), number, ++attempts_[key]),
                           RunPart(stage, replica), NameOf(*found), step.started_at, End());
    AddTask(span, stage, replica, step.worker);
    SetNumber(span, "crossmill.step.number", number);
    Set(span, "cicd.pipeline.task.run.result", "cancellation");
  }

  // From when a worker was given a task until its first step began: layers are fetched and mounted.
  void AddTransfers() {
    std::map<RunKey, int> counts;
    for (const GivenTask& task : build_.tasks) {
      if (task.stage < 0 || task.stage >= build_.view.stages_size()) continue;
      const RunKey key(task.stage, task.replica);
      const auto& began = began_[key];
      const auto first = std::find_if(began.begin(), began.end(), [&](const auto& step) {
        return step.first >= task.granted_at && step.second == task.worker;
      });
      if (first == began.end()) continue;
      runs_[key].Touch(task.granted_at, first->first);
      const std::string parent = RunPart(task.stage, task.replica);
      otel::Span& span = Add(fmt::format("{}/transfer/{}", parent, ++counts[key]), parent, "transfer",
                             task.granted_at, first->first);
      AddTask(span, task.stage, task.replica, task.worker);
    }
  }

  void AddStages() {
    for (const auto& [key, run] : runs_) {
      if (run.first == 0) continue;
      const auto& [stage, replica] = key;
      const v1::StageView& view = build_.view.stages(stage);
      const std::string platform = FormatPlatform(view.platform());
      std::string name = fmt::format("{} {}", view.name(), platform);
      if (replica > 0) name += fmt::format(" replica {}", replica);
      otel::Span& span = Add(RunPart(stage, replica), "build", name, run.first, run.last);
      AddTask(span, stage, replica, "");
      Set(span, "cicd.pipeline.task.name", view.name());
      Set(span, "cicd.pipeline.task.type", "build");
      Set(span, "cicd.pipeline.task.run.id", fmt::format("{}/{}/{}", build_.view.id(), stage, replica));
      // One that failed on one host and not on another has no message.
      const bool failed = replica == 0 ? !view.message().empty() : run.failed > 0;
      Set(span, "cicd.pipeline.task.run.result", failed ? "failure" : "success");
      SetNumber(span, "crossmill.steps.executed", run.executed + run.failed);
      SetNumber(span, "crossmill.steps.cached", run.cached);
      SetNumber(span, "crossmill.steps.shared", run.shared);
      if (failed && replica == 0) Fail(span, "stage-failed", view.message());
    }
  }

  // From the last layer of a platform until its image and verdict were there; then until all are in one
  // index.
  void AddConclusions() {
    int64_t last = 0;
    for (int i = 0; i < build_.view.cells_size(); ++i) {
      const v1::CellView& cell = build_.view.cells(i);
      const std::string platform = FormatPlatform(cell.platform());
      const auto ended = cells_ended_.find(platform);
      if (ended == cells_ended_.end() || cell.status() != v1::BUILD_STATUS_SUCCEEDED) continue;
      last = std::max(last, ended->second);
      if (cell.seconds() <= 0) continue;
      const int64_t built = build_.view.created_at() + static_cast<int64_t>(cell.seconds() * 1e9);
      otel::Span& span =
          Add(fmt::format("conclusion/{}", i), "build", "conclusion " + platform, built, ended->second);
      Set(span, "crossmill.platform", platform);
      Set(span, "oci.manifest.digest", cell.image_digest());
      if (cell.has_comparison()) Set(span, "crossmill.verdict", Word(cell.comparison().verdict()));
    }
    if (last != 0 && build_.view.status() == v1::BUILD_STATUS_SUCCEEDED)
      Set(Add("index", "build", "index", last, End()), "oci.manifest.digest", build_.view.index_digest());
  }

  void AddTask(otel::Span& span, int stage, int replica, std::string_view worker) {
    const v1::StageView& view = build_.view.stages(stage);
    Set(span, "crossmill.platform", FormatPlatform(view.platform()));
    Set(span, "crossmill.stage", view.name());
    if (replica > 0) SetNumber(span, "crossmill.replica", replica);
    Set(span, "cicd.worker.name", worker);
  }

  static std::string RunPart(int stage, int replica) {
    return replica == 0 ? fmt::format("stage/{}", stage) : fmt::format("stage/{}/replica/{}", stage, replica);
  }
  static std::string NameOf(const v1::StepView& step) {
    const std::string text = Printable(step.text().empty() ? step.instruction() : step.text());
    return text.size() <= kMostName ? text : ValidUtf8(text.substr(0, kMostName)) + "…";
  }

  const TracedBuild& build_;
  const TraceContext context_;
  std::vector<otel::Span> spans_;
  std::map<RunKey, StageRun> runs_;
  std::map<StepKey, OpenStep> open_;
  // Executions so far, which number their spans.
  std::map<StepKey, int> attempts_;
  // When steps began, and where.
  std::map<RunKey, std::vector<std::pair<int64_t, std::string>>> began_;
  std::map<std::string, int64_t> cells_ended_;
};

}  // namespace

std::vector<otel::Span> SpansOf(const TracedBuild& build) {
  const TraceContext context =
      ParseTraceparent(build.traceparent).value_or(OwnTrace(build.farm, build.view.id()));
  if (!context.sampled) return {};
  return SpanWriter(build, context).Write();
}

}  // namespace crossmill::coordinator
