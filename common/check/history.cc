#include "common/check/history.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::check {

std::string History::Normalised(std::string_view text) {
  std::string result;
  bool flags = true;
  while (true) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return result;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(" \t\r\n"));
    text.remove_prefix(word.size());
    if (result.empty()) {
      result = absl::AsciiStrToUpper(Av(word));
    } else if (!flags || !word.starts_with("--")) {
      flags = false;
      result += ' ';
      result += word;
    }
  }
}

namespace {

// Records of older coordinators call a stage without name by its number alone.
std::string Label(std::string stage) {
  const bool number = !stage.empty() && stage.find_first_not_of("0123456789") == std::string::npos;
  return number ? "stage-" + stage : stage;
}

}  // namespace

void History::Add(PastPackage package) {
  package.stage = Label(std::move(package.stage));
  packages_.push_back(std::move(package));
}

void History::Add(PastStep step) {
  step.stage = Label(std::move(step.stage));
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
