#include "cli/show/acceleration/render_acceleration.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/words/acceleration.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

constexpr size_t kShortDigest = 19;

std::string Tools(const google::protobuf::RepeatedPtrField<std::string>& tools) {
  return Printable(absl::StrJoin(tools, ", "));
}

// "Dockerfile:3".
std::string StepPlace(const v1::StepView& step) {
  return fmt::format("{}:{}", Printable(step.range().file()), step.range().first_line());
}

std::string CheckText(const v1::AccelerationCheck& check) {
  std::string text(CheckWord(check.outcome()));
  if (check.accelerated_seconds() > 0 && check.emulated_seconds() > 0) {
    text += fmt::format("; accelerated {}, emulated {}", FormatSeconds(check.accelerated_seconds()),
                        FormatSeconds(check.emulated_seconds()));
  }
  if (!check.path().empty()) text += fmt::format("; first in /{}", Printable(check.path()));
  if (!check.reason().empty()) text += fmt::format("; {}", Printable(check.reason()));
  return text;
}

}  // namespace

std::string RenderAcceleration(const v1::BuildView& build, const v1::CellView& cell) {
  // By set, digest and tools: how many steps.
  std::map<std::string, int> sets;
  // What stayed emulated of them, and why: how many steps.
  std::map<std::string, int> unmatched;
  std::string checks;
  for (const uint32_t index : cell.stages()) {
    if (index >= static_cast<uint32_t>(build.stages_size())) continue;
    for (const v1::StepView& step : build.stages(static_cast<int>(index)).steps()) {
      if (step.has_acceleration()) {
        const v1::StepAcceleration& set = step.acceleration();
        ++sets[fmt::format("{} {} ({})", Printable(set.set()),
                           Printable(set.digest().substr(0, kShortDigest)), Tools(set.tools()))];
        for (const std::string& line : set.unmatched()) ++unmatched[Printable(line)];
      }
      if (step.has_acceleration_check())
        checks += fmt::format("    {}: {}\n", StepPlace(step), CheckText(step.acceleration_check()));
    }
  }
  std::string text;
  for (const auto& [set, steps] : sets)
    text += fmt::format("  accelerated  {} {} by {}, where they fit\n", steps, steps == 1 ? "step" : "steps",
                        set);
  for (const auto& [line, steps] : unmatched)
    text += fmt::format("    emulated in {} {}: {}\n", steps, steps == 1 ? "step" : "steps", line);
  if (!checks.empty()) text += "  compared with emulated executions\n" + checks;
  return text;
}

Json AccelerationJson(const v1::StepView& step) {
  if (!step.has_acceleration()) return nullptr;
  const v1::StepAcceleration& set = step.acceleration();
  return {
      {"set", set.set()}, {"digest", set.digest()}, {"tools", set.tools()}, {"unmatched", set.unmatched()}};
}

Json AccelerationCheckJson(const v1::StepView& step) {
  if (!step.has_acceleration_check()) return nullptr;
  const v1::AccelerationCheck& check = step.acceleration_check();
  const auto seconds = [](double value) { return value > 0 ? Json(value) : Json(nullptr); };
  return {{"outcome", CheckWord(check.outcome())},
          {"set", TextOrNull(check.set())},
          {"digest", check.digest()},
          {"accelerated_seconds", seconds(check.accelerated_seconds())},
          {"emulated_seconds", seconds(check.emulated_seconds())},
          {"path", TextOrNull(Printable(check.path()))},
          {"reason", TextOrNull(check.reason())}};
}

std::string RenderOffers(const v1::WorkerInfo& worker) {
  std::string text;
  for (const v1::PlatformSupport& support : worker.platforms()) {
    if (!support.processor().empty())
      text += fmt::format("  {} is emulated as the processor {}\n", FormatPlatform(support.platform()),
                          Printable(support.processor()));
  }
  for (const v1::AcceleratorOffer& offer : worker.accelerators()) {
    text += fmt::format("  accelerators: {} {}: {}\n", Printable(offer.set()),
                        Printable(offer.digest().substr(0, kShortDigest)),
                        offer.tools().empty() ? "not used" : Tools(offer.tools()));
    for (const std::string& problem : offer.problems())
      text += fmt::format("    not {}\n", Printable(problem));
  }
  return text;
}

Json OffersJson(const v1::WorkerInfo& worker) {
  Json list = Json::array();
  for (const v1::AcceleratorOffer& offer : worker.accelerators()) {
    list.push_back({{"set", offer.set()},
                    {"digest", TextOrNull(offer.digest())},
                    {"architecture", TextOrNull(offer.architecture())},
                    {"tools", offer.tools()},
                    {"problems", offer.problems()}});
  }
  return list;
}

std::string RenderSwitchedOff(absl::Span<const v1::SwitchedOffAccelerator> accelerators, int64_t now) {
  if (accelerators.empty()) return "no accelerator set is switched off\n";
  std::string text;
  for (const v1::SwitchedOffAccelerator& each : accelerators) {
    text += fmt::format("{} {}: switched off {} by build {} on {}\n  {}\n", Printable(each.digest()),
                        Printable(each.set()), FormatAge(each.at(), now), each.build(),
                        Printable(each.worker()), Printable(each.step()));
    if (!each.path().empty()) text += fmt::format("  differs first in /{}\n", Printable(each.path()));
    text += fmt::format("  {}\n  once it is known why: crossmill admin accelerators allow {}\n",
                        Printable(each.reason()), Printable(each.digest()));
  }
  return text;
}

Json SwitchedOffJson(absl::Span<const v1::SwitchedOffAccelerator> accelerators) {
  Json list = Json::array();
  for (const v1::SwitchedOffAccelerator& each : accelerators) {
    list.push_back({{"digest", each.digest()},
                    {"set", TextOrNull(each.set())},
                    {"at", each.at() == 0 ? Json(nullptr) : Json(FormatRfc3339(each.at()))},
                    {"build", each.build()},
                    {"step", each.step()},
                    {"worker", each.worker()},
                    {"path", TextOrNull(Printable(each.path()))},
                    {"reason", each.reason()}});
  }
  return list;
}

}  // namespace crossmill::cli
