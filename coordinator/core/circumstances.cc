#include "coordinator/core/circumstances.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace crossmill::core {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::optional<ClockInterval> ParseClock(std::string_view value) {
  const size_t blank = std::min(value.find(' '), value.size());
  ClockInterval interval;
  if (!absl::SimpleAtoi(Av(value.substr(0, blank)), &interval.begin) ||
      !absl::SimpleAtoi(Av(value.substr(blank)), &interval.end) || interval.begin < 0 ||
      interval.end < interval.begin) {
    return std::nullopt;
  }
  return interval;
}

// Whole seconds between two intervals; 0: they share a second.
int64_t SecondsApart(const ClockInterval& a, const ClockInterval& b) {
  const ClockInterval& early = a.begin <= b.begin ? a : b;
  const ClockInterval& late = a.begin <= b.begin ? b : a;
  return std::max<int64_t>(0, late.begin / kSecond - early.end / kSecond);
}

std::string FormatApart(int64_t seconds) {
  if (seconds >= 2 * 86400) return fmt::format("{} days", seconds / 86400);
  if (seconds >= 3600) return fmt::format("{} h", seconds / 3600);
  if (seconds >= 60) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} s", seconds);
}

std::string_view Phrase(v1::Aspect aspect) {
  switch (aspect) {
    case v1::ASPECT_CLOCK:
      return "clock";
    case v1::ASPECT_HOST_NAME:
      return "host name";
    case v1::ASPECT_PROCESSORS:
      return "number of processors";
    case v1::ASPECT_FILE_ORDER:
      return "file order";
    case v1::ASPECT_PROCESS_IDS:
      return "process ids";
    case v1::ASPECT_KERNEL:
      return "kernel";
    case v1::ASPECT_CPU_MODEL:
      return "CPU model";
    default:
      return "";
  }
}

std::string Joined(const std::vector<std::string_view>& words) {
  std::string joined;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) joined += i + 1 == words.size() ? " and " : ", ";
    joined += words[i];
  }
  return joined;
}

// What the steps of one comparison say of each aspect.
class Tally {
 public:
  void Add(const v1::StepComparison& step) {
    std::map<v1::Aspect, std::vector<std::string_view>> values;
    size_t executions = 0;
    for (const v1::Witness& witness : step.witnesses()) {
      if (!witness.has_layer()) continue;
      ++executions;
      for (const v1::Circumstance& each : witness.circumstances()) {
        values[each.aspect()].push_back(each.value());
        if (each.asked() && !each.limit().empty()) limits_.insert({each.aspect(), each.limit()});
      }
    }
    if (executions < 2) return;
    for (const auto& [aspect, told] : values) {
      // Of an execution that tells nothing, nothing is known.
      if (told.size() != executions || Phrase(aspect).empty()) continue;
      (Differ(aspect, told) ? varied_ : equal_).insert(aspect);
    }
  }

  void Describe(v1::CellComparison* comparison) const {
    std::vector<std::string_view> varied;
    std::vector<std::string_view> equal;
    std::string text;
    for (const v1::Aspect aspect : varied_) {
      if (equal_.contains(aspect)) continue;
      comparison->add_varied(aspect);
      if (aspect == v1::ASPECT_CLOCK) {
        text = fmt::format("clock at least {} apart", FormatApart(*apart_));
      } else {
        varied.push_back(Phrase(aspect));
      }
    }
    for (const v1::Aspect aspect : equal_) {
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
      text += fmt::format("; the {} not for {}", Phrase(aspect), limit);
    }
    comparison->set_circumstances(text);
  }

 private:
  bool Differ(v1::Aspect aspect, const std::vector<std::string_view>& values) {
    if (aspect != v1::ASPECT_CLOCK) {
      return std::any_of(values.begin(), values.end(), [&](auto value) { return value != values.front(); });
    }
    std::vector<ClockInterval> intervals;
    for (const std::string_view value : values) {
      const auto interval = ParseClock(value);
      if (!interval) return false;
      intervals.push_back(*interval);
    }
    // The farthest two: one execution at another time is enough to show what depends on it.
    int64_t farthest = 0;
    for (size_t i = 0; i < intervals.size(); ++i) {
      for (size_t j = 0; j < i; ++j) farthest = std::max(farthest, SecondsApart(intervals[i], intervals[j]));
    }
    if (farthest == 0) return false;
    apart_ = std::min(apart_.value_or(farthest), farthest);
    return true;
  }

  std::set<v1::Aspect> varied_;
  std::set<v1::Aspect> equal_;
  std::set<std::pair<v1::Aspect, std::string>> limits_;
  std::optional<int64_t> apart_;
};

}  // namespace

std::optional<ClockInterval> ClockOf(const StepFact& fact) {
  for (const v1::Circumstance& each : fact.circumstances) {
    if (each.aspect() == v1::ASPECT_CLOCK) return ParseClock(each.value());
  }
  return std::nullopt;
}

bool WasVaried(const StepFact& fact, absl::Span<const v1::Aspect> aspects) {
  return std::all_of(aspects.begin(), aspects.end(), [&](v1::Aspect aspect) {
    return std::any_of(fact.circumstances.begin(), fact.circumstances.end(),
                       [&](const v1::Circumstance& each) { return each.aspect() == aspect && each.asked(); });
  });
}

void DescribeCircumstances(v1::CellComparison* comparison) {
  Tally tally;
  for (const v1::StepComparison& step : comparison->steps()) tally.Add(step);
  comparison->clear_varied();
  comparison->clear_equal();
  tally.Describe(comparison);
}

}  // namespace crossmill::core
