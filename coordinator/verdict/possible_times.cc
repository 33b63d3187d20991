#include "coordinator/verdict/possible_times.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/words/told_clock.h"

namespace crossmill::verdict {
namespace {

constexpr int64_t kNanosOfSecond = 1'000'000'000;
// What is told of a side is cut there (v1.ContentDifference).
constexpr size_t kMostShown = 256;
// Digits of a number that can be the part of a time, and not a time by itself.
constexpr size_t kMostDigitsOfPart = 4;
// A step that ran for longer had most minutes and seconds.
constexpr int64_t kLongestLookedThrough = 3600;

// As programs ask for one with a single format of strftime(3), as numbers; in UTC, as containers have it.
using TimeParts = std::array<int64_t, 17>;

TimeParts PartsAt(int64_t second) {
  const absl::CivilSecond at = absl::ToCivilSecond(absl::FromUnixSeconds(second), absl::UTCTimeZone());
  const int day_of_year = absl::GetYearDay(absl::CivilDay(at));
  // Monday is 0.
  const int weekday = static_cast<int>(absl::GetWeekday(at));
  const int hour12 = (at.hour() + 11) % 12 + 1;
  return {at.second(), at.minute(), at.hour(), hour12, at.day(), at.month(), at.year(), at.year() % 100,
          day_of_year, weekday + 1, (weekday + 1) % 7,
          // Weeks from Sunday, from Monday, and by ISO 8601 but for the first and last days of a year.
          (day_of_year + 6 - (weekday + 1) % 7) / 7, (day_of_year + 6 - weekday) / 7,
          (day_of_year - (weekday + 1) + 10) / 7, at.hour() * 100 + at.minute(),
          at.minute() * 100 + at.second(), at.month() * 100 + at.day()};
}

bool HasPart(const ClockInterval& clock, size_t part, int64_t value) {
  const int64_t begin = clock.begin / kNanosOfSecond, end = clock.end / kNanosOfSecond;
  if (end - begin > kLongestLookedThrough) return true;
  for (int64_t second = begin; second <= end; ++second) {
    if (PartsAt(second)[part] == value) return true;
  }
  return false;
}

// What is not told can be anything.
bool MayHavePart(const v1::Witness& witness, size_t part, int64_t value) {
  for (const v1::Circumstance& each : witness.circumstances()) {
    if (each.aspect() != v1::ASPECT_CLOCK) continue;
    const auto told = ParseToldClock(each.value());
    return !told || HasPart(told->shown, part, value) || HasPart(told->real, part, value);
  }
  return true;
}

// Two small numbers are one part of a time: the first of each execution that made the first's layer, the
// second of each other one.
bool AreOnePartOfTime(int64_t first, int64_t second, absl::Span<const v1::Witness> witnesses) {
  for (size_t part = 0; part < TimeParts().size(); ++part) {
    const bool all = std::all_of(witnesses.begin(), witnesses.end(), [&](const v1::Witness& witness) {
      if (!witness.has_layer()) return true;
      const bool ours = witness.layer().tar().hash() == witnesses.front().layer().tar().hash();
      return MayHavePart(witness, part, ours ? first : second);
    });
    if (all) return true;
  }
  return false;
}

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_isprint(byte) || absl::ascii_isspace(byte);
  });
}

std::vector<std::string_view> WordsOf(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && absl::ascii_isalnum(static_cast<unsigned char>(text[at]))) continue;
    if (at > begin) words.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  return words;
}

// A number of many digits, or letters and digits as checksums and their beginnings have them.
bool IsOpaque(std::string_view word) {
  constexpr size_t kShortest = 4, kShortestOfLetters = 16, kShortestOfHexLetters = 8;
  const auto count = [&](auto is) {
    return static_cast<size_t>(
        std::count_if(word.begin(), word.end(), [&](char c) { return is(static_cast<unsigned char>(c)); }));
  };
  const size_t digits = count(absl::ascii_isdigit);
  if (digits == word.size()) return digits > kMostDigitsOfPart;
  if (digits > 0) return word.size() >= kShortest;
  return word.size() >= kShortestOfLetters ||
         (word.size() >= kShortestOfHexLetters && count(absl::ascii_isxdigit) == word.size());
}

bool MayShowTime(const v1::CauseGroup& group, absl::Span<const v1::Witness> witnesses) {
  const std::string_view first = group.example().first(), second = group.example().second();
  // Not all is shown.
  if (!group.has_example() || group.paths_total() > 1 || first.size() >= kMostShown ||
      second.size() >= kMostShown)
    return true;
  if (first.empty() || second.empty() || !IsPlain(first) || !IsPlain(second)) return true;
  const auto ours = WordsOf(first), theirs = WordsOf(second);
  // One is not what the other has in its place: which of the words differ cannot be told.
  if (ours.size() != theirs.size())
    return std::any_of(ours.begin(), ours.end(), IsOpaque) ||
           std::any_of(theirs.begin(), theirs.end(), IsOpaque);
  // Only blanks or signs differ, which can stand for anything.
  if (ours == theirs) return true;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i] == theirs[i]) continue;
    if (IsOpaque(ours[i]) || IsOpaque(theirs[i])) return true;
    int64_t a = 0, b = 0;
    if (absl::SimpleAtoi(Av(ours[i]), &a) && absl::SimpleAtoi(Av(theirs[i]), &b) &&
        AreOnePartOfTime(a, b, witnesses))
      return true;
  }
  return false;
}

// Recorded facts of each side other than the clock, and fields that are no times. All other classes can be
// of a time: also an order, which is drawn with the time as a seed.
bool ExcludesTime(std::string_view word) {
  for (const std::string_view each :
       {"host-name", "kernel", "cpu-model", "processors", "process-id", "locale", "environment",
        "search-path", "member-order", "member-owner", "member-mode", "compressor", "file-metadata"}) {
    if (word == each) return true;
  }
  return false;
}

}  // namespace

bool MayBeTime(absl::Span<const v1::CauseGroup> causes, std::string_view causes_problem,
               absl::Span<const v1::Witness> witnesses) {
  if (causes.empty() || !causes_problem.empty()) return true;
  return std::any_of(causes.begin(), causes.end(), [&](const v1::CauseGroup& group) {
    if (group.cause().class_() == "unknown") return MayShowTime(group, witnesses);
    return !ExcludesTime(group.cause().class_());
  });
}

}  // namespace crossmill::verdict
