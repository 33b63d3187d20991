#include "common/compare/time_forms.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/base/status.h"

namespace crossmill::compare {
namespace {

constexpr int64_t kDay = 86400;
// Clocks are read before and after what is told of them, and rounded.
constexpr int64_t kTolerance = 1;
// Zones are quarters of an hour from 12 hours west to 14 hours east.
constexpr int64_t kZone = 15 * 60;
constexpr int64_t kMostEast = 14 * 3600;
constexpr int64_t kMostWest = 12 * 3600;

// A time in a text: a span of seconds, as long as its form leaves open.
struct TimeSpan {
  std::string text;
  size_t begin = 0;
  size_t end = 0;
  int64_t from = 0;
  int64_t length = 1;
  std::string_view form;
  bool certain = false;
  // It may be a local time.
  bool local = false;
  // Only the second of the day counts.
  bool of_day = false;
};

int64_t SecondsOf(int year, int month, int day, int hour, int minute, int second) {
  return absl::CivilSecond(year, month, day, hour, minute, second) - absl::CivilSecond(1970, 1, 1);
}

int MonthOf(std::string_view name) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto found = std::find(kMonths.begin(), kMonths.end(), name.substr(0, 3));
  return found == kMonths.end() ? 0 : static_cast<int>(found - kMonths.begin()) + 1;
}

// Groups of digits and words that one form has, by name.
struct Fields {
  std::string year, short_year, month, day, hour, minute, second;
};

std::optional<TimeSpan> SpanOf(const Fields& fields) {
  const auto number = [](const std::string& digits) {
    return digits.empty() ? -1 : std::atoi(digits.c_str());
  };
  const int year = fields.short_year.empty() ? number(fields.year) : 2000 + number(fields.short_year);
  int month = number(fields.month);
  if (!fields.month.empty() && (fields.month[0] < '0' || fields.month[0] > '9'))
    month = MonthOf(fields.month);
  const int day = number(fields.day), hour = number(fields.hour), minute = number(fields.minute);
  const int second = number(fields.second);
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  TimeSpan span;
  if (year < 0) {
    if (hour < 0 || minute < 0) return std::nullopt;
    span.of_day = true;
    span.from = hour * 3600 + minute * 60 + std::max(second, 0);
    span.length = second < 0 ? 60 : 1;
    span.form = "time of day";
    return span;
  }
  if (year < 1980 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  span.local = true;
  span.certain = true;
  span.from = SecondsOf(year, month, day, std::max(hour, 0), std::max(minute, 0), std::max(second, 0));
  span.length = hour < 0 ? kDay : minute < 0 ? 3600 : second < 0 ? 60 : 1;
  span.form = hour < 0 ? "date" : "date and time";
  return span;
}

// ---- the forms ----

using AddSpan = std::function<void(const re2::StringPiece& match, TimeSpan span)>;

// Seconds since 1970 in digits, with a fraction of 3, 6 or 9 digits behind them or not.
void AddNumbers(const re2::StringPiece& text, const AddSpan& add) {
  static const RE2 digits("([0-9]{4,19})");
  re2::StringPiece rest = text, match;
  while (RE2::FindAndConsume(&rest, digits, &match)) {
    const std::string number(match);
    TimeSpan span;
    span.form = "seconds since 1970";
    span.certain = true;
    int64_t value = 0;
    if (!RE2::FullMatch(number, "([0-9]+)", &value)) continue;
    if (number.size() == 10 || number.size() == 9) span.from = value;
    if (number.size() == 13) span.from = value / 1000;
    if (number.size() == 16) span.from = value / 1'000'000;
    if (number.size() == 19) span.from = value / 1'000'000'000;
    if (number.size() == 5) {
      span.from = value * kDay;
      span.length = kDay;
      span.form = "days since 1970";
      span.certain = false;
    }
    if (number.size() == 4 && value >= 1980 && value <= 2200) {
      span.from = SecondsOf(static_cast<int>(value), 1, 1, 0, 0, 0);
      span.length = SecondsOf(static_cast<int>(value) + 1, 1, 1, 0, 0, 0) - span.from;
      span.form = "year";
      span.certain = false;
    }
    if (span.from != 0) add(match, span);
  }
}

void AddHexNumbers(const re2::StringPiece& text, const AddSpan& add) {
  static const RE2 digits("\\b(?:0x)?([0-9a-fA-F]{8})\\b");
  re2::StringPiece rest = text, match;
  while (RE2::FindAndConsume(&rest, digits, &match)) {
    TimeSpan span;
    span.form = "seconds since 1970";
    span.certain = true;
    span.from = static_cast<int64_t>(std::strtoul(std::string(match).c_str(), nullptr, 16));
    add(match, span);
  }
}

void AddForm(const re2::StringPiece& text, const RE2& form, const std::vector<std::string Fields::*>& groups,
             const AddSpan& add) {
  const int count = form.NumberOfCapturingGroups() + 1;
  std::vector<re2::StringPiece> found(static_cast<size_t>(count));
  for (size_t at = 0; form.Match(text, at, text.size(), RE2::UNANCHORED, found.data(), count);) {
    Fields fields;
    for (size_t i = 0; i < groups.size(); ++i) fields.*groups[i] = std::string(found[i + 1]);
    if (auto span = SpanOf(fields)) add(found[0], *span);
    const size_t next = static_cast<size_t>(found[0].data() - text.data()) + 1;
    if (next <= at) break;
    at = next;
  }
}

std::vector<TimeSpan> TimesIn(std::string_view text) {
  std::vector<TimeSpan> times;
  const re2::StringPiece piece(text.data(), text.size());
  const AddSpan add = [&](const re2::StringPiece& match, TimeSpan span) {
    span.text = std::string(match);
    span.begin = static_cast<size_t>(match.data() - piece.data());
    span.end = span.begin + match.size();
    times.push_back(std::move(span));
  };
  using F = Fields;
  static const RE2 iso(
      "([12][0-9]{3})[-/.]([01]?[0-9])[-/.]([0-3]?[0-9])(?:[T "
      "_-]+([0-2][0-9])[:.]([0-5][0-9])(?:[:.]([0-6][0-9]))?)?");
  static const RE2 compact(
      "(20[0-9]{2})([01][0-9])([0-3][0-9])(?:[-_T.]?([0-2][0-9])([0-5][0-9])([0-6][0-9])?)?");
  // ASN.1 UTCTime, of certificates.
  static const RE2 utc("([0-9]{2})([01][0-9])([0-3][0-9])([0-2][0-9])([0-5][0-9])([0-6][0-9])Z");
  static const RE2 unix(
      "(?:[A-Z][a-z]{2,8},? )?([A-Z][a-z]{2}) +([0-9]{1,2}),? (?:([0-2][0-9]):([0-5][0-9])(?::([0-6][0-9]))? "
      "(?:[A-Z]{3,4} )?)?([12][0-9]{3})");
  static const RE2 mail(
      "(?:[A-Z][a-z]{2,8},? )?([0-9]{1,2})[ -]([A-Z][a-z]{2,8})[ -]([12][0-9]{3})(?:[ "
      "T]([0-2][0-9]):([0-5][0-9])(?::([0-6][0-9]))?)?");
  static const RE2 american(
      "([01]?[0-9])/([0-3]?[0-9])/([12][0-9]{3})(?:[ T]([0-2][0-9]):([0-5][0-9])(?::([0-6][0-9]))?)?");
  static const RE2 clock("([0-2][0-9]):([0-5][0-9])(?::([0-6][0-9]))?");
  AddForm(piece, iso, {&F::year, &F::month, &F::day, &F::hour, &F::minute, &F::second}, add);
  AddForm(piece, compact, {&F::year, &F::month, &F::day, &F::hour, &F::minute, &F::second}, add);
  AddForm(piece, utc, {&F::short_year, &F::month, &F::day, &F::hour, &F::minute, &F::second}, add);
  AddForm(piece, unix, {&F::month, &F::day, &F::hour, &F::minute, &F::second, &F::year}, add);
  AddForm(piece, mail, {&F::day, &F::month, &F::year, &F::hour, &F::minute, &F::second}, add);
  AddForm(piece, american, {&F::month, &F::day, &F::year, &F::hour, &F::minute, &F::second}, add);
  AddForm(piece, clock, {&F::hour, &F::minute, &F::second}, add);
  AddNumbers(piece, add);
  AddHexNumbers(piece, add);
  return times;
}

// ---- whether it is a moment of the execution ----

bool Meets(int64_t from, int64_t length, const ClockSeconds& clock) {
  return from <= clock.end + kTolerance && from + length - 1 >= clock.begin - kTolerance;
}

bool IsMoment(const TimeSpan& time, const ClockSeconds& clock, int64_t zone) {
  if (!time.of_day) return Meets(time.from - zone, time.length, clock);
  // The day before and after: the execution may pass midnight.
  const int64_t midnight = clock.begin / kDay * kDay;
  for (const int64_t day : {midnight - kDay, midnight, midnight + kDay}) {
    if (Meets(day + time.from - zone, time.length, clock)) return true;
  }
  return false;
}

bool AreMoments(const TimeSpan& first, const TimeSpan& second, const ClockSeconds& first_clock,
                const ClockSeconds& second_clock) {
  if (IsMoment(first, first_clock, 0) && IsMoment(second, second_clock, 0)) return true;
  // A date alone fits too many zones.
  if (!first.local || first.length >= kDay) return false;
  for (int64_t zone = -kMostWest; zone <= kMostEast; zone += kZone) {
    if (IsMoment(first, first_clock, zone) && IsMoment(second, second_clock, zone)) return true;
  }
  return false;
}

std::optional<int64_t> AsSeconds(uint64_t value, bool wide, const ClockSeconds& clock) {
  const auto fits = [&](uint64_t seconds) {
    return seconds < (uint64_t{1} << 40) && Meets(static_cast<int64_t>(seconds), 1, clock);
  };
  if (fits(value)) return static_cast<int64_t>(value);
  if (!wide) return std::nullopt;
  for (const uint64_t unit : {uint64_t{1000}, uint64_t{1'000'000}, uint64_t{1'000'000'000}}) {
    if (fits(value / unit)) return static_cast<int64_t>(value / unit);
  }
  return std::nullopt;
}

uint64_t NumberAt(std::string_view bytes, size_t at, size_t size, bool little) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + (little ? size - 1 - i : i)]);
  }
  return value;
}

}  // namespace

std::optional<FoundTime> FindTimeInText(std::string_view first, std::string_view second,
                                        const ClockSeconds& first_clock, const ClockSeconds& second_clock) {
  const auto [a, b] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  const size_t at = static_cast<size_t>(a - first.begin());
  std::optional<FoundTime> best;
  const std::vector<TimeSpan> others = TimesIn(second);
  for (const TimeSpan& ours : TimesIn(first)) {
    // It holds the first byte that differs: so it is what differs.
    if (ours.begin > at || ours.end < at) continue;
    for (const TimeSpan& theirs : others) {
      if (theirs.form != ours.form || theirs.begin != ours.begin || theirs.text == ours.text ||
          theirs.length != ours.length) {
        continue;
      }
      if (!AreMoments(ours, theirs, first_clock, second_clock)) continue;
      if (best && (best->certain || !ours.certain)) continue;
      best = FoundTime{ours.text, theirs.text, ours.form, ours.certain};
    }
  }
  return best;
}

std::optional<FoundTime> FindTimeInBytes(std::string_view first, std::string_view second,
                                         const ClockSeconds& first_clock, const ClockSeconds& second_clock) {
  const auto [a, b] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  const size_t at = static_cast<size_t>(a - first.begin());
  for (const size_t size : {size_t{8}, size_t{4}}) {
    for (size_t begin = at < size ? 0 : at - size + 1; begin <= at; ++begin) {
      if (begin + size > first.size() || begin + size > second.size()) break;
      for (const bool little : {true, false}) {
        const auto ours = AsSeconds(NumberAt(first, begin, size, little), size == 8, first_clock);
        const auto theirs = AsSeconds(NumberAt(second, begin, size, little), size == 8, second_clock);
        if (!ours || !theirs || *ours == *theirs) continue;
        return FoundTime{absl::StrCat(*ours), absl::StrCat(*theirs), "seconds since 1970", true};
      }
    }
  }
  return std::nullopt;
}

}  // namespace crossmill::compare
