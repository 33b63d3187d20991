#include "coordinator/verdict/outvoted.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "coordinator/verdict/clock_explanation.h"

namespace crossmill::verdict {
namespace {

const std::string* ValueOf(const v1::Witness& witness, v1::Aspect aspect) {
  for (const v1::Circumstance& each : witness.circumstances()) {
    if (each.aspect() == aspect) return &each.value();
  }
  return nullptr;
}

bool HaveInCommon(const v1::Witness& one, const v1::Witness& other, v1::Aspect aspect) {
  const std::string* ours = ValueOf(one, aspect);
  const std::string* theirs = ValueOf(other, aspect);
  // What nobody told may be anything: also the same.
  return ours == nullptr || theirs == nullptr || *ours == *theirs;
}

bool IsExplainedByClock(const v1::Witness& alone, const std::vector<const v1::Witness*>& others,
                        bool may_be_time) {
  std::vector<std::string_view> values;
  for (const v1::Witness* other : others) {
    const std::string* value = ValueOf(*other, v1::ASPECT_CLOCK);
    if (value == nullptr) return true;
    values.push_back(*value);
  }
  return CanClockExplain(*ValueOf(alone, v1::ASPECT_CLOCK), values, may_be_time);
}

// The others have something in common that `alone` has with none of them.
bool IsExplained(const v1::Witness& alone, const std::vector<const v1::Witness*>& others, bool may_be_time) {
  std::set<v1::Aspect> aspects;
  for (const v1::Circumstance& each : alone.circumstances()) aspects.insert(each.aspect());
  for (const v1::Witness* other : others) {
    for (const v1::Circumstance& each : other->circumstances()) aspects.insert(each.aspect());
  }
  return std::any_of(aspects.begin(), aspects.end(), [&](v1::Aspect aspect) {
    if (ValueOf(alone, aspect) == nullptr) return true;
    if (aspect == v1::ASPECT_CLOCK) return IsExplainedByClock(alone, others, may_be_time);
    const bool shared = std::all_of(others.begin() + 1, others.end(), [&](const v1::Witness* other) {
      return HaveInCommon(*others.front(), *other, aspect);
    });
    return shared && std::none_of(others.begin(), others.end(), [&](const v1::Witness* other) {
             return HaveInCommon(alone, *other, aspect);
           });
  });
}

}  // namespace

void MarkOutvoted(bool by_worker, bool may_be_time, std::vector<v1::Witness>* witnesses) {
  std::map<std::string, std::vector<v1::Witness*>> by_layer;
  for (v1::Witness& witness : *witnesses) {
    // A failure is no vote.
    if (witness.has_layer()) by_layer[witness.layer().tar().hash()].push_back(&witness);
  }
  if (by_layer.size() != 2) return;
  v1::Witness* alone = nullptr;
  std::vector<const v1::Witness*> others;
  for (const auto& [layer, voters] : by_layer) {
    if (voters.size() == 1 && alone == nullptr) {
      alone = voters.front();
    } else {
      others.assign(voters.begin(), voters.end());
    }
  }
  if (alone == nullptr || others.size() < 2) return;
  const auto place = [&](const v1::Witness& witness) {
    return by_worker ? witness.worker() : witness.host_id();
  };
  std::set<std::string> places;
  for (const v1::Witness* other : others) places.insert(place(*other));
  if (places.size() < 2 || places.contains(place(*alone)) || IsExplained(*alone, others, may_be_time)) return;
  alone->set_outvoted(true);
}

}  // namespace crossmill::verdict
