#include "coordinator/engine/trust/acceleration_reports.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/layer/tar_entry.h"
#include "common/words/acceleration.h"

namespace crossmill::coordinator {
namespace {

// A worker's word, and a recipe's.
constexpr size_t kLongestTold = 1024;

}  // namespace

bool MayBeAccelerated(const v1::Task& task, const v1::Step& step, const v1::WorkerInfo& worker) {
  if (!step.has_run() || task.acceleration() == v1::ACCELERATION_OFF) return false;
  const auto& off = task.accelerators_off();
  return std::any_of(worker.accelerators().begin(), worker.accelerators().end(),
                     [&](const v1::AcceleratorOffer& offer) {
                       return !offer.tools().empty() && IsSetFor(offer.architecture(), task.platform()) &&
                              std::find(off.begin(), off.end(), offer.digest()) == off.end();
                     });
}

std::optional<v1::SwitchedOffAccelerator> AccusedSet(const v1::StepResult& result,
                                                     const ReportedStep& reported) {
  const v1::AccelerationCheck& check = result.acceleration_check();
  if (check.outcome() != v1::AccelerationCheck::OUTCOME_SET_DIFFERS || !HashOfOci(check.digest()).ok())
    return std::nullopt;
  v1::SwitchedOffAccelerator accused;
  accused.set_digest(check.digest());
  accused.set_set(std::string(CutBetweenCharacters(check.set(), kLongestTold)));
  accused.set_at(reported.now);
  accused.set_build(reported.build);
  const v1::Step& step = reported.step;
  accused.set_step(fmt::format("{}:{}: {}", step.range().file(), step.range().first_line(),
                               layer::Printable(step.text().substr(0, kLongestTold))));
  accused.set_worker(reported.worker);
  accused.set_path(check.path().substr(0, kLongestTold));
  accused.set_reason(std::string(CutBetweenCharacters(check.reason(), kLongestTold)));
  return accused;
}

std::string TellSwitchedOff(const v1::SwitchedOffAccelerator& accelerator) {
  const std::string where =
      accelerator.path().empty() ? "its outcome" : "/" + layer::Printable(accelerator.path());
  return fmt::format(
      "accelerator set {}{}{} is switched off for the farm: {} differs in {}: {}; "
      "`crossmill admin accelerators ls` has it",
      accelerator.set(), accelerator.set().empty() ? "" : " ", accelerator.digest(), accelerator.step(),
      where, accelerator.reason());
}

TakenAcceleration TakeAcceleration(const v1::StepResult& result, const ReportedStep& reported,
                                   SwitchedOffAccelerators* off,
                                   const std::function<void(const v1::SwitchedOffAccelerator&)>& on_off) {
  TakenAcceleration taken;
  if (off == nullptr) return taken;
  if (const auto accused = AccusedSet(result, reported)) {
    const absl::StatusOr<int64_t> results = off->SwitchOff(*accused);
    // A farm that has so many has other sorrows; the notice says it all the same.
    if (!absl::IsResourceExhausted(results.status())) taken.recorded = results.status();
    if (results.ok() && *results >= 0 && on_off) on_off(*accused);
    taken.notice = TellSwitchedOff(*accused);
  }
  const std::string& digest = result.acceleration().digest();
  if (!digest.empty() && off->IsOff(digest)) {
    taken.lost = fmt::format("step {} was made with accelerator set {}, which is switched off by now",
                             result.number(), digest);
  }
  return taken;
}

}  // namespace crossmill::coordinator
