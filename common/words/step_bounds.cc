#include "common/words/step_bounds.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "common/base/status.h"

namespace crossmill {
namespace {

enum class Unit { kBytes, kThousandths, kCount };

struct BoundWords {
  v1::StepBound bound;
  const char* name;
  const char* flag;
  Unit unit;
};

constexpr std::array kBoundWords = {
    BoundWords{v1::STEP_BOUND_MEMORY, "memory", "--memory", Unit::kBytes},
    BoundWords{v1::STEP_BOUND_CPU, "cpus", "--cpus", Unit::kThousandths},
    BoundWords{v1::STEP_BOUND_PROCESSES, "processes", "--pids-limit", Unit::kCount},
    BoundWords{v1::STEP_BOUND_DISK, "disk", "--step-disk", Unit::kBytes},
    BoundWords{v1::STEP_BOUND_LOG, "log", "--step-log", Unit::kBytes},
    BoundWords{v1::STEP_BOUND_OPEN_FILES, "open-files", "--ulimit nofile", Unit::kCount},
    BoundWords{v1::STEP_BOUND_TIME, "time", "--step-timeout", Unit::kCount},
};

const BoundWords& WordsOf(v1::StepBound bound) {
  for (const BoundWords& words : kBoundWords) {
    if (words.bound == bound) return words;
  }
  static constexpr BoundWords kUnknown = {v1::STEP_BOUND_UNSPECIFIED, "unknown", "", Unit::kCount};
  return kUnknown;
}

// Bytes of "64m", "1.5g", "65536"; 0: it is none.
uint64_t BytesOf(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number > 0)) return 0;
  std::string unit(end, text.data() + text.size());
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::tolower(c); });
  if (unit.ends_with("b")) unit.pop_back();
  if (unit.ends_with("i") && unit.size() > 1) unit.pop_back();
  constexpr std::string_view kUnits = "kmgt";
  if (unit.size() > 1 || (!unit.empty() && kUnits.find(unit[0]) == std::string_view::npos)) return 0;
  const double bytes =
      unit.empty() ? number : std::ldexp(number, 10 * (static_cast<int>(kUnits.find(unit[0])) + 1));
  return bytes < 1 || bytes >= std::ldexp(1.0, 62) ? 0 : static_cast<uint64_t>(bytes);
}

uint64_t ThousandthsOf(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return 0;
  // The kernel's shortest share of a period is a hundredth.
  return !(number >= 0.01) || number > 100'000 ? 0 : static_cast<uint64_t>(std::llround(number * 1000));
}

uint64_t CountOf(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

std::string FormatSize(uint64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double number = static_cast<double>(bytes);
  size_t unit = 0;
  while (number >= 1024 && unit + 1 < kUnits.size()) {
    number /= 1024;
    ++unit;
  }
  const bool whole = std::abs(number - std::round(number)) < 0.05;
  return whole ? fmt::format("{:.0f} {}", number, kUnits[unit])
               : fmt::format("{:.1f} {}", number, kUnits[unit]);
}

std::string WhatHappened(const v1::BoundReached& reached) {
  const std::string limit = FormatStepBound(reached.bound(), reached.limit());
  switch (reached.bound()) {
    case v1::STEP_BOUND_MEMORY:
      if (reached.survived())
        return fmt::format("processes of it were killed at its memory limit of {}", limit);
      return fmt::format("killed at its memory limit of {}", limit) +
             (reached.peak() > reached.limit()
                  ? fmt::format("; it had {}", FormatStepBound(reached.bound(), reached.peak()))
                  : std::string());
    case v1::STEP_BOUND_PROCESSES:
      return fmt::format("it came to its limit of {} processes and threads", limit);
    case v1::STEP_BOUND_DISK:
      return fmt::format("killed at its disk limit of {}; it had written {}", limit,
                         FormatStepBound(reached.bound(), reached.peak()));
    case v1::STEP_BOUND_LOG:
      return fmt::format("its console is cut at {}", limit);
    default:
      return fmt::format("it came to its limit of {} ({})", limit, StepBoundName(reached.bound()));
  }
}

}  // namespace

absl::Span<const v1::StepBound> AllStepBounds() {
  static constexpr std::array kAll = {v1::STEP_BOUND_MEMORY, v1::STEP_BOUND_CPU, v1::STEP_BOUND_PROCESSES,
                                      v1::STEP_BOUND_DISK,   v1::STEP_BOUND_LOG, v1::STEP_BOUND_OPEN_FILES};
  return kAll;
}

std::string_view StepBoundName(v1::StepBound bound) { return WordsOf(bound).name; }

std::string_view StepBoundFlag(v1::StepBound bound) { return WordsOf(bound).flag; }

uint64_t ValueOf(const v1::StepBounds& bounds, v1::StepBound bound) {
  switch (bound) {
    case v1::STEP_BOUND_MEMORY:
      return bounds.memory();
    case v1::STEP_BOUND_CPU:
      return bounds.cpu_millis();
    case v1::STEP_BOUND_PROCESSES:
      return bounds.processes();
    case v1::STEP_BOUND_DISK:
      return bounds.disk();
    case v1::STEP_BOUND_LOG:
      return bounds.log();
    case v1::STEP_BOUND_OPEN_FILES:
      return bounds.open_files();
    default:
      return 0;
  }
}

void SetValue(v1::StepBound bound, uint64_t value, v1::StepBounds* bounds) {
  const auto small = static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
  switch (bound) {
    case v1::STEP_BOUND_MEMORY:
      return bounds->set_memory(value);
    case v1::STEP_BOUND_CPU:
      return bounds->set_cpu_millis(small);
    case v1::STEP_BOUND_PROCESSES:
      return bounds->set_processes(small);
    case v1::STEP_BOUND_DISK:
      return bounds->set_disk(value);
    case v1::STEP_BOUND_LOG:
      return bounds->set_log(value);
    case v1::STEP_BOUND_OPEN_FILES:
      return bounds->set_open_files(small);
    default:
      return;
  }
}

absl::StatusOr<uint64_t> ParseStepBound(v1::StepBound bound, std::string_view text, std::string_view name) {
  const Unit unit = WordsOf(bound).unit;
  const uint64_t value = unit == Unit::kBytes         ? BytesOf(text)
                         : unit == Unit::kThousandths ? ThousandthsOf(text)
                                                      : CountOf(text);
  if (value != 0) return value;
  const char* expected = unit == Unit::kBytes         ? "a size such as 512m, 1.5g or 65536"
                         : unit == Unit::kThousandths ? "processors such as 2 or 1.5, 0.01 at least"
                                                      : "a number of at least 1";
  return absl::InvalidArgumentError(fmt::format("{} {}: expected {}", name, text, expected));
}

absl::Status AddStepBound(std::string_view text, std::string_view flag, v1::StepBounds* bounds) {
  const size_t equals = text.find('=');
  std::string names;
  for (const v1::StepBound bound : AllStepBounds()) {
    const std::string_view name = StepBoundName(bound);
    if (equals != std::string_view::npos && text.substr(0, equals) == name) {
      ASSIGN_OR_RETURN(const uint64_t value,
                       ParseStepBound(bound, text.substr(equals + 1), fmt::format("{} {}", flag, name)));
      SetValue(bound, value, bounds);
      return absl::OkStatus();
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(
      fmt::format("{} {}: expected NAME=VALUE with a name of {}", flag, text, names));
}

std::string FormatStepBound(v1::StepBound bound, uint64_t value) {
  switch (WordsOf(bound).unit) {
    case Unit::kBytes:
      return FormatSize(value);
    case Unit::kThousandths:
      return fmt::format("{:g} processor{}", static_cast<double>(value) / 1000, value == 1000 ? "" : "s");
    case Unit::kCount:
      return fmt::format("{}", value);
  }
  return "";
}

v1::StepBounds WithUsual(v1::StepBounds wanted, const v1::StepBounds& usual) {
  for (const v1::StepBound bound : AllStepBounds()) {
    if (ValueOf(wanted, bound) == 0) SetValue(bound, ValueOf(usual, bound), &wanted);
  }
  return wanted;
}

v1::StepBounds LeastOf(v1::StepBounds one, const v1::StepBounds& other) {
  for (const v1::StepBound bound : AllStepBounds()) {
    const uint64_t mine = ValueOf(one, bound), others = ValueOf(other, bound);
    if (others != 0 && (mine == 0 || others < mine)) SetValue(bound, others, &one);
  }
  return one;
}

std::string TellBoundReached(const v1::BoundReached& reached) {
  const std::string what = WhatHappened(reached);
  if (reached.of_worker()) {
    return fmt::format("{}, the most that this worker gives a step (its --step-most {})", what,
                       StepBoundName(reached.bound()));
  }
  return fmt::format("{} (raise {})", what, StepBoundFlag(reached.bound()));
}

}  // namespace crossmill
