#include "coordinator/core/circumstances.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/words/told_clock.h"
#include "common/words/words.h"

namespace crossmill::core {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// The coarsest of the short forms in which programs write the time: zip and FAT keep steps of two seconds.
constexpr int64_t kStep = 2 * kSecond;

// How far apart the clocks of executions were.
struct Distance {
  // Between the end of the earlier one and the begin of the later one, in nanoseconds; 0 if they overlap.
  int64_t gap = 0;
  // No step of two seconds is in both: what depends on the second cannot be the same by chance.
  bool apart = false;
};

Distance DistanceOf(const ClockInterval& a, const ClockInterval& b) {
  const ClockInterval& early = a.begin <= b.begin ? a : b;
  const ClockInterval& late = a.begin <= b.begin ? b : a;
  return {.gap = std::max<int64_t>(0, late.begin - early.end),
          .apart = late.begin / kStep > early.end / kStep};
}

// Of several executions' clocks; nanoseconds.
struct Spread {
  // Of all that are apart, the nearest two and the farthest; nullopt: no two are.
  std::optional<int64_t> nearest;
  std::optional<int64_t> farthest;
  bool all_apart = true;
};

Spread SpreadOf(const std::vector<ClockInterval>& intervals) {
  Spread spread;
  for (size_t i = 0; i < intervals.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Distance distance = DistanceOf(intervals[i], intervals[j]);
      spread.all_apart = spread.all_apart && distance.apart;
      if (!distance.apart) continue;
      spread.nearest = std::min(spread.nearest.value_or(distance.gap), distance.gap);
      spread.farthest = std::max(spread.farthest.value_or(distance.gap), distance.gap);
    }
  }
  return spread;
}

// Rounded down.
std::string FormatApart(int64_t nanos) {
  const int64_t seconds = nanos / kSecond;
  if (seconds >= 2 * 86400) return fmt::format("at least {} days", seconds / 86400);
  if (seconds >= 3600) return fmt::format("at least {} h", seconds / 3600);
  if (seconds >= 60) return fmt::format("at least {} min", seconds / 60);
  if (seconds >= 1) return fmt::format("at least {} s", seconds);
  if (nanos >= 1'000'000) return fmt::format("at least {} ms", nanos / 1'000'000);
  return "less than 1 ms";
}

std::string Joined(const std::vector<std::string_view>& words) {
  std::string joined;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) joined += i + 1 == words.size() ? " and " : ", ";
    joined += words[i];
  }
  return joined;
}

// What an execution is given is fixed by its step (and its key) unless somebody asks for another one: that it
// is the same goes without saying.
bool IsSetByTheStep(v1::Aspect aspect) {
  return aspect == v1::ASPECT_PROCESS_IDS || aspect == v1::ASPECT_ENVIRONMENT ||
         aspect == v1::ASPECT_TIME_ZONE || aspect == v1::ASPECT_LOCALE || aspect == v1::ASPECT_SEARCH_PATH;
}

// What the RUNs of one comparison say of each aspect.
class Tally {
 public:
  void Add(const v1::StepComparison& step) {
    std::map<v1::Aspect, std::vector<std::string_view>> values;
    size_t executions = 0;
    for (const v1::Witness& witness : step.witnesses()) {
      if (!witness.has_layer()) continue;
      ++executions;
      for (const auto& [aspect, told] : OnceEach(witness)) values[aspect].push_back(told);
    }
    if (executions < 2) return;
    ++runs_;
    for (const auto& [aspect, told] : values) {
      if (told.size() != executions || Phrase(aspect).empty()) continue;
      ++known_[aspect];
      (Differ(aspect, told) ? varied_ : equal_).insert(aspect);
    }
  }

  void Describe(v1::CellComparison* comparison) const {
    std::vector<std::string_view> varied;
    std::vector<std::string_view> equal;
    std::string text;
    for (const v1::Aspect aspect : varied_) {
      // Of a RUN whose executions did not all tell it, it is not known.
      if (equal_.contains(aspect) || known_.at(aspect) != runs_) continue;
      comparison->add_varied(aspect);
      if (aspect == v1::ASPECT_CLOCK) {
        text = fmt::format("clock {}{} apart{}", all_apart_ ? "" : "of two executions ", FormatApart(*gap_),
                           WithoutShift());
      } else {
        varied.push_back(Phrase(aspect));
      }
    }
    for (const v1::Aspect aspect : equal_) {
      if (IsSetByTheStep(aspect) && !asked_.contains(aspect)) continue;
      comparison->add_equal(aspect);
      equal.push_back(Phrase(aspect));
    }
    const auto add = [&](const std::vector<std::string_view>& words, std::string_view what) {
      if (words.empty()) return;
      if (!text.empty()) text += "; ";
      text += fmt::format("{} {}", Joined(words), what);
    };
    add(varied, "varied");
    add(equal, "equal");
    for (const auto& [aspect, limit] : limits_) {
      if (aspect == v1::ASPECT_CLOCK && real_all_apart_ && real_gap_) continue;
      text += fmt::format("; the {} not for {}", Phrase(aspect), limit);
    }
    comparison->set_circumstances(text);
  }

 private:
  // What a witness tells. Who tells one aspect twice has not told it: an execution is one voice.
  std::map<v1::Aspect, std::string_view> OnceEach(const v1::Witness& witness) {
    std::map<v1::Aspect, std::string_view> told;
    std::set<v1::Aspect> twice;
    for (const v1::Circumstance& each : witness.circumstances()) {
      if (!told.try_emplace(each.aspect(), each.value()).second) twice.insert(each.aspect());
      if (each.asked()) asked_.insert(each.aspect());
      if (!each.asked() || each.limit().empty()) continue;
      limits_.insert({each.aspect(), each.limit()});
      if (each.aspect() != v1::ASPECT_CLOCK) continue;
      // What the others had it does not say.
      const auto clock = ParseToldClock(each.value());
      if (!clock || !clock->tells_real) real_all_apart_ = false;
    }
    for (const v1::Aspect aspect : twice) told.erase(aspect);
    return told;
  }

  bool Differ(v1::Aspect aspect, const std::vector<std::string_view>& values) {
    if (aspect == v1::ASPECT_CLOCK) return AreClocksApart(values);
    return std::any_of(values.begin(), values.end(), [&](auto value) { return value != values.front(); });
  }

  // One execution at another time is enough to show what depends on it: the farthest two decide. What is said
  // of all of them is the distance of the nearest two.
  bool AreClocksApart(const std::vector<std::string_view>& values) {
    std::vector<ClockInterval> seen;
    std::vector<ClockInterval> real;
    for (const std::string_view value : values) {
      const auto told = ParseToldClock(value);
      if (!told) return false;
      seen.push_back(told->shown);
      real.push_back(told->real);
    }
    const Spread shown = SpreadOf(seen);
    if (!shown.farthest) return false;
    all_apart_ = all_apart_ && shown.all_apart;
    const int64_t gap = shown.all_apart ? *shown.nearest : *shown.farthest;
    gap_ = std::min(gap_.value_or(gap), gap);
    const Spread without = SpreadOf(real);
    real_all_apart_ = real_all_apart_ && without.all_apart;
    if (without.nearest) real_gap_ = std::min(real_gap_.value_or(*without.nearest), *without.nearest);
    return true;
  }

  // For whom the distance is another one: programs that no shift reaches had the real clock.
  std::string WithoutShift() const {
    std::string text;
    for (const auto& [aspect, limit] : limits_) {
      if (aspect != v1::ASPECT_CLOCK || !real_all_apart_ || !real_gap_ || *real_gap_ >= *gap_) continue;
      text += fmt::format(" ({} for {})", FormatApart(*real_gap_), limit);
    }
    return text;
  }

  // RUNs with two executions or more; of how many of them each aspect is known.
  size_t runs_ = 0;
  std::map<v1::Aspect, size_t> known_;
  std::set<v1::Aspect> varied_;
  std::set<v1::Aspect> equal_;
  std::set<std::pair<v1::Aspect, std::string>> limits_;
  // In which some execution was to differ.
  std::set<v1::Aspect> asked_;
  // Of the RUN that is worst off, in nanoseconds.
  std::optional<int64_t> gap_;
  // In every RUN every two executions were apart.
  bool all_apart_ = true;
  // The same without the shift of those that were shown one.
  std::optional<int64_t> real_gap_;
  bool real_all_apart_ = true;
};

}  // namespace

std::optional<ClockInterval> ClockOf(const StepFact& fact) {
  for (const v1::Circumstance& each : fact.circumstances) {
    if (each.aspect() != v1::ASPECT_CLOCK) continue;
    const auto told = ParseToldClock(each.value());
    return told ? std::optional(told->real) : std::nullopt;
  }
  return std::nullopt;
}

bool ClockWasShifted(const v1::Witness& witness) {
  return std::any_of(witness.circumstances().begin(), witness.circumstances().end(),
                     [](const v1::Circumstance& each) {
                       const auto told = ParseToldClock(each.value());
                       return each.aspect() == v1::ASPECT_CLOCK && told && told->IsShifted();
                     });
}

bool StandsApart(const StepFact& first, const StepFact& other) {
  if (other.started_at >= first.finished_at || first.started_at >= other.finished_at) return true;
  const auto ours = ClockOf(first);
  const auto theirs = ClockOf(other);
  return !ours || !theirs || DistanceOf(*ours, *theirs).apart;
}

bool ShareATime(const ClockInterval& one, const ClockInterval& other) {
  return !DistanceOf(one, other).apart;
}

bool WasVaried(const StepFact& fact, absl::Span<const v1::Aspect> aspects) {
  return std::all_of(aspects.begin(), aspects.end(), [&](v1::Aspect aspect) {
    return std::any_of(fact.circumstances.begin(), fact.circumstances.end(),
                       [&](const v1::Circumstance& each) { return each.aspect() == aspect && each.asked(); });
  });
}

void DescribeCircumstances(absl::Span<const int> runs, v1::CellComparison* comparison) {
  Tally tally;
  for (const int run : runs) tally.Add(comparison->steps(run));
  comparison->clear_varied();
  comparison->clear_equal();
  tally.Describe(comparison);
}

}  // namespace crossmill::core
