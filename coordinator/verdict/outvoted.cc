#include "coordinator/verdict/outvoted.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/words/told_clock.h"
#include "coordinator/core/circumstances.h"

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

bool IsExplainedByClock(const v1::Witness& alone, const std::vector<const v1::Witness*>& others) {
  std::vector<std::string_view> values;
  for (const v1::Witness* other : others) {
    const std::string* value = ValueOf(*other, v1::ASPECT_CLOCK);
    if (value == nullptr) return true;
    values.push_back(*value);
  }
  return core::CanClockExplain(*ValueOf(alone, v1::ASPECT_CLOCK), values);
}

// In what programs ask for less of a time than when it is: the hour, the half of the day, the day of the
// month, whether it is a weekend, the month, the year. As containers have them, in UTC.
using CalendarUnits = std::array<int64_t, 6>;

CalendarUnits UnitsAt(int64_t nanoseconds) {
  const absl::CivilSecond at = absl::ToCivilSecond(absl::FromUnixNanos(nanoseconds), absl::UTCTimeZone());
  const absl::Weekday day = absl::GetWeekday(at);
  const bool weekend = day == absl::Weekday::saturday || day == absl::Weekday::sunday;
  return {at.hour(), at.hour() / 12, at.day(), weekend ? 1 : 0, at.month(), at.year()};
}

// All of the others may have been in one unit of the calendar while `alone` was, at least for a time, in
// another.
bool ShareAUnit(const ClockInterval& alone, absl::Span<const ClockInterval> others) {
  const CalendarUnits alone_begin = UnitsAt(alone.begin), alone_end = UnitsAt(alone.end);
  for (size_t unit = 0; unit < alone_begin.size(); ++unit) {
    for (const int64_t time : {others.front().begin, others.front().end}) {
      const int64_t value = UnitsAt(time)[unit];
      const bool shared = std::all_of(others.begin(), others.end(), [&](const ClockInterval& other) {
        return UnitsAt(other.begin)[unit] == value || UnitsAt(other.end)[unit] == value;
      });
      if (shared && (alone_begin[unit] != value || alone_end[unit] != value)) return true;
    }
  }
  return false;
}

// A recipe that asks for the weekend, or for a day, writes a word and no time, so its cause tells nothing.
// Replicas whose clocks are days apart share such units more often than seconds.
bool CalendarExplains(const v1::Witness& alone, const std::vector<const v1::Witness*>& others) {
  const auto clock = [](const v1::Witness& witness) {
    const std::string* value = ValueOf(witness, v1::ASPECT_CLOCK);
    return value == nullptr ? std::nullopt : ParseToldClock(*value);
  };
  const std::optional<ToldClock> ours = clock(alone);
  if (!ours) return true;
  std::vector<ClockInterval> shown, real;
  for (const v1::Witness* other : others) {
    const std::optional<ToldClock> theirs = clock(*other);
    if (!theirs) return true;
    shown.push_back(theirs->shown);
    real.push_back(theirs->real);
  }
  return ShareAUnit(ours->shown, shown) || ShareAUnit(ours->real, real);
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
    if (aspect == v1::ASPECT_CLOCK)
      return CalendarExplains(alone, others) || (may_be_time && IsExplainedByClock(alone, others));
    const bool shared = std::all_of(others.begin() + 1, others.end(), [&](const v1::Witness* other) {
      return HaveInCommon(*others.front(), *other, aspect);
    });
    return shared && std::none_of(others.begin(), others.end(), [&](const v1::Witness* other) {
             return HaveInCommon(alone, *other, aspect);
           });
  });
}

}  // namespace

bool MayBeTime(absl::Span<const v1::CauseGroup> causes, std::string_view causes_problem) {
  if (causes.empty() || !causes_problem.empty()) return true;
  return std::any_of(causes.begin(), causes.end(), [](const v1::CauseGroup& group) {
    const std::string& word = group.cause().class_();
    return word == "embedded-time" || word == "archive-time" || word == "gzip-header" ||
           word == "pyc-header" || word == "pax-header" || word == "file-time" || word == "cache" ||
           word == "input";
  });
}

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
