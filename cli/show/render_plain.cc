#include "cli/show/render_plain.h"

#include <fmt/format.h>

#include "cli/show/render_build.h"
#include "cli/show/text.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

std::string Outcome(const v1::StepView& step) {
  std::string worker = step.worker().empty() ? "" : " on " + step.worker();
  if (step.emulated()) worker += " (emulated)";
  switch (step.status()) {
    case v1::STEP_STATUS_EXECUTED:
      return fmt::format("done {}{}", FormatSeconds(step.seconds()), worker);
    case v1::STEP_STATUS_CACHED:
      return "cached";
    case v1::STEP_STATUS_SHARED:
      return fmt::format("shared with another build, {}", FormatSeconds(step.seconds()));
    case v1::STEP_STATUS_CANCELLED:
      return "cancelled";
    case v1::STEP_STATUS_FAILED: {
      const std::string what =
          step.failure().empty() ? fmt::format("exit code {}", step.exit_code()) : Printable(step.failure());
      return fmt::format("FAILED: {}{}", what, worker);
    }
    default:
      return "";
  }
}

Ink InkOfStep(v1::StepStatus status) {
  if (status == v1::STEP_STATUS_FAILED) return Ink::kRed;
  if (status == v1::STEP_STATUS_CACHED || status == v1::STEP_STATUS_SHARED) return Ink::kGreen;
  return Ink::kPlain;
}

std::string RenderStep(const v1::BuildEvent::StepChanged& changed, const BuildModel& model, bool colour) {
  const v1::StepView step = ExecutionOf(changed);
  const std::string prefix =
      Paint(PlainPrefix(model, changed.stage(), changed.replica(), step.number()), Ink::kCyan, colour);
  const std::string text = Printable(step.text());
  if (step.status() == v1::STEP_STATUS_RUNNING) return fmt::format("{} {}\n", prefix, text);
  std::string outcome = Outcome(step);
  if (outcome.empty()) return "";
  const bool differs = changed.replica() > 0 && step.has_layer() && changed.step().has_layer() &&
                       step.layer().tar().hash() != changed.step().layer().tar().hash();
  if (differs) outcome += ", DIFFERS from the first";
  const std::string painted = Paint(outcome, differs ? Ink::kRed : InkOfStep(step.status()), colour);
  // A step that was not seen running is named with its outcome.
  if (!model.StartedAt(changed.stage(), changed.replica(), step.number())) {
    return fmt::format("{} {} {}\n", prefix, text, painted);
  }
  return fmt::format("{} {}\n", prefix, painted);
}

std::string RenderCellEvent(const v1::CellView& cell, bool colour) {
  if (IsBuilt(cell))
    return fmt::format("{} built\n", Paint("#" + FormatPlatform(cell.platform()), Ink::kCyan, colour));
  if (!IsFinished(cell.status())) return "";
  std::string line = fmt::format("{} {}", Paint("#" + FormatPlatform(cell.platform()), Ink::kCyan, colour),
                                 Paint(Word(cell.status()), InkOf(cell.status()), colour));
  if (!cell.image_digest().empty()) line += " " + cell.image_digest();
  if (cell.comparison().verdict() != v1::VERDICT_UNSPECIFIED &&
      cell.comparison().verdict() != v1::VERDICT_UNVERIFIED) {
    line += fmt::format(" {}{}", Word(cell.comparison().verdict()),
                        cell.comparison().same_host() ? " (same host)" : "");
  }
  if (!cell.message().empty()) line += ": " + Printable(cell.message());
  return line + "\n";
}

}  // namespace

std::string PlainPrefix(const BuildModel& model, uint32_t stage, uint32_t replica, uint32_t step) {
  const v1::StageView* view = model.Stage(stage);
  std::string prefix = view == nullptr
                           ? fmt::format("#stage {} step {}", stage, step)
                           : fmt::format("#{} {}", FormatPlatform(view->platform()), StepLabel(*view, step));
  if (replica > 0) prefix += fmt::format(" replica {}", replica);
  return prefix;
}

std::string RenderPlainEvent(const v1::BuildEvent& event, const BuildModel& model, bool colour) {
  switch (event.event_case()) {
    case v1::BuildEvent::kStatusChanged: {
      const auto& changed = event.status_changed();
      std::string line = fmt::format("#build {} {}", model.view().id(),
                                     Paint(Word(changed.status()), InkOf(changed.status()), colour));
      if (!changed.message().empty()) line += ": " + Printable(changed.message());
      return line + "\n";
    }
    case v1::BuildEvent::kBasePinned: {
      const auto& base = event.base_pinned();
      return fmt::format("#base {} {} {}{}\n", base.reference(), FormatPlatform(base.platform()),
                         base.manifest_digest(), base.stand_in() ? " stand-in" : "");
    }
    case v1::BuildEvent::kStepChanged:
      return RenderStep(event.step_changed(), model, colour);
    case v1::BuildEvent::kCellChanged:
      return RenderCellEvent(event.cell_changed().cell(), colour);
    case v1::BuildEvent::kNotice:
      return fmt::format(
          "{} {}\n",
          event.notice().warning() ? Paint("#warning", Ink::kYellow, colour) : std::string("#note"),
          Printable(event.notice().text()));
    default:
      return "";
  }
}

std::string RenderPlanning(const v1::PlanningProgress& progress) {
  std::string text = Printable(progress.what());
  if (progress.done_bytes() > 0 || progress.total_bytes() > 0)
    text += " " + FormatBytes(progress.done_bytes());
  if (progress.total_bytes() > 0) text += " of " + FormatBytes(progress.total_bytes());
  return text;
}

std::string RenderPlainLine(const ConsoleLine& line, const BuildModel& model, bool colour) {
  if (line.replica > 0) return "";
  const auto started = model.StartedAt(line.stage, line.replica, line.step);
  const double seconds = started ? std::max(0.0, static_cast<double>(line.time - *started) / 1e9) : 0.0;
  return fmt::format("{} {:>8} | {}\n",
                     Paint(PlainPrefix(model, line.stage, line.replica, line.step), Ink::kCyan, colour),
                     FormatSeconds(seconds), line.text);
}

}  // namespace crossmill::cli
