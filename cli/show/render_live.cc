#include "cli/show/render_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/show/render_build.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr std::array<std::string_view, 10> kSpinner = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr size_t kTailLines = 4;

// One line of the picture; `rank` says how much it matters when there is no room (0: always).
struct Line {
  std::string text;
  int rank = 0;
};

class Picture {
 public:
  Picture(const LiveState& state, int64_t now, int frame, TerminalSize size, bool colour)
      : state_(state),
        model_(*state.model),
        now_(now),
        spinner_(kSpinner[static_cast<size_t>(frame) % kSpinner.size()]),
        size_(size),
        colour_(colour) {}

  std::vector<std::string> Draw() {
    Title();
    if (model_.view().status() == v1::BUILD_STATUS_PLANNING) {
      for (const auto& [what, text] : state_.planning)
        Add(1, fmt::format("  {} {}", spinner_, text), "", Ink::kCyan);
    }
    std::vector<std::string> seen;
    for (const v1::StageView& stage : model_.view().stages()) {
      const std::string platform = FormatPlatform(stage.platform());
      if (std::find(seen.begin(), seen.end(), platform) != seen.end()) continue;
      seen.push_back(platform);
      PlatformGroup(stage.platform());
    }
    return Fit();
  }

 private:
  // A line with text at the left, shortened, and a time at the right.
  void Add(int rank, const std::string& left, const std::string& right, Ink ink) {
    const int room = size_.width - 1 - (right.empty() ? 0 : DisplayWidth(right) + 1);
    const std::string text = Ellipsize(left, room);
    std::string line = Paint(text, ink, colour_);
    if (!right.empty()) line += std::string(std::max(1, room + 1 - DisplayWidth(text)), ' ') + right;
    lines_.push_back({line, rank});
  }

  double Since(int64_t then) const { return std::max(0.0, static_cast<double>(now_ - then) / 1e9); }

  void Title() {
    const v1::BuildView& view = model_.view();
    int total = 0;
    int done = 0;
    for (const v1::StageView& stage : view.stages()) {
      for (const v1::StepView& step : stage.steps()) {
        if (step.status() == v1::STEP_STATUS_METADATA) continue;
        ++total;
        done += IsFinished(step.status()) ? 1 : 0;
      }
    }
    std::string left =
        fmt::format("{} build {} {}", IsFinished(view.status()) ? Glyph(view.status()) : spinner_, view.id(),
                    Word(view.status()));
    if (total > 0) left += fmt::format("  {}/{} steps", done, total);
    if (!view.warnings().empty()) left += fmt::format("  ! {}", Printable(*view.warnings().rbegin()));
    Add(0, left, view.created_at() == 0 ? "" : FormatSeconds(Since(view.created_at())), Ink::kBold);
  }

  void PlatformGroup(const v1::Platform& platform) {
    std::string heading = FormatPlatform(platform);
    Ink ink = Ink::kBold;
    for (const v1::CellView& cell : model_.view().cells()) {
      if (!SamePlatform(cell.platform(), platform) || !IsFinished(cell.status())) continue;
      heading += fmt::format("  {} {}", Glyph(cell.status()), Word(cell.status()));
      ink = InkOf(cell.status());
    }
    Add(1, heading, "", ink);
    for (const v1::StageView& stage : model_.view().stages()) {
      if (SamePlatform(stage.platform(), platform)) StageLines(stage);
    }
  }

  // A stage is one line while it waits or is done, and one per running step with its last lines.
  void StageLines(const v1::StageView& stage) {
    uint32_t done = 1;
    uint32_t cached = 0;
    double seconds = 0;
    bool complete = true;
    bool active = false;
    for (const v1::StepView& step : stage.steps()) {
      if (step.status() == v1::STEP_STATUS_RUNNING) {
        active = true;
        Running(stage, 0, step);
      }
      for (const v1::ReplicaStep& replica : step.replicas()) {
        if (replica.status() != v1::STEP_STATUS_RUNNING) continue;
        active = true;
        Running(stage, replica.replica(), step);
      }
      if (step.status() == v1::STEP_STATUS_FAILED) {
        Add(0, fmt::format("  ✗ {} {}", StepLabel(stage, step.number()), Printable(step.text())),
            FormatSeconds(step.seconds()), Ink::kRed);
        return;
      }
      if (step.status() == v1::STEP_STATUS_EXECUTED) seconds += step.seconds();
      if (step.status() == v1::STEP_STATUS_CACHED || step.status() == v1::STEP_STATUS_SHARED) ++cached;
      complete = complete && IsFinished(step.status());
      if (complete) done = step.number();
    }
    if (active) return;
    const std::string cache = cached > 0 ? fmt::format("  {} cached", cached) : "";
    if (complete) {
      Add(3, fmt::format("  ✓ {}{}", StepLabel(stage, LastStepNumber(stage)), cache),
          seconds > 0 ? FormatSeconds(seconds) : "", Ink::kGreen);
    } else {
      const std::string label = done == 1 ? StageLabel(stage) + " waiting" : StepLabel(stage, done);
      Add(4, fmt::format("  · {}{}", label, cache), "", Ink::kDim);
    }
  }

  void Running(const v1::StageView& stage, uint32_t replica, const v1::StepView& step) {
    const auto started = model_.StartedAt(stage.index(), replica, step.number());
    std::string label = StepLabel(stage, step.number());
    if (replica > 0) label += fmt::format(" replica {}", replica);
    Add(replica > 0 ? 2 : 1, fmt::format("  {} {} {}", spinner_, label, Printable(step.text())),
        started ? FormatSeconds(Since(*started)) : "", Ink::kCyan);
    const auto tail = state_.tails.find({stage.index(), replica, step.number()});
    if (tail == state_.tails.end() || replica > 0) return;
    const size_t count = std::min(kTailLines, tail->second.size());
    for (size_t i = tail->second.size() - count; i < tail->second.size(); ++i) {
      // Older lines go first when there is no room.
      const int rank = 5 + static_cast<int>(tail->second.size() - i);
      Add(rank, "      │ " + tail->second[i], "", Ink::kDim);
    }
  }

  // Drops what matters least, from the bottom, until the picture fits.
  std::vector<std::string> Fit() {
    const size_t room = static_cast<size_t>(std::max(2, size_.height - 1));
    while (lines_.size() > room) {
      auto least = std::max_element(lines_.rbegin(), lines_.rend(),
                                    [](const Line& a, const Line& b) { return a.rank < b.rank; });
      lines_.erase(std::next(least).base());
    }
    std::vector<std::string> result;
    for (Line& line : lines_) result.push_back(std::move(line.text));
    return result;
  }

  const LiveState& state_;
  const BuildModel& model_;
  int64_t now_;
  std::string_view spinner_;
  TerminalSize size_;
  bool colour_;
  std::vector<Line> lines_;
};

}  // namespace

std::vector<std::string> RenderLive(const LiveState& state, int64_t now, int frame, TerminalSize size,
                                    bool colour) {
  if (state.model == nullptr) {
    if (state.activity.empty()) return {};
    const std::string_view spinner = kSpinner[static_cast<size_t>(frame) % kSpinner.size()];
    return {Ellipsize(fmt::format("{} {}", spinner, state.activity), size.width - 1)};
  }
  return Picture(state, now, frame, size, colour).Draw();
}

}  // namespace crossmill::cli
