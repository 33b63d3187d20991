#include "cli/show/progress.h"

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <thread>

#include "cli/show/render_json_lines.h"
#include "cli/show/render_live.h"
#include "cli/show/render_plain.h"
#include "common/base/mutex.h"
#include "common/base/utf8.h"

namespace crossmill::cli {
namespace {

class PlainProgress final : public Progress {
 public:
  PlainProgress(TextSink sink, bool colour) : sink_(std::move(sink)), colour_(colour) {}
  void Note(std::string_view text) override { sink_("#" + std::string(text) + "\n"); }
  void Activity(std::string_view) override {}
  void OnEvent(const v1::BuildEvent& event, const BuildModel& model) override {
    if (event.event_case() == v1::BuildEvent::kStepChanged && !IsNews(event.step_changed())) return;
    if (const std::string text = RenderPlainEvent(event, model, colour_); !text.empty()) sink_(text);
  }
  void OnLine(const ConsoleLine& line, const BuildModel& model) override {
    if (const std::string text = RenderPlainLine(line, model, colour_); !text.empty()) sink_(text);
  }
  // A line every few seconds for each thing, and one at its end.
  void OnPlanning(const v1::PlanningProgress& progress, const BuildModel&) override {
    const auto now = std::chrono::steady_clock::now();
    const bool complete = progress.total_bytes() > 0 && progress.done_bytes() >= progress.total_bytes();
    const auto [told, fresh] = planning_told_.try_emplace(progress.what(), now);
    if (!fresh && !complete && now - told->second < kPlanningPause) return;
    told->second = now;
    sink_("#planning " + RenderPlanning(progress) + "\n");
  }
  void Finish() override {}

 private:
  static constexpr auto kPlanningPause = std::chrono::seconds(3);

  // A step's event may come again with something that plain lines do not show.
  bool IsNews(const v1::BuildEvent::StepChanged& changed) {
    const v1::StepStatus status = ExecutionOf(changed).status();
    v1::StepStatus& told = told_[{changed.stage(), changed.replica(), changed.step().number()}];
    return std::exchange(told, status) != status || status == v1::STEP_STATUS_RUNNING;
  }

  TextSink sink_;
  bool colour_;
  std::map<StepKey, v1::StepStatus> told_;
  std::map<std::string, std::chrono::steady_clock::time_point> planning_told_;
};

class QuietProgress final : public Progress {
 public:
  void Note(std::string_view) override {}
  void Activity(std::string_view) override {}
  void OnEvent(const v1::BuildEvent&, const BuildModel&) override {}
  void OnLine(const ConsoleLine&, const BuildModel&) override {}
  void Finish() override {}
};

class JsonProgress final : public Progress {
 public:
  JsonProgress(TextSink sink, Clock& clock) : sink_(std::move(sink)), clock_(clock) {}
  void Note(std::string_view text) override { Write(NoteLine("note", text, UnixNanos(clock_.Now()))); }
  void Activity(std::string_view text) override {
    Write(NoteLine("activity", text, UnixNanos(clock_.Now())));
  }
  void OnEvent(const v1::BuildEvent& event, const BuildModel& model) override {
    Write(EventLine(event, model));
    last_ = model;
  }
  void OnLog(const v1::WatchedLog& log, const BuildModel& model) override {
    // A resumed watch sends chunks again.
    int64_t& next = next_offset_[log.execution()];
    if (log.offset() < next) return;
    next = log.offset() + 1;
    Write(LogLine(log, model));
  }
  void OnLine(const ConsoleLine&, const BuildModel&) override {}
  void OnPlanning(const v1::PlanningProgress& progress, const BuildModel& model) override {
    Write(PlanningLine(progress, model, UnixNanos(clock_.Now())));
  }
  void Finish() override {
    if (last_) Write(ResultLine(*last_, UnixNanos(clock_.Now())));
    last_.reset();
  }

 private:
  void Write(const Json& line) { sink_(PrintableJson(WriteJson(line)) + "\n"); }

  TextSink sink_;
  Clock& clock_;
  std::optional<BuildModel> last_;
  std::map<int64_t, int64_t> next_offset_;
};

constexpr std::string_view kHideCursor = "\x1b[?25l";
constexpr std::string_view kShowCursor = "\x1b[?25h";
// A terminal that knows them shows everything between them at once.
constexpr std::string_view kBeginUpdate = "\x1b[?2026h";
constexpr std::string_view kEndUpdate = "\x1b[?2026l";
constexpr auto kFrameTime = std::chrono::milliseconds(100);
constexpr size_t kKeptLines = 8;

// Redraws the picture in place ten times a second: cursor up, each line overwritten and cleared to
// its end, in one write.
class LiveProgress final : public Progress {
 public:
  LiveProgress(TextSink sink, Clock& clock, bool colour, std::function<TerminalSize()> size)
      : sink_(std::move(sink)),
        clock_(clock),
        colour_(colour),
        size_(std::move(size)),
        drawer_([this](std::stop_token stop) { Run(stop); }) {}
  ~LiveProgress() override { Finish(); }

  void Note(std::string_view text) override {
    MutexLock lock(mutex_);
    notes_ += PrintableText(text, colour_) + "\n";
  }

  void Activity(std::string_view text) override {
    MutexLock lock(mutex_);
    state_.activity = text;
  }

  void OnEvent(const v1::BuildEvent& event, const BuildModel& model) override {
    MutexLock lock(mutex_);
    model_ = model;
    state_.model = &*model_;
    if (event.event_case() == v1::BuildEvent::kNotice)
      notes_ += PrintableText(RenderPlainEvent(event, model, colour_), colour_);
  }

  void OnLine(const ConsoleLine& line, const BuildModel&) override {
    MutexLock lock(mutex_);
    auto& tail = state_.tails[{line.stage, line.replica, line.step}];
    tail.push_back(line.text);
    if (tail.size() > kKeptLines) tail.pop_front();
  }

  void OnPlanning(const v1::PlanningProgress& progress, const BuildModel&) override {
    MutexLock lock(mutex_);
    state_.planning[progress.what()] = RenderPlanning(progress);
  }

  void Finish() override {
    if (!drawer_.joinable()) return;
    {
      // Under the lock, or the drawer could miss it between its look and its wait.
      MutexLock lock(mutex_);
      drawer_.request_stop();
      wake_.NotifyAll();
    }
    drawer_.join();
    MutexLock lock(mutex_);
    // Notes stay, the picture goes: the report takes its place.
    sink_(Erase() + notes_ + std::string(kShowCursor));
    notes_.clear();
  }

 private:
  void Run(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    while (!stop.stop_requested()) {
      Draw();
      wake_.WaitFor(mutex_, kFrameTime);
    }
  }

  std::string Erase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::string text;
    if (drawn_ > 0) text = "\x1b[" + std::to_string(drawn_) + "A\r\x1b[J";
    drawn_ = 0;
    return text;
  }

  void Draw() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::vector<std::string> lines =
        RenderLive(state_, UnixNanos(clock_.Now()), frame_++, size_(), colour_);
    std::string text;
    if (!notes_.empty()) text += Erase() + std::exchange(notes_, {});
    if (drawn_ > 0) text += "\x1b[" + std::to_string(drawn_) + "A\r";
    for (const std::string& line : lines) text += PrintableText(line, colour_) + "\x1b[K\n";
    // A shorter picture leaves old lines below it.
    text += "\x1b[J";
    drawn_ = lines.size();
    sink_(std::string(kBeginUpdate) + std::string(kHideCursor) + text + std::string(kEndUpdate));
  }

  TextSink sink_;
  Clock& clock_;
  const bool colour_;
  std::function<TerminalSize()> size_;
  Mutex mutex_;
  CondVar wake_;
  std::optional<BuildModel> model_ ABSL_GUARDED_BY(mutex_);
  LiveState state_ ABSL_GUARDED_BY(mutex_);
  std::string notes_ ABSL_GUARDED_BY(mutex_);
  size_t drawn_ ABSL_GUARDED_BY(mutex_) = 0;
  int frame_ ABSL_GUARDED_BY(mutex_) = 0;
  // Last: it uses everything above.
  std::jthread drawer_;
};

}  // namespace

std::unique_ptr<Progress> MakePlainProgress(TextSink sink, bool colour) {
  return std::make_unique<PlainProgress>(std::move(sink), colour);
}

std::unique_ptr<Progress> MakeQuietProgress() { return std::make_unique<QuietProgress>(); }

std::unique_ptr<Progress> MakeJsonProgress(TextSink sink, Clock& clock) {
  return std::make_unique<JsonProgress>(std::move(sink), clock);
}

std::unique_ptr<Progress> MakeLiveProgress(TextSink sink, Clock& clock, bool colour,
                                           std::function<TerminalSize()> size) {
  return std::make_unique<LiveProgress>(std::move(sink), clock, colour, std::move(size));
}

}  // namespace crossmill::cli
