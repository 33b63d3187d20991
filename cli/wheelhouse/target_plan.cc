#include "cli/wheelhouse/target_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/show/render_prediction.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

using Way = PlannedPackage::Way;

Way WayOf(const v1::PredictedPackage& package) {
  switch (package.outcome()) {
    case v1::OUTCOME_FAILED:
      return Way::kNone;
    case v1::OUTCOME_SOURCE:
    case v1::OUTCOME_SOURCE_CACHED:
    case v1::OUTCOME_VCS:
      return Way::kCompile;
    default:
      return Way::kFetch;
  }
}

PlannedPackage Planned(const v1::PredictedPackage& package) {
  PlannedPackage planned;
  planned.name = package.name();
  planned.version = package.version();
  planned.extras.assign(package.extras().begin(), package.extras().end());
  planned.way = WayOf(package);
  planned.file_name = package.file_name();
  for (const v1::PredictedReason& reason : package.reasons()) planned.reasons.push_back(reason.sentence());
  planned.help.assign(package.help().begin(), package.help().end());
  return planned;
}

// The one command of the recipe that resolves; null where nothing is said of it, and why.
const v1::PredictedInstall* FindInstall(const v1::Forecast& forecast, std::vector<std::string>* failure) {
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
    if (!platform.failure().empty()) failure->push_back(platform.failure());
    for (const v1::PredictedStep& step : platform.steps()) {
      for (const v1::PredictedGap& gap : step.gaps()) failure->push_back(gap.why());
      if (step.installs_size() > 0 && failure->empty()) return &step.installs(0);
    }
  }
  if (failure->empty()) failure->emplace_back("the farm said nothing of it");
  return nullptr;
}

// What the image has must be what was asked for.
std::string PythonFault(const WheelTarget& target, const v1::PredictedPython& python) {
  if (python.version().starts_with(target.python + ".") && python.abi() == target.Abi()) return "";
  return fmt::format("{} has Python {} ({}), not {}", target.base,
                     python.version().empty() ? "of an unknown version" : Printable(python.version()),
                     python.abi().empty() ? "unknown" : Printable(python.abi()), target.python);
}

void AddNeeds(TargetPlan* plan) {
  std::map<std::string, PlannedPackage*> compiled;
  for (PlannedPackage& package : plan->packages) {
    if (package.way == Way::kCompile) compiled[package.name] = &package;
  }
  for (const BuildRequirement& requirement : plan->build_requirements) {
    const auto needed = compiled.find(requirement.name);
    const auto needing = compiled.find(requirement.needed_by);
    // Another version of it is not what the build takes.
    if (needed == compiled.end() || needing == compiled.end() || needed == needing ||
        needed->second->version != requirement.version)
      continue;
    needing->second->needs.push_back(requirement.name);
  }
  for (auto& [name, package] : compiled) {
    std::sort(package->needs.begin(), package->needs.end());
    package->needs.erase(std::unique(package->needs.begin(), package->needs.end()), package->needs.end());
  }
}

// Level by level; what is left over goes round in a circle, and comes last.
void AddLevels(TargetPlan* plan) {
  std::map<std::string, int> done;
  std::vector<PlannedPackage*> left;
  for (PlannedPackage& package : plan->packages) {
    if (package.way == Way::kCompile) left.push_back(&package);
  }
  for (int level = 0; !left.empty(); ++level) {
    std::vector<PlannedPackage*> later;
    std::vector<PlannedPackage*> now;
    for (PlannedPackage* package : left) {
      const bool ready = std::all_of(package->needs.begin(), package->needs.end(),
                                     [&](const std::string& name) { return done.contains(name); });
      (ready ? now : later).push_back(package);
    }
    const bool circle = now.empty();
    if (circle) now.swap(later);
    for (PlannedPackage* package : now) {
      package->level = level;
      package->in_circle = circle;
      done[package->name] = level;
    }
    left = std::move(later);
  }
}

void AddDoubts(const v1::Forecast& forecast, const v1::PredictedInstall& install, TargetPlan* plan) {
  std::set<std::string> said;
  const auto say = [&](const std::string& text) {
    if (said.insert(text).second) plan->doubts.push_back(text);
  };
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
    for (const v1::PredictedStep& step : platform.steps()) {
      for (const std::string& doubt : step.doubts()) say(doubt);
    }
  }
  for (const v1::PredictedPackage& package : install.packages()) {
    if (package.scope() == "build-dep") continue;
    for (const std::string& doubt : package.doubts()) say(fmt::format("{}: {}", package.name(), doubt));
  }
}

}  // namespace

TargetPlan PlanTarget(const WheelTarget& target, const v1::Forecast& forecast) {
  TargetPlan plan;
  const v1::PredictedInstall* install = FindInstall(forecast, &plan.failure);
  if (install == nullptr) return plan;
  plan.python_version = install->python().version();
  plan.machine = install->python().machine();
  plan.libc = install->python().libc();
  if (!install->solved()) {
    plan.failure.assign(install->failure().begin(), install->failure().end());
    if (plan.failure.empty()) plan.failure.emplace_back("the requirements were not resolved");
    return plan;
  }
  if (std::string fault = PythonFault(target, install->python()); !fault.empty()) {
    plan.failure.push_back(std::move(fault));
    return plan;
  }
  for (const v1::PredictedPackage& package : install->packages()) {
    if (package.scope() == "build-dep") {
      plan.build_requirements.push_back({package.name(), package.version(),
                                         std::string(PredictedWord(package)),
                                         package.needed_by().substr(0, package.needed_by().find(' '))});
    } else if (package.name().empty() || package.version().empty()) {
      plan.failure.push_back(
          fmt::format("which version of {} it is, only its build would say",
                      Printable(package.name().empty() ? package.location() : package.name())));
    } else {
      plan.packages.push_back(Planned(package));
    }
  }
  std::sort(plan.packages.begin(), plan.packages.end(),
            [](const PlannedPackage& a, const PlannedPackage& b) { return a.name < b.name; });
  AddNeeds(&plan);
  AddLevels(&plan);
  AddDoubts(forecast, *install, &plan);
  return plan;
}

std::vector<const PlannedPackage*> BuildOrder(const TargetPlan& plan) {
  std::vector<const PlannedPackage*> order;
  for (const PlannedPackage& package : plan.packages) {
    if (package.way == Way::kCompile) order.push_back(&package);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const PlannedPackage* a, const PlannedPackage* b) { return a->level < b->level; });
  return order;
}

}  // namespace crossmill::cli
