#include "common/check/history.h"

#include <algorithm>

namespace crossmill::check {

std::string History::Normalised(std::string_view text) {
  std::string result;
  bool blank = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      blank = !result.empty();
      continue;
    }
    if (blank) result += ' ';
    blank = false;
    result += c;
  }
  return result;
}

void History::Add(PastStep step) {
  // Builds share executions; each took its time once.
  if (step.executed && step.execution != 0 && !executions_.insert(step.execution).second)
    step.executed = false;
  step.text = Normalised(step.text);
  steps_.push_back(std::move(step));
}

History::Cost History::Of(std::string_view stage, std::string_view text) const {
  const std::string wanted = Normalised(text);
  Cost cost;
  for (const PastStep& step : steps_) {
    if (step.stage != stage || step.text != wanted) continue;
    cost.bytes = std::max(cost.bytes, step.bytes);
    if (!step.executed) continue;
    ++cost.runs;
    cost.seconds += step.seconds;
  }
  return cost;
}

int History::Builds(std::string_view stage, std::string_view text) const {
  const std::string wanted = Normalised(text);
  std::set<int64_t> builds;
  for (const PastStep& step : steps_) {
    if (step.stage == stage && step.text == wanted) builds.insert(step.build);
  }
  return static_cast<int>(builds.size());
}

}  // namespace crossmill::check
