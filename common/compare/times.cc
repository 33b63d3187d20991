#include "common/compare/times.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace crossmill::compare {
namespace {

struct TimeForm {
  std::string_view pattern;
  std::string_view words;
  bool weak = false;
};

// Directives are those of strftime, but: %e has one or two digits, perhaps after a blank; %S may have a
// fraction; %z is "Z", "UTC", "GMT", "+0100" or "+01:00"; %Z any abbreviation of a zone, "+01" and "+0100"
// too.
constexpr TimeForm kTimeForms[] = {
    {"%a %b %e %H:%M:%S %Z %Y", "date and time"},
    {"%a %b %e %H:%M:%S %z %Y", "date and time"},
    {"%a %b %e %H:%M:%S %Y", "date and time"},
    {"%a %b %e %I:%M:%S %p %Z %Y", "date and time"},
    {"%a, %e %b %Y %H:%M:%S %z", "date and time"},
    {"%a %e %b %Y %H:%M:%S %Z", "date and time"},
    {"%a %e %b %Y %I:%M:%S %p %Z", "date and time"},
    {"%Y-%m-%dT%H:%M:%S%z", "date and time"},
    {"%Y-%m-%dT%H:%M:%S", "date and time"},
    {"%Y-%m-%dT%H-%M-%S", "date and time"},
    {"%Y-%m-%dT%H_%M_%S", "date and time"},
    {"%Y-%m-%dT%H-%M-%S-%f", "date and time"},
    {"%Y-%m-%dT%H_%M_%S_%f", "date and time"},
    {"%Y-%m-%dT%H:%M%z", "date and time"},
    {"%Y-%m-%dT%H:%M", "date and time"},
    {"%Y-%m-%d %H:%M:%S %z", "date and time"},
    {"%Y-%m-%d %H:%M:%S%z", "date and time"},
    {"%Y-%m-%d %H:%M:%S", "date and time"},
    {"%Y-%m-%d  %H:%M:%S", "date and time"},
    {"%Y-%m-%d %H:%M%z", "date and time"},
    {"%Y-%m-%d %H:%M", "date and time"},
    {"%Y-%m-%d_%H:%M:%S", "date and time"},
    {"%Y-%m-%d_%H-%M-%S", "date and time"},
    {"%Y-%m-%d-%H-%M-%S", "date and time"},
    {"%Y-%m-%d-%H%M%S", "date and time"},
    {"%Y-%m-%d_%H%M%S", "date and time"},
    {"%Y/%m/%d %H:%M:%S", "date and time"},
    {"%Y/%m/%d-%H:%M:%S", "date and time"},
    {"%Y/%m/%d %H:%M", "date and time"},
    {"%Y%m%dT%H%M%S%z", "date and time"},
    {"%Y%m%dT%H%M%S", "date and time"},
    {"%Y%m%d-%H%M%S", "date and time"},
    {"%Y%m%d_%H%M%S", "date and time"},
    {"%Y%m%d.%H%M%S", "date and time"},
    {"%Y%m%d%H%M%S", "date and time"},
    {"%Y%m%d-%H%M", "date and time"},
    {"%Y%m%d.%H%M", "date and time"},
    {"%Y%m%d%H%M", "date and time"},
    {"%d/%m/%Y %H:%M:%S", "date and time"},
    {"%m/%d/%Y %H:%M:%S", "date and time"},
    {"%m/%d/%y %H:%M:%S", "date and time"},
    {"%d/%b/%Y:%H:%M:%S %z", "date and time"},
    {"%d.%m.%Y %H:%M:%S", "date and time"},
    {"%d.%m.%Y %H:%M", "date and time"},
    {"%d-%b-%Y %H:%M:%S", "date and time"},
    {"%b %e %Y %H:%M:%S", "date and time"},
    {"%b %e %Y, %H:%M:%S", "date and time"},
    {"%b %e, %Y %H:%M:%S", "date and time"},
    {"%e %b %Y %H:%M:%S", "date and time"},
    {"%e %B %Y %H:%M", "date and time"},
    {"%b %e %H:%M:%S", "date and time"},
    {"%b %e %H:%M", "date and time"},
    // ASN.1 UTCTime, of certificates.
    {"%y%m%d%H%M%S%z", "date and time"},
    {"%Y-%m-%d", "date"},
    {"%Y/%m/%d", "date"},
    {"%Y.%m.%d", "date"},
    {"%Y_%m_%d", "date"},
    {"%Y%m%d", "date"},
    {"%d/%m/%Y", "date"},
    {"%m/%d/%Y", "date"},
    {"%d.%m.%Y", "date"},
    {"%d-%m-%Y", "date"},
    {"%m/%d/%y", "date"},
    {"%d-%b-%Y", "date"},
    {"%b %e %Y", "date"},
    {"%b %e, %Y", "date"},
    {"%B %e, %Y", "date"},
    {"%B %e %Y", "date"},
    {"%e %B %Y", "date"},
    {"%e %b %Y", "date"},
    {"%a %b %e", "date", true},
    {"%b %e", "date", true},
    {"%B %Y", "month"},
    {"%b %Y", "month"},
    {"%Y-%m", "month"},
    {"%H:%M:%S", "time of day"},
    {"%I:%M:%S %p", "time of day"},
    {"%I:%M %p", "time of day", true},
    {"%H:%M", "time of day", true},
    {"%H%M%S", "time of day", true},
    {"%Y", "year", true},
    {"%B", "month", true},
    {"%b", "month", true},
    {"%A", "day of the week", true},
    {"%a", "day of the week", true},
};

constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kWeekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                          "Friday", "Saturday", "Sunday"};
constexpr int64_t kDay = 86400;

bool IsTimeDigit(char c) { return c >= '0' && c <= '9'; }
bool IsTimeLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

size_t DigitsAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsTimeDigit(text[end])) ++end;
  return end - at;
}

// -1: not said.
struct CivilFields {
  int year = -1, month = -1, day = -1, hour = -1, minute = -1, second = -1, weekday = -1;
  int half = -1;
  std::optional<int> offset;
};

class FormReader {
 public:
  FormReader(std::string_view text, size_t at) : text_(text), begin_(at), at_(at) {}

  // The end of the form's text, if it is there.
  std::optional<size_t> Read(std::string_view pattern, CivilFields* fields) {
    at_ = begin_;
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '%') {
        if (at_ >= text_.size() || text_[at_] != pattern[i]) return std::nullopt;
        ++at_;
      } else if (!Directive(pattern[++i], fields)) {
        return std::nullopt;
      }
    }
    const char last = text_[at_ - 1];
    if (at_ < text_.size() &&
        ((IsTimeDigit(last) && IsTimeDigit(text_[at_])) || (IsTimeLetter(last) && IsTimeLetter(text_[at_]))))
      return std::nullopt;
    return at_;
  }

 private:
  bool Number(size_t digits, int low, int high, int* out) {
    if (at_ + digits > text_.size()) return false;
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (!IsTimeDigit(text_[at_ + i])) return false;
      value = value * 10 + (text_[at_ + i] - '0');
    }
    if (value < low || value > high) return false;
    at_ += digits;
    *out = value;
    return true;
  }
  template <size_t N>
  bool Name(const std::string_view (&names)[N], bool whole, int* out) {
    for (size_t i = 0; i < N; ++i) {
      const std::string_view name = whole ? names[i] : names[i].substr(0, 3);
      if (text_.substr(at_, name.size()) != name) continue;
      at_ += name.size();
      *out = static_cast<int>(i);
      return true;
    }
    return false;
  }
  bool LooseDay(int* out) {
    if (at_ < text_.size() && text_[at_] == ' ') {
      ++at_;
      return Number(1, 1, 9, out);
    }
    return Number(2, 1, 31, out) || Number(1, 1, 9, out);
  }
  void Fraction() {
    if (at_ + 1 >= text_.size() || (text_[at_] != '.' && text_[at_] != ',') || !IsTimeDigit(text_[at_ + 1]))
      return;
    ++at_;
    while (at_ < text_.size() && IsTimeDigit(text_[at_])) ++at_;
  }
  bool Zone(CivilFields* fields) {
    for (const std::string_view name : {"UTC", "GMT", "Z"}) {
      if (text_.substr(at_, name.size()) != name) continue;
      at_ += name.size();
      fields->offset = 0;
      return true;
    }
    if (at_ >= text_.size() || (text_[at_] != '+' && text_[at_] != '-')) return false;
    const int sign = text_[at_++] == '-' ? -1 : 1;
    int hours = 0, minutes = 0;
    if (!Number(2, 0, 14, &hours)) return false;
    if (at_ < text_.size() && text_[at_] == ':') ++at_;
    if (!Number(2, 0, 59, &minutes)) return false;
    fields->offset = sign * (hours * 3600 + minutes * 60);
    return true;
  }
  // What zones without a name of letters have for one: "+14", "+0545".
  bool NumberedZone(CivilFields* fields) {
    const int sign = text_[at_++] == '-' ? -1 : 1;
    int hours = 0, minutes = 0;
    if (!Number(2, 0, 14, &hours)) return false;
    const bool more = DigitsAt(text_, at_) > 0;
    if (more && !Number(2, 0, 59, &minutes)) return false;
    fields->offset = sign * (hours * 3600 + minutes * 60);
    return true;
  }
  bool AnyZone(CivilFields* fields) {
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) return NumberedZone(fields);
    size_t end = at_;
    while (end < text_.size() && end < at_ + 5 && text_[end] >= 'A' && text_[end] <= 'Z') ++end;
    if (end < at_ + 3) return false;
    const std::string_view name = text_.substr(at_, end - at_);
    if (name == "UTC" || name == "GMT") fields->offset = 0;
    at_ = end;
    return true;
  }
  bool Half(CivilFields* fields) {
    const std::string_view name = text_.substr(at_, 2);
    if (name != "AM" && name != "PM" && name != "am" && name != "pm") return false;
    fields->half = name[0] == 'P' || name[0] == 'p' ? 1 : 0;
    at_ += 2;
    return true;
  }
  bool Directive(char which, CivilFields* f) {
    switch (which) {
      case 'Y':
        return Number(4, 1900, 2199, &f->year);
      case 'y':
        if (!Number(2, 0, 99, &f->year)) return false;
        f->year += 2000;
        return true;
      case 'm':
        return Number(2, 1, 12, &f->month);
      case 'd':
        return Number(2, 1, 31, &f->day);
      case 'e':
        return LooseDay(&f->day);
      case 'H':
        return Number(2, 0, 23, &f->hour);
      case 'I':
        return Number(2, 1, 12, &f->hour);
      case 'M':
        return Number(2, 0, 59, &f->minute);
      case 'S':
        if (!Number(2, 0, 60, &f->second)) return false;
        Fraction();
        return true;
      case 'f': {
        const size_t digits = DigitsAt(text_, at_);
        at_ += digits;
        return digits > 0 && digits <= 9;
      }
      case 'b':
      case 'B':
        if (!Name(kMonths, which == 'B', &f->month)) return false;
        ++f->month;
        return true;
      case 'a':
      case 'A':
        return Name(kWeekdays, which == 'A', &f->weekday);
      case 'p':
        return Half(f);
      case 'z':
        return Zone(f);
      case 'Z':
        return AnyZone(f);
      default:
        return false;
    }
  }

  const std::string_view text_;
  const size_t begin_;
  size_t at_;
};

absl::CivilSecond CivilOf(int64_t seconds) { return absl::CivilSecond(1970, 1, 1) + seconds; }

// The stretch of local time that the fields say, with what they leave out taken from `near`.
std::optional<Interval> StretchOf(const CivilFields& f, int64_t near) {
  const absl::CivilSecond now = CivilOf(near);
  const auto year = f.year >= 0 ? f.year : now.year();
  const bool dated = f.year >= 0 || f.month >= 0 || f.day >= 0;
  const int month = f.month >= 0 ? f.month : dated ? 1 : now.month();
  const int day = f.day >= 0 ? f.day : dated ? 1 : now.day();
  const absl::CivilDay date(year, month, day);
  if (date.month() != month || date.day() != day) return std::nullopt;
  if (f.weekday >= 0 && static_cast<int>(absl::GetWeekday(date)) != f.weekday) return std::nullopt;
  int hour = f.hour;
  if (f.half >= 0) hour = hour % 12 + 12 * f.half;
  const absl::CivilSecond begin(year, month, day, std::max(0, hour), std::max(0, f.minute),
                                std::max(0, f.second));
  absl::CivilSecond end = begin + 1;
  if (f.second < 0) end = begin + 60;
  if (f.hour < 0) end = absl::CivilSecond(date + 1);
  if (f.hour < 0 && dated && f.day < 0) end = absl::CivilSecond(absl::CivilMonth(date) + 1);
  if (f.hour < 0 && dated && f.month < 0) end = absl::CivilSecond(absl::CivilYear(date) + 1);
  const absl::CivilSecond zero(1970, 1, 1);
  return Interval{begin - zero, end - zero - 1};
}

bool Meets(const CivilFields& fields, const Interval& local) {
  // What has no date would fit any interval of a day.
  if (fields.year < 0 && local.end - local.begin >= kDay) return false;
  for (const int64_t near : {local.begin, local.end}) {
    const auto stretch = StretchOf(fields, near);
    if (stretch && stretch->begin <= local.end && stretch->end >= local.begin) return true;
  }
  return false;
}

Offsets FitsOf(const CivilFields& fields, const Interval& interval) {
  Offsets fits;
  if (fields.offset) {
    if (Meets(fields, {interval.begin + *fields.offset, interval.end + *fields.offset})) fits.set();
    return fits;
  }
  for (size_t i = 0; i < fits.size(); ++i) {
    const int64_t offset = (static_cast<int64_t>(i) - static_cast<int64_t>(kUtc)) * 900;
    if (Meets(fields, {interval.begin + offset, interval.end + offset})) fits.set(i);
  }
  return fits;
}

// A decimal number of so many digits that counts.
void ReadDecimal(std::string_view text, size_t at, size_t digits, const Interval& interval,
                 std::vector<TimeReading>* out) {
  uint64_t number = 0;
  for (size_t i = 0; i < digits; ++i) number = number * 10 + static_cast<uint64_t>(text[at + i] - '0');
  TimeReading reading{.form = std::size(kTimeForms) + digits,
                      .length = digits,
                      .fits = Offsets().set(),
                      .zoned = true,
                      .weak = false,
                      .words = CountedTime(number, interval)};
  if (digits == 5) {
    const auto day = static_cast<int64_t>(number);
    if (day >= interval.begin / kDay && day <= interval.end / kDay) reading.words = "days since 1970";
  }
  if (reading.words.empty()) return;
  const size_t end = at + digits;
  if (digits == 10 && end + 1 < text.size() && (text[end] == '.' || text[end] == ',') &&
      IsTimeDigit(text[end + 1]))
    reading.length += 1 + DigitsAt(text, end + 1);
  out->push_back(reading);
}

// Decimal numbers that count, and 8 hex digits of seconds.
void ReadCounted(std::string_view text, size_t at, const Interval& interval, bool binary,
                 std::vector<TimeReading>* out) {
  constexpr size_t kFirst = std::size(kTimeForms);
  const size_t run = DigitsAt(text, at);
  for (const size_t digits : {5, 10, 13, 16, 19}) {
    if (digits == run || (binary && digits > 5 && digits < run)) ReadDecimal(text, at, digits, interval, out);
  }
  if (at + 8 > text.size()) return;
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    const char c = text[at + i];
    const int digit = IsTimeDigit(c)         ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return;
    number = number * 16 + static_cast<uint64_t>(digit);
  }
  if (CountedTime(number, interval) != "seconds since 1970") return;
  TimeReading reading{.form = kFirst,
                      .length = 8,
                      .fits = {},
                      .zoned = true,
                      .weak = false,
                      .words = "seconds since 1970, in hex"};
  reading.fits.set();
  out->push_back(reading);
}

// It is not in the middle of a number or a word.
bool MayBegin(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const char first = text[at];
  const char before = at == 0 ? '\0' : text[at - 1];
  if (IsTimeDigit(first) && IsTimeDigit(before)) return false;
  return !IsTimeLetter(first) || !IsTimeLetter(before) || before == 'x';
}

}  // namespace

std::string_view CountedTime(uint64_t number, const Interval& interval) {
  constexpr std::array<std::pair<int64_t, std::string_view>, 4> kUnits = {
      {{1, "seconds since 1970"},
       {1000, "milliseconds since 1970"},
       {1000000, "microseconds since 1970"},
       {1000000000, "nanoseconds since 1970"}}};
  if (number > uint64_t{INT64_MAX}) return {};
  for (const auto& [unit, words] : kUnits) {
    const auto seconds = static_cast<int64_t>(number) / unit;
    if (seconds >= interval.begin && seconds <= interval.end) return words;
  }
  return {};
}

Offsets OnlyUtc() { return Offsets().set(kUtc); }

std::optional<size_t> IndexOfOffset(int64_t seconds) {
  const int64_t index = seconds / 900 + static_cast<int64_t>(kUtc);
  if (seconds % 900 != 0 || index < 0 || index >= static_cast<int64_t>(Offsets().size())) return std::nullopt;
  return static_cast<size_t>(index);
}

std::vector<CivilReading> ReadCivilTimes(std::string_view text, size_t at) {
  std::vector<CivilReading> readings;
  if (!MayBegin(text, at)) return readings;
  FormReader reader(text, at);
  for (size_t form = 0; form < std::size(kTimeForms); ++form) {
    CivilFields f;
    const auto end = reader.Read(kTimeForms[form].pattern, &f);
    if (!end || f.hour < 0 || f.minute < 0) continue;
    const bool dated = f.month >= 0 && f.day >= 0;
    if (!dated && (f.year >= 0 || f.month >= 0 || f.day >= 0)) continue;
    // In a year with a 29th of February, if it says none.
    constexpr int64_t kSomeLeapYear = 951782400;
    const auto stretch = StretchOf(f, kSomeLeapYear);
    if (!stretch) continue;
    readings.push_back({.form = form,
                        .length = *end - at,
                        .seconds = dated ? stretch->begin : stretch->begin % kDay,
                        .dated = dated,
                        .exact = f.second >= 0,
                        .offset = f.offset});
  }
  return readings;
}

std::vector<TimeReading> ReadTimes(std::string_view text, size_t at, const Interval& interval, bool binary,
                                   const Offsets& zones) {
  std::vector<TimeReading> readings;
  if (interval.begin <= 0 || interval.end < interval.begin || !MayBegin(text, at)) return readings;
  const char first = text[at];
  if (IsTimeDigit(first) || IsTimeLetter(first)) ReadCounted(text, at, interval, binary, &readings);
  FormReader reader(text, at);
  for (size_t form = 0; form < std::size(kTimeForms); ++form) {
    CivilFields fields;
    const auto end = reader.Read(kTimeForms[form].pattern, &fields);
    if (!end) continue;
    Offsets fits = FitsOf(fields, interval);
    if (!fields.offset && kTimeForms[form].words != "date and time") fits &= zones;
    if (fits.none()) continue;
    readings.push_back({.form = form,
                        .length = *end - at,
                        .fits = fits,
                        .zoned = fields.offset.has_value(),
                        .weak = kTimeForms[form].weak,
                        .words = kTimeForms[form].words});
  }
  return readings;
}

}  // namespace crossmill::compare
