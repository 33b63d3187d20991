// Signs of the settings in which executions differ by a wish. Each needs the recorded setting of both sides,
// and that these differ: what only looks like a time zone or a locale is none.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/compare/signs.h"
#include "common/compare/times.h"

namespace crossmill::compare {
namespace {

constexpr int64_t kSecondsOfDay = 86400;

bool IsSettingByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string_view From(std::string_view text, size_t at) { return text.substr(std::min(at, text.size())); }

bool Ends(std::string_view text, size_t at) { return at >= text.size() || !IsSettingByte(text[at]); }

// A setting of both sides that is known, and is another one.
bool Differs(const std::string& first, const std::string& second) {
  return !first.empty() && !second.empty() && first != second;
}

// The place as the side sees it that was given something by the farm, beside the other, which has what the
// step has.
struct GivenSpot {
  // "NAME=VALUE".
  std::string_view given;
  std::string_view text;
  size_t at = 0;
  std::string_view other;
  size_t other_at = 0;
  bool given_is_second = true;
};

// nullopt: not exactly one side was given something.
std::optional<GivenSpot> GivenAt(const Spot& spot, const std::string& first, const std::string& second) {
  if (!Differs(first, second) || (first != kUsual) == (second != kUsual)) return std::nullopt;
  if (first == kUsual) return GivenSpot{second, spot.second, spot.second_at, spot.first, spot.first_at, true};
  return GivenSpot{first, spot.first, spot.first_at, spot.second, spot.second_at, false};
}

void AddGiven(const GivenSpot& spot, std::string_view cause, v1::Cause::Confidence confidence,
              std::string words, size_t length, size_t other_length, std::vector<Sign>* signs) {
  Sign sign{.cause = std::string(cause),
            .confidence = confidence,
            .words = std::move(words),
            .first = Shown(spot.other.substr(spot.other_at, other_length)),
            .second = Shown(spot.text.substr(spot.at, length)),
            .first_length = other_length,
            .second_length = length,
            .rank = kFactRank,
            .one_sided = other_length == 0};
  if (!spot.given_is_second) {
    std::swap(sign.first, sign.second);
    std::swap(sign.first_length, sign.second_length);
  }
  signs->push_back(std::move(sign));
}

std::string_view NameOf(std::string_view setting) { return setting.substr(0, setting.find('=')); }
std::string_view ValueOf(std::string_view setting) { return From(setting, setting.find('=') + 1); }

// Reads on as long as what is expected is there.
class Cursor {
 public:
  Cursor(std::string_view text, size_t at) : text_(text), at_(at) {}

  bool Take(std::string_view expected) {
    if (!From(text_, at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  // The first of these that is there, if any.
  bool TakeAny(std::initializer_list<std::string_view> choices) {
    return std::any_of(choices.begin(), choices.end(), [this](auto each) { return Take(each); });
  }
  size_t at() const { return at_; }

 private:
  const std::string_view text_;
  size_t at_;
};

// How long the variable is with its value, as env, shells and programs write it; 0: it is not there. What
// opens a quotation closes it, so that the place is where it begins.
size_t LengthOfVariable(std::string_view setting, std::string_view text, size_t at) {
  Cursor cursor(text, at);
  // A line of its own may be indented.
  const bool begins_line = at == 0 || text[at - 1] == '\n';
  while (begins_line && cursor.TakeAny({" ", "\t"})) {
  }
  cursor.TakeAny({"declare -x ", "export ", "setenv "});
  const bool quoted = cursor.TakeAny({"\"", "'"});
  if (at > 0 && cursor.at() == at && IsSettingByte(text[at - 1])) return 0;
  if (!cursor.Take(NameOf(setting))) return 0;
  const bool quoted_name = cursor.TakeAny({"\"", "'"});
  if (quoted_name && !quoted) return 0;
  if (!cursor.TakeAny({"=>", " => ", "=", ": ", ":", ", ", " "})) return 0;
  const bool quoted_value = cursor.TakeAny({"\"", "'"});
  if (!cursor.Take(ValueOf(setting)) || !Ends(text, cursor.at())) return 0;
  const bool open = quoted_value || (quoted && !quoted_name);
  if (open && !cursor.TakeAny({"\"", "'"})) return 0;
  cursor.TakeAny({", ", ",", "; ", ";", " ", "\n", std::string_view("\0", 1)});
  return cursor.at() - at;
}

void VariableSigns(const GivenSpot& spot, std::string_view cause, std::string_view words,
                   std::vector<Sign>* signs) {
  const size_t length = LengthOfVariable(spot.given, spot.text, spot.at);
  if (length > 0) AddGiven(spot, cause, v1::Cause::CONFIDENCE_CERTAIN, std::string(words), length, 0, signs);
}

// ---- PATH ----

void SearchPathSigns(const Spot& at, std::vector<Sign>* signs) {
  const auto spot = GivenAt(at, at.facts->first.search_path, at.facts->second.search_path);
  if (!spot) return;
  const size_t colon = spot->given.rfind(':');
  if (colon == std::string_view::npos) return;
  const std::string_view folder = spot->given.substr(colon + 1);
  if (folder.size() < 2) return;
  Cursor cursor(spot->text, spot->at);
  const bool led = cursor.TakeAny({":", ", ", ",", ";", "\n", " "});
  cursor.TakeAny({"\"", "'"});
  if (!cursor.Take(folder) || !Ends(spot->text, cursor.at())) return;
  cursor.TakeAny({"\"", "'"});
  if (!led) cursor.TakeAny({":", ", ", ",", ";", "\n"});
  AddGiven(*spot, "search-path", v1::Cause::CONFIDENCE_CERTAIN, "the folder that PATH has there and not here",
           cursor.at() - spot->at, 0, signs);
}

// ---- locale ----

// What the given side writes for a character, or of the locale's name, beside what a program writes without
// any locale.
void LocaleNameSigns(const GivenSpot& spot, std::vector<Sign>* signs) {
  const std::string_view text = From(spot.text, spot.at), other = From(spot.other, spot.other_at);
  const std::string_view value = ValueOf(spot.given);
  const bool begins = spot.at == 0 || !IsSettingByte(spot.text[spot.at - 1]);
  if (!begins || value.empty()) return;
  const auto add = [&](std::string_view here, std::string_view there, std::string_view words) {
    if (!text.starts_with(here) || !Ends(text, here.size())) return;
    if (!other.starts_with(there) || (!there.empty() && !Ends(other, there.size()))) return;
    AddGiven(spot, "locale", v1::Cause::CONFIDENCE_CERTAIN,
             fmt::format("{} ({} was set on one side alone)", words, spot.given), here.size(), there.size(),
             signs);
  };
  for (const std::string_view there : {"POSIX", "C", ""}) add(value, there, "the locale's name");
  if (value.find("UTF-8") == std::string_view::npos) return;
  for (const std::string_view here : {"UTF-8", "utf-8", "UTF8", "utf8"}) {
    for (const std::string_view there :
         {"ANSI_X3.4-1968", "ANSI_X3.4-1986", "US-ASCII", "us-ascii", "ASCII", "ascii", "646"})
      add(here, there, "the encoding of characters");
  }
}

bool IsAscii(char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; }

// Of the bytes outside ASCII at the place: how many, and how many characters they are.
std::pair<size_t, size_t> ForeignRun(std::string_view text) {
  size_t bytes = 0, characters = 0;
  for (; bytes < text.size() && !IsAscii(text[bytes]); ++bytes)
    characters += (static_cast<unsigned char>(text[bytes]) & 0xc0) != 0x80 ? 1 : 0;
  return {bytes, characters};
}

// The length of `bytes` as escapes: "\303\251", "\xc3\xa9"; 0: that is not there.
size_t EscapedLength(std::string_view text, std::string_view bytes) {
  for (const char* form : {"\\{:03o}", "\\x{:02x}", "\\x{:02X}", "\\udc{:02x}"}) {
    std::string escaped;
    for (const char c : bytes) escaped += fmt::format(fmt::runtime(form), static_cast<unsigned char>(c));
    if (text.starts_with(escaped)) return escaped.size();
  }
  return 0;
}

void LocaleCharacterSigns(const GivenSpot& spot, std::vector<Sign>* signs) {
  const std::string_view text = From(spot.text, spot.at), other = From(spot.other, spot.other_at);
  if (spot.given.find("UTF-8") == std::string_view::npos || text.empty() || other.empty()) return;
  const auto [bytes, characters] = ForeignRun(text);
  if (bytes == 0) return;
  const auto add = [&](v1::Cause::Confidence confidence, size_t length, size_t other_length) {
    AddGiven(spot, "locale", confidence,
             fmt::format("characters as the locale has them ({} was set on one side alone)", spot.given),
             length, other_length, signs);
  };
  if (const size_t escaped = EscapedLength(other, text.substr(0, bytes)); escaped > 0)
    add(v1::Cause::CONFIDENCE_CERTAIN, bytes, escaped);
  for (const std::string_view quote : {"\u2018", "\u2019", "\u201c", "\u201d"}) {
    const bool plain = other[0] == '\'' || other[0] == '`' || other[0] == '"';
    if (text.starts_with(quote) && plain) add(v1::Cause::CONFIDENCE_LIKELY, quote.size(), 1);
  }
  const size_t marks = std::min(other.find_first_not_of('?'), other.size());
  if (marks > 0 && (marks == characters || marks == bytes)) add(v1::Cause::CONFIDENCE_LIKELY, bytes, marks);
}

// ---- time zone ----

std::string ZoneWords(const FactPair& facts) {
  const auto told = [](const std::string& zone) { return zone == kUsual ? "that of the step" : zone; };
  return fmt::format("{} and {}", told(facts.first.time_zone), told(facts.second.time_zone));
}

// One time as each side's zone has it.
void ZonedTimeSigns(const Spot& spot, int64_t first_zone, int64_t second_zone, std::vector<Sign>* signs) {
  const auto firsts = ReadCivilTimes(spot.first, spot.first_at);
  if (firsts.empty()) return;
  const bool first_usual = spot.facts->first.time_zone == kUsual;
  const bool second_usual = spot.facts->second.time_zone == kUsual;
  for (const CivilReading& b : ReadCivilTimes(spot.second, spot.second_at)) {
    for (const CivilReading& a : firsts) {
      if (a.form != b.form || a.seconds == b.seconds) continue;
      // What is told of a zone must be what was given.
      if ((a.offset && !first_usual && *a.offset != first_zone) ||
          (b.offset && !second_usual && *b.offset != second_zone))
        continue;
      int64_t apart =
          (b.seconds - b.offset.value_or(second_zone)) - (a.seconds - a.offset.value_or(first_zone));
      if (!a.dated) apart %= kSecondsOfDay;
      if (apart != 0) continue;
      signs->push_back({.cause = "locale",
                        .confidence = a.dated   ? v1::Cause::CONFIDENCE_CERTAIN
                                      : a.exact ? v1::Cause::CONFIDENCE_LIKELY
                                                : v1::Cause::CONFIDENCE_POSSIBLE,
                        .words = fmt::format("one time in two time zones ({})", ZoneWords(*spot.facts)),
                        .first = Shown(spot.first.substr(spot.first_at, a.length)),
                        .second = Shown(spot.second.substr(spot.second_at, b.length)),
                        .first_length = a.length,
                        .second_length = b.length,
                        .rank = kFactRank});
    }
  }
}

// The zone itself, without any time: "UTC" and "+14", "+0000" and "+1400", 0 and -50400 seconds.
void ZoneNameSigns(const GivenSpot& spot, int64_t offset, std::vector<Sign>* signs) {
  const std::string_view text = From(spot.text, spot.at), other = From(spot.other, spot.other_at);
  const std::string_view value = ValueOf(spot.given);
  const size_t close = value.find('>');
  if (!value.starts_with("<") || close == std::string_view::npos) return;
  const char sign = offset < 0 ? '-' : '+';
  const int64_t hours = std::abs(offset) / 3600, minutes = std::abs(offset) / 60 % 60;
  const std::pair<std::string, std::vector<std::string_view>> names[] = {
      {std::string(value), {"UTC0", "UTC", "Etc/UTC", ""}},
      {std::string(value.substr(1, close - 1)), {"UTC", "GMT", "+00"}},
      {fmt::format("{}{:02}{:02}", sign, hours, minutes), {"+0000", "UTC", "GMT", "Z"}},
      {fmt::format("{}{:02}:{:02}", sign, hours, minutes), {"+00:00", "Z"}},
      {fmt::format("GMT{}{:02}:{:02}", sign, hours, minutes), {"GMT", "UTC", "Etc/UTC"}},
      {fmt::format("UTC{}{:02}:{:02}", sign, hours, minutes), {"UTC", "GMT"}},
      {fmt::format("{}", offset), {"0"}},
      {fmt::format("{}", -offset), {"0"}},
  };
  const auto begins = [](std::string_view all, size_t at) {
    return at == 0 || !IsSettingByte(all[at - 1]) || (all[at - 1] >= '0' && all[at - 1] <= '9');
  };
  if (!begins(spot.text, spot.at) || !begins(spot.other, spot.other_at)) return;
  for (const auto& [here, choices] : names) {
    if (!text.starts_with(here) || !Ends(text, here.size())) continue;
    const bool number = here[0] != '<' && here.size() > 4 && choices.front() == "0";
    for (const std::string_view there : choices) {
      if (!other.starts_with(there) || (!there.empty() && !Ends(other, there.size()))) continue;
      AddGiven(spot, "locale", number ? v1::Cause::CONFIDENCE_LIKELY : v1::Cause::CONFIDENCE_CERTAIN,
               fmt::format("the time zone ({} was set on one side alone)", spot.given), here.size(),
               there.size(), signs);
    }
  }
}

void TimeZoneSigns(const Spot& spot, std::vector<Sign>* signs) {
  const std::string& first = spot.facts->first.time_zone;
  const std::string& second = spot.facts->second.time_zone;
  if (!Differs(first, second)) return;
  const auto first_zone = ZoneOffset(first), second_zone = ZoneOffset(second);
  if (!first_zone || !second_zone) return;
  ZonedTimeSigns(spot, *first_zone, *second_zone, signs);
  if (const auto given = GivenAt(spot, first, second)) {
    ZoneNameSigns(*given, given->given_is_second ? *second_zone : *first_zone, signs);
    VariableSigns(*given, "locale", "the variable TZ, which was set on one side alone", signs);
  }
}

// ---- process ids ----

std::optional<int64_t> NumberHere(std::string_view text, size_t at, size_t* length) {
  if (at > 0 && IsSettingByte(text[at - 1])) return std::nullopt;
  size_t end = at;
  while (end < text.size() && end - at < 8 && text[end] >= '0' && text[end] <= '9') ++end;
  int64_t number = 0;
  if (!Ends(text, end) || !absl::SimpleAtoi(Av(text.substr(at, end - at)), &number)) return std::nullopt;
  *length = end - at;
  return number;
}

// Each a process of its own side, and the same one: as far behind where the ids began as on the other side.
void ProcessSigns(const Spot& at, std::vector<Sign>* signs) {
  constexpr std::string_view kAfter = "after ";
  constexpr int64_t kAsFar = 4;
  constexpr int64_t kMostProcesses = 2000;
  const auto spot = GivenAt(at, at.facts->first.process_ids, at.facts->second.process_ids);
  int64_t begin = 0;
  if (!spot || !spot->given.starts_with(kAfter) ||
      !absl::SimpleAtoi(Av(spot->given.substr(kAfter.size())), &begin) || begin < 100)
    return;
  size_t length = 0, other_length = 0;
  const auto here = NumberHere(spot->text, spot->at, &length);
  const auto there = NumberHere(spot->other, spot->other_at, &other_length);
  if (!here || !there || *there < 2 || *there > kMostProcesses || *here <= begin) return;
  if (std::abs((*here - begin) - (*there - 1)) > kAsFar) return;
  AddGiven(*spot, "process-id", v1::Cause::CONFIDENCE_LIKELY,
           fmt::format("the number of a process (on one side they begin {})", spot->given), length,
           other_length, signs);
}

}  // namespace

std::optional<int64_t> ZoneOffset(std::string_view time_zone) {
  if (time_zone == kUsual) return 0;
  // POSIX counts to the west: <+14>-14.
  const size_t close = time_zone.find('>');
  int64_t west = 0;
  if (!time_zone.starts_with("TZ=<") || close == std::string_view::npos ||
      !absl::SimpleAtoi(Av(time_zone.substr(close + 1)), &west) || west < -14 || west > 12)
    return std::nullopt;
  return -west * 3600;
}

void SettingSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (spot.facts == nullptr) return;
  TimeZoneSigns(spot, signs);
  SearchPathSigns(spot, signs);
  ProcessSigns(spot, signs);
  const ExecutionFacts& a = spot.facts->first;
  const ExecutionFacts& b = spot.facts->second;
  if (const auto given = GivenAt(spot, a.locale, b.locale)) {
    LocaleNameSigns(*given, signs);
    LocaleCharacterSigns(*given, signs);
    VariableSigns(*given, "locale", "the variable LANG, which was set on one side alone", signs);
  }
  if (const auto given = GivenAt(spot, a.variable, b.variable))
    VariableSigns(*given, "environment", "the variable that one side alone was given", signs);
}

}  // namespace crossmill::compare
