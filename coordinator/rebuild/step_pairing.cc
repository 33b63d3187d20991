#include "coordinator/rebuild/step_pairing.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/plan/plan_graph.h"
#include "coordinator/rebuild/build_changes.h"

namespace crossmill::coordinator {
namespace {

const v1::StagePlan& StageAt(const PlannedCell& cell, uint32_t stage) {
  return cell.plan.stages(static_cast<int>(stage));
}

uint32_t TargetOf(const PlannedCell& cell) {
  return cell.plan.cells(static_cast<int>(cell.cell)).target_stage();
}

// The texts of its steps, a line each.
std::string LinesOf(const v1::StagePlan& stage) {
  std::string lines;
  for (const v1::Step& step : stage.steps()) {
    for (const char c : step.text()) lines += c == '\n' ? ' ' : c;
    lines += '\n';
  }
  return lines;
}

class StepPairing {
 public:
  StepPairing(const PlannedCell& first, const PlannedCell& second) : first_(first), second_(second) {}

  std::vector<PlannedPair> Pair() {
    const std::vector<uint32_t> ours = plan::StagesOfCell(first_.plan, first_.cell);
    const std::vector<uint32_t> theirs = plan::StagesOfCell(second_.plan, second_.cell);
    PairStages(ours, theirs);
    auto next = theirs.begin();
    // Those before `end` that only the second has.
    const auto add_theirs = [&](uint32_t end) {
      for (; next != theirs.end() && *next < end; ++next) {
        if (!paired_second_.contains(*next)) AddStage(std::nullopt, *next);
      }
    };
    for (const uint32_t stage : ours) {
      const auto other = by_first_.find(stage);
      if (other == by_first_.end()) {
        AddStage(stage, std::nullopt);
        continue;
      }
      add_theirs(other->second);
      AddStages(stage, other->second);
    }
    add_theirs(UINT32_MAX);
    return std::move(pairs_);
  }

 private:
  bool PairTwo(uint32_t first, uint32_t second) {
    if (by_first_.contains(first) || paired_second_.contains(second)) return false;
    by_first_[first] = second;
    paired_second_.insert(second);
    return true;
  }

  void PairStages(const std::vector<uint32_t>& ours, const std::vector<uint32_t>& theirs) {
    uint32_t first = TargetOf(first_);
    uint32_t second = TargetOf(second_);
    while (PairTwo(first, second)) {
      const v1::StagePlan& ours_at = StageAt(first_, first);
      const v1::StagePlan& theirs_at = StageAt(second_, second);
      if (ours_at.base_case() != v1::StagePlan::kBaseStage ||
          theirs_at.base_case() != v1::StagePlan::kBaseStage)
        break;
      first = ours_at.base_stage();
      second = theirs_at.base_stage();
    }
    for (const uint32_t stage : ours) {
      for (const uint32_t other : theirs) {
        if (StageAt(first_, stage).name() == StageAt(second_, other).name() && PairTwo(stage, other)) break;
      }
    }
  }

  // A stage that only one of them has.
  void AddStage(std::optional<uint32_t> first, std::optional<uint32_t> second) {
    const v1::StagePlan& stage = first ? StageAt(first_, *first) : StageAt(second_, *second);
    const auto add = [&](const v1::Step* step) {
      PlannedPair& pair = pairs_.emplace_back();
      if (first) pair.first = PlannedStep{*first, step};
      if (second) pair.second = PlannedStep{*second, step};
    };
    add(nullptr);
    for (const v1::Step& step : stage.steps()) add(&step);
  }

  void AddStages(uint32_t first, uint32_t second) {
    const v1::StagePlan& ours = StageAt(first_, first);
    const v1::StagePlan& theirs = StageAt(second_, second);
    pairs_.push_back({PlannedStep{first, nullptr}, PlannedStep{second, nullptr}});
    std::set<int> gone;
    std::set<int> added;
    for (const v1::DockerfileLine& line : DiffLines(LinesOf(ours), LinesOf(theirs))) {
      if (line.before() != 0) gone.insert(static_cast<int>(line.before()) - 1);
      if (line.now() != 0) added.insert(static_cast<int>(line.now()) - 1);
    }
    int i = 0;
    int j = 0;
    while (i < ours.steps_size() || j < theirs.steps_size()) {
      PlannedPair& pair = pairs_.emplace_back();
      const bool only_first = gone.contains(i);
      const bool only_second = !only_first && added.contains(j);
      if (!only_second) pair.first = PlannedStep{first, &ours.steps(i++)};
      if (!only_first) pair.second = PlannedStep{second, &theirs.steps(j++)};
    }
  }

  const PlannedCell& first_;
  const PlannedCell& second_;
  std::map<uint32_t, uint32_t> by_first_;
  std::set<uint32_t> paired_second_;
  std::vector<PlannedPair> pairs_;
};

}  // namespace

std::vector<PlannedPair> PairSteps(const PlannedCell& first, const PlannedCell& second) {
  return StepPairing(first, second).Pair();
}

}  // namespace crossmill::coordinator
