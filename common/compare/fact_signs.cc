// Signs of recorded facts, of the clock, and of files that differ.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/signs.h"
#include "common/compare/times.h"

namespace crossmill::compare {
namespace {

constexpr int64_t kNanoseconds = 1000000000;

bool IsDigitByte(char c) { return c >= '0' && c <= '9'; }
bool IsWordByte(char c) {
  return IsDigitByte(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsHexByte(char c) { return IsDigitByte(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// `length` bytes at `at` are not in the middle of a word.
bool StandsAlone(std::string_view text, size_t at, size_t length) {
  if (at > 0 && IsWordByte(text[at - 1]) && IsWordByte(text[at])) return false;
  const size_t end = at + length;
  return length > 0 && (end >= text.size() || !IsWordByte(text[end]) || !IsWordByte(text[end - 1]));
}

struct Clocks {
  Interval first;
  Interval second;
};

// Of both sides as their programs were shown them; where one was shifted also as they were: a file's time, or
// a program that no shift reached.
std::vector<Clocks> ClocksOf(const FactPair& facts) {
  if (!KnowsClock(facts.first) || !KnowsClock(facts.second)) return {};
  // Clocks are read before and after what is told of them, and rounded.
  const auto interval = [](int64_t begin, int64_t end) {
    return Interval{begin / kNanoseconds - 1, end / kNanoseconds + 1};
  };
  const ExecutionFacts& a = facts.first;
  const ExecutionFacts& b = facts.second;
  std::vector<Clocks> clocks = {{interval(a.begin, a.end), interval(b.begin, b.end)}};
  const bool shifted = a.begin != a.real_begin || b.begin != b.real_begin;
  if (a.real_begin > 0 && b.real_begin > 0 && shifted) {
    clocks.push_back({interval(a.real_begin, a.real_end), interval(b.real_begin, b.real_end)});
  }
  return clocks;
}

void AddSign(const Spot& spot, Sign sign, std::vector<Sign>* signs) {
  sign.first = Shown(spot.first.substr(spot.first_at, sign.first_length));
  sign.second = Shown(spot.second.substr(spot.second_at, sign.second_length));
  signs->push_back(std::move(sign));
}

struct NamedFact {
  std::string_view cause;
  std::string_view words;
  std::string_view first;
  std::string_view second;
};

std::string_view FirstLabel(std::string_view host) { return host.substr(0, host.find('.')); }

void RecordedSigns(const Spot& spot, std::vector<Sign>* signs) {
  const ExecutionFacts& a = spot.facts->first;
  const ExecutionFacts& b = spot.facts->second;
  const NamedFact named[] = {
      {"host-name", "the host's name", a.host_name, b.host_name},
      {"host-name", "the host's name", FirstLabel(a.host_name), FirstLabel(b.host_name)},
      {"host-name", "the name of the worker's machine", a.machine_name, b.machine_name},
      {"kernel", "the kernel's version", a.kernel, b.kernel},
      {"cpu-model", "the processor's model", a.cpu_model, b.cpu_model},
  };
  for (const NamedFact& fact : named) {
    if (fact.first.empty() || fact.second.empty() || fact.first == fact.second) continue;
    if (!spot.first.substr(spot.first_at).starts_with(fact.first) ||
        !spot.second.substr(spot.second_at).starts_with(fact.second) ||
        !StandsAlone(spot.first, spot.first_at, fact.first.size()) ||
        !StandsAlone(spot.second, spot.second_at, fact.second.size()))
      continue;
    // One or two letters may be anything.
    const bool short_name = fact.first.size() < 3 || fact.second.size() < 3;
    AddSign(spot,
            {.cause = std::string(fact.cause),
             .confidence = short_name ? v1::Cause::CONFIDENCE_LIKELY : v1::Cause::CONFIDENCE_CERTAIN,
             .words = std::string(fact.words),
             .first = {},
             .second = {},
             .first_length = fact.first.size(),
             .second_length = fact.second.size(),
             .rank = short_name ? kWeakFactRank : kFactRank},
            signs);
  }
}

// Indexes into Offsets of the zones that both were given; UTC where that is not known.
struct Zones {
  size_t first = kUtc;
  size_t second = kUtc;
};

Zones ZonesOf(const FactPair& facts) {
  const auto index = [](std::string_view zone) {
    return IndexOfOffset(ZoneOffset(zone).value_or(0)).value_or(kUtc);
  };
  return {index(facts.first.time_zone), index(facts.second.time_zone)};
}

void TimeSignsOf(const Spot& spot, const Clocks& clocks, std::vector<Sign>* signs) {
  const Zones zones = ZonesOf(*spot.facts);
  const auto firsts =
      ReadTimes(spot.first, spot.first_at, clocks.first, spot.binary, OnlyUtc().set(zones.first));
  if (firsts.empty()) return;
  const auto seconds =
      ReadTimes(spot.second, spot.second_at, clocks.second, spot.binary, OnlyUtc().set(zones.second));
  for (const TimeReading& a : firsts) {
    for (const TimeReading& b : seconds) {
      if (a.form != b.form) continue;
      const Offsets both = a.fits & b.fits;
      const bool own_zones = a.fits.test(zones.first) && b.fits.test(zones.second);
      if (both.none() && !own_zones) continue;
      const bool exact = (a.zoned && b.zoned) || both.test(kUtc) || own_zones;
      const bool weak = a.weak || b.weak;
      AddSign(spot,
              {.cause = "embedded-time",
               .confidence = exact && !weak ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_LIKELY,
               .words =
                   fmt::format("the clock's time ({}{})", a.words, exact ? "" : ", in another zone than UTC"),
               .first = {},
               .second = {},
               .first_length = a.length,
               .second_length = b.length,
               .rank = weak ? kWeakFactRank : kTimeRank},
              signs);
    }
  }
}

void TimeSigns(const Spot& spot, std::vector<Sign>* signs) {
  for (const Clocks& clocks : ClocksOf(*spot.facts)) TimeSignsOf(spot, clocks, signs);
}

std::optional<uint64_t> DecimalAt(std::string_view text, size_t at, size_t* length) {
  if (at > 0 && IsDigitByte(text[at - 1])) return std::nullopt;
  uint64_t value = 0;
  size_t end = at;
  for (; end < text.size() && IsDigitByte(text[end]); ++end) {
    if (end - at >= 18) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(text[end] - '0');
  }
  if (end == at) return std::nullopt;
  *length = end - at;
  return value;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

bool SpeaksOfProcessors(std::string_view context) {
  const std::string lower = LowerCase(context);
  for (const std::string_view word : {"cpu", "proc", "core", "job", "thread", "-j", "worker", "parallel"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

uint64_t ProcessorsOf(const ExecutionFacts& facts) {
  uint64_t number = 0;
  return absl::SimpleAtoi(facts.processors, &number) ? number : 0;
}

// How many processors a list of them names ("0-2,5"), and how long it is; 0: it is none.
uint64_t CountOfList(std::string_view text, size_t at, size_t* length) {
  const auto in_list = [](char c) { return IsDigitByte(c) || c == '-' || c == ','; };
  if (at > 0 && in_list(text[at - 1])) return 0;
  size_t end = at;
  while (end < text.size() && end - at < 256 && in_list(text[end])) ++end;
  *length = end - at;
  uint64_t count = 0;
  for (const absl::string_view part : absl::StrSplit(Av(text.substr(at, end - at)), ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    uint32_t from = 0, to = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &from) || !absl::SimpleAtoi(ends.back(), &to) ||
        to < from)
      return 0;
    count += uint64_t{to} - from + 1;
  }
  return count;
}

void ProcessorListSigns(const Spot& spot, std::vector<Sign>* signs) {
  const uint64_t first = ProcessorsOf(spot.facts->first), second = ProcessorsOf(spot.facts->second);
  size_t first_length = 0, second_length = 0;
  if (first == 0 || second == 0 || CountOfList(spot.first, spot.first_at, &first_length) != first ||
      CountOfList(spot.second, spot.second_at, &second_length) != second)
    return;
  AddSign(spot,
          {.cause = "processors",
           .confidence = v1::Cause::CONFIDENCE_LIKELY,
           .words = "the list of processors",
           .first = {},
           .second = {},
           .first_length = first_length,
           .second_length = second_length,
           .rank = kWeakFactRank},
          signs);
}

void NumberSigns(const Spot& spot, std::vector<Sign>* signs) {
  size_t first_length = 0;
  size_t second_length = 0;
  const auto a = DecimalAt(spot.first, spot.first_at, &first_length);
  const auto b = DecimalAt(spot.second, spot.second_at, &second_length);
  if (!a || !b || *a == *b) return;
  Sign sign{.cause = {},
            .words = {},
            .first = {},
            .second = {},
            .first_length = first_length,
            .second_length = second_length};
  const uint64_t cpus_a = ProcessorsOf(spot.facts->first);
  const uint64_t cpus_b = ProcessorsOf(spot.facts->second);
  const size_t context_begin = spot.first_at - std::min<size_t>(spot.first_at, 32);
  const auto context = spot.first.substr(context_begin, spot.first_at - context_begin);
  const bool last = *a + 1 == cpus_a && *b + 1 == cpus_b && context.ends_with("0-");
  if (cpus_a != 0 && cpus_b != 0 && ((*a == cpus_a && *b == cpus_b) || last)) {
    sign.cause = "processors";
    sign.words = "the number of processors";
    sign.rank = kWeakFactRank;
    sign.confidence =
        last || SpeaksOfProcessors(context) ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_LIKELY;
    AddSign(spot, sign, signs);
  }
  if (spot.facts->size_of && *a > 99 && *b > 99) {
    const std::string path = spot.facts->size_of(static_cast<int64_t>(*a), static_cast<int64_t>(*b));
    if (path.empty()) return;
    sign.cause = "derived";
    sign.words = "the size of " + Shown(path);
    sign.rank = kDerivedRank;
    sign.confidence = v1::Cause::CONFIDENCE_CERTAIN;
    sign.derived = true;
    AddSign(spot, sign, signs);
  }
}

size_t HexLength(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && end - at <= 128 && IsHexByte(text[end])) ++end;
  return end - at;
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (IsDigitByte(c)) return c - '0' + 52;
  if (c == '-' || c == '+') return 62;
  if (c == '_' || c == '/') return 63;
  return -1;
}

// The 32 or 64 bytes of a checksum in base64, either alphabet, as hex; empty: it is none.
std::string HexOfBase64(std::string_view text, size_t at, size_t* length) {
  std::string hex;
  uint32_t bits = 0;
  int count = 0;
  size_t end = at;
  for (; end < text.size() && end - at < 90 && Base64Value(text[end]) >= 0; ++end) {
    bits = bits << 6 | static_cast<uint32_t>(Base64Value(text[end]));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    hex += fmt::format("{:02x}", (bits >> count) & 0xff);
  }
  if (hex.size() != 64 && hex.size() != 128) return {};
  *length = end - at;
  return hex;
}

void ChecksumSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (!spot.facts->checksum_of) return;
  const auto begins = [](std::string_view text, size_t at) { return at == 0 || !IsWordByte(text[at - 1]); };
  if (!begins(spot.first, spot.first_at) || !begins(spot.second, spot.second_at)) return;
  size_t first_length = HexLength(spot.first, spot.first_at);
  size_t second_length = HexLength(spot.second, spot.second_at);
  std::string a(spot.first.substr(spot.first_at, first_length));
  std::string b(spot.second.substr(spot.second_at, second_length));
  if (first_length != second_length || (first_length != 32 && first_length != 40 && first_length != 64 &&
                                        first_length != 96 && first_length != 128)) {
    a = HexOfBase64(spot.first, spot.first_at, &first_length);
    b = HexOfBase64(spot.second, spot.second_at, &second_length);
    if (a.empty() || a.size() != b.size()) return;
  }
  if (a == b) return;
  std::string path = a.size() == 64 ? spot.facts->checksum_of(LowerCase(a), LowerCase(b)) : std::string();
  const bool exact = !path.empty();
  // Another kind of checksum, in a line that names a file that differs.
  if (!exact && a.size() != 64 && spot.facts->named_in) path = spot.facts->named_in(spot.first);
  if (path.empty()) return;
  AddSign(spot,
          {.cause = "derived",
           .confidence = exact ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_LIKELY,
           .words = "the checksum of " + Shown(path),
           .first = {},
           .second = {},
           .first_length = first_length,
           .second_length = second_length,
           .rank = kDerivedRank,
           .derived = true},
          signs);
}

// Bytes of the nanoseconds behind seconds of `width` bytes (a timespec), on both sides and of which one is
// some; 0: there are none. A structure may have them as 4 or 8 bytes.
size_t NanosecondsBehind(const Spot& spot, size_t width, bool big) {
  constexpr uint64_t kMostNanoseconds = 999'999'999;
  for (const size_t more : {size_t{8}, size_t{4}}) {
    const size_t first = spot.first_at + width, second = spot.second_at + width;
    if (first + more > spot.first.size() || second + more > spot.second.size()) continue;
    const uint64_t a = NumberAt(spot.first, first, more, !big), b = NumberAt(spot.second, second, more, !big);
    // Smaller ones are common in any structure.
    if (a > kMostNanoseconds || b > kMostNanoseconds || std::max(a, b) < 1'000'000) continue;
    return more;
  }
  return 0;
}

// Numbers of four and eight bytes that are times, in both byte orders.
void BinaryTimeSignsOf(const Spot& spot, const Clocks& clocks, std::vector<Sign>* signs) {
  for (const size_t width : {size_t{8}, size_t{4}}) {
    if (spot.first_at + width > spot.first.size() || spot.second_at + width > spot.second.size()) continue;
    for (const bool big : {false, true}) {
      const uint64_t a = NumberAt(spot.first, spot.first_at, width, !big);
      const uint64_t b = NumberAt(spot.second, spot.second_at, width, !big);
      const auto words = CountedTime(a, clocks.first);
      if (a == b || words.empty() || words != CountedTime(b, clocks.second)) continue;
      const size_t more = NanosecondsBehind(spot, width, big);
      signs->push_back({.cause = "embedded-time",
                        .confidence = v1::Cause::CONFIDENCE_CERTAIN,
                        .words = fmt::format("the clock's time ({}, a number of {} bytes)", words, width),
                        .first = std::to_string(a),
                        .second = std::to_string(b),
                        .first_length = width + more,
                        .second_length = width + more,
                        .rank = kTimeRank});
    }
  }
}

void BinaryTimeSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (!spot.binary) return;
  for (const Clocks& clocks : ClocksOf(*spot.facts)) BinaryTimeSignsOf(spot, clocks, signs);
}

}  // namespace

bool KnowsClock(const ExecutionFacts& facts) { return facts.begin > 0 && facts.end >= facts.begin; }

void FactSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (spot.facts == nullptr) return;
  RecordedSigns(spot, signs);
  TimeSigns(spot, signs);
  BinaryTimeSigns(spot, signs);
  ChecksumSigns(spot, signs);
  NumberSigns(spot, signs);
  ProcessorListSigns(spot, signs);
}

}  // namespace crossmill::compare
