#include "cli/attribution/attribution.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/plan/variation.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

std::string Joined(absl::Span<const v1::Aspect> aspects) {
  std::string joined;
  for (size_t i = 0; i < aspects.size(); ++i) {
    if (i > 0) joined += i + 1 == aspects.size() ? " and " : ", ";
    joined += Phrase(aspects[i]);
  }
  return joined;
}

Json WordsOf(absl::Span<const v1::Aspect> aspects) {
  Json words = Json::array();
  for (const v1::Aspect aspect : aspects) words.push_back(Word(aspect));
  return words;
}

const v1::StepComparison* FindCompared(const v1::BuildView& build, const std::string& platform,
                                       uint32_t stage, uint32_t number) {
  for (const v1::CellView& cell : build.cells()) {
    if (FormatPlatform(cell.platform()) != platform) continue;
    for (const v1::StepComparison& step : cell.comparison().steps()) {
      if (step.stage() == stage && step.step_number() == number) return &step;
    }
  }
  return nullptr;
}

}  // namespace

Attribution::Attribution(const v1::BuildView& build, const v1::BuildSubmission& submitted)
    : submitted_(submitted), aspects_(plan::AspectsOf(submitted.options())) {
  for (const v1::CellView& cell : build.cells()) {
    for (const v1::StepComparison& compared : cell.comparison().steps()) {
      if (compared.agrees()) continue;
      Step& step = steps_.emplace_back();
      step.platform = FormatPlatform(cell.platform());
      step.stage = compared.stage();
      step.stage_name = compared.stage_name();
      step.number = compared.step_number();
      step.range = compared.range();
    }
  }
}

Trial Attribution::TrialOf(std::optional<v1::Aspect> aspect) const {
  Trial trial{aspect, submitted_};
  v1::BuildOptions& options = *trial.submission.mutable_options();
  // It is no build whose image anybody asked for.
  options.clear_tags();
  options.set_verify(2);
  options.mutable_vary()->clear_aspects();
  if (aspect) options.mutable_vary()->add_aspects(*aspect);
  // Executions that were varied otherwise say nothing here. Stages that agreed stay as they are.
  options.clear_no_cache();
  options.clear_no_cache_stages();
  std::set<std::string> stages;
  for (const Step& step : steps_) stages.insert(step.stage_name);
  for (const std::string& stage : stages) options.add_no_cache_stages(stage);
  return trial;
}

Trial Attribution::Baseline() const { return TrialOf(std::nullopt); }

std::vector<Trial> Attribution::Singles() const {
  std::vector<Trial> trials;
  const bool any_left = std::any_of(steps_.begin(), steps_.end(),
                                    [](const Step& step) { return step.without != std::optional(true); });
  if (!any_left) return trials;
  for (const v1::Aspect aspect : aspects_) trials.push_back(TrialOf(aspect));
  return trials;
}

void Attribution::Take(const std::optional<v1::Aspect>& aspect, const v1::BuildView& ended) {
  builds_.push_back(ended.id());
  for (Step& step : steps_) {
    std::optional<bool> differed;
    const v1::StepComparison* compared = FindCompared(ended, step.platform, step.stage, step.number);
    if (compared != nullptr && compared->witnesses_size() > 1) differed = !compared->agrees();
    if (aspect) {
      step.with[*aspect] = differed;
    } else {
      step.without = differed;
    }
  }
}

std::vector<v1::Aspect> Attribution::Those(const Step& step, std::optional<bool> differed) const {
  std::vector<v1::Aspect> those;
  for (const v1::Aspect aspect : aspects_) {
    const auto tried = step.with.find(aspect);
    if (tried != step.with.end() && tried->second == differed) those.push_back(aspect);
  }
  return those;
}

std::string Attribution::Render() const {
  std::string text;
  for (const Step& step : steps_) {
    text += fmt::format("  {} {} of {} ({}): ", step.platform, step.number, StagePhrase(step.stage_name),
                        FormatRange(step.range));
    const std::vector<v1::Aspect> with = Those(step, true);
    const std::vector<v1::Aspect> agreed = Those(step, false);
    const std::vector<v1::Aspect> unknown = Those(step, std::nullopt);
    if (step.without == std::optional(true)) {
      text +=
          "differs with nothing varied on purpose, too: by chance, by the time that passes, or by the host\n";
      continue;
    }
    // One pair of executions each: what is said is what was seen.
    if (!with.empty()) {
      text += fmt::format("differed with {} alone", Joined(with));
      if (!agreed.empty()) text += fmt::format("; agreed with {} alone", Joined(agreed));
      if (step.without) text += "; agreed with nothing varied";
      if (with.size() > 1) text += "; what differs with several may differ by chance";
    } else if (!agreed.empty()) {
      text += fmt::format("agreed with {} alone: it takes several, or chance", Joined(agreed));
    } else {
      text += "not known";
    }
    if (!step.without) text += "; with nothing varied it could not be compared";
    if (!unknown.empty()) text += fmt::format("; with {} it could not be compared", Joined(unknown));
    text += "\n";
  }
  if (text.empty()) return text;
  return "attributed, by two executions for each:\n" + text;
}

Json Attribution::Document() const {
  Json steps = Json::array();
  for (const Step& step : steps_) {
    Json without = nullptr;
    if (step.without) without = *step.without ? "differs" : "agrees";
    steps.push_back({{"platform", step.platform},
                     {"stage_name", step.stage_name},
                     {"step", step.number},
                     {"without", without},
                     {"differs_with", WordsOf(Those(step, true))},
                     {"agrees_with", WordsOf(Those(step, false))},
                     {"unknown_with", WordsOf(Those(step, std::nullopt))}});
  }
  return {{"steps", steps}, {"builds", builds_}};
}

}  // namespace crossmill::cli
