// Signs that show in the form of what differs.
#include <algorithm>
#include <array>
#include <cstdint>

#include "common/base/paths.h"
#include "common/compare/signs.h"

namespace crossmill::compare {
namespace {

bool IsFormDigit(char c) { return c >= '0' && c <= '9'; }
bool IsFormAlnum(char c) { return IsFormDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsFormHex(char c) { return IsFormDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsNameByte(char c) { return IsFormAlnum(c) || c == '_' || c == '-' || c == '.'; }

template <typename Predicate>
std::string_view RunAt(std::string_view text, size_t at, size_t most, Predicate predicate) {
  size_t end = at;
  while (end < text.size() && end - at < most && predicate(text[end])) ++end;
  return text.substr(at, end - at);
}

void AddForm(std::string_view cause, v1::Cause::Confidence confidence, std::string_view words,
             std::string_view first, std::string_view second, int rank, std::vector<Sign>* signs) {
  if (first == second) return;
  signs->push_back({.cause = std::string(cause),
                    .confidence = confidence,
                    .words = std::string(words),
                    .first = Shown(first),
                    .second = Shown(second),
                    .first_length = first.size(),
                    .second_length = second.size(),
                    .rank = rank});
}

// Of two texts of one length: how many places differ.
size_t DifferingPlaces(std::string_view a, std::string_view b) {
  size_t count = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) count += a[i] != b[i] ? 1 : 0;
  return count;
}

size_t DistinctBytes(std::string_view text) {
  std::array<bool, 256> seen{};
  for (const char c : text) seen[static_cast<unsigned char>(c)] = true;
  return static_cast<size_t>(std::count(seen.begin(), seen.end(), true));
}

// Drawn letters are mostly different at each place; words that differ are not.
bool LooksDrawn(std::string_view a, std::string_view b) {
  return a.size() == b.size() && DifferingPlaces(a, b) * 10 >= a.size() * 6 &&
         DistinctBytes(a) * 2 >= std::min<size_t>(a.size(), 12) &&
         DistinctBytes(b) * 2 >= std::min<size_t>(b.size(), 12);
}

bool HasLower(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}
bool HasUpper(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}
bool HasDigit(std::string_view text) { return std::any_of(text.begin(), text.end(), IsFormDigit); }

// A component of a path that a program made below a folder for temporary files: mkdtemp, tempfile and cc name
// them with letters of equal number.
void TemporaryNameSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto begins = [](std::string_view text, size_t at) { return at == 0 || !IsNameByte(text[at - 1]); };
  if (!begins(spot.first, spot.first_at) || !begins(spot.second, spot.second_at)) return;
  const auto a = RunAt(spot.first, spot.first_at, 256, IsNameByte);
  const auto b = RunAt(spot.second, spot.second_at, 256, IsNameByte);
  if (a.size() < 4 || a.size() != b.size()) return;
  const auto begin = spot.first.substr(0, spot.first_at)
                         .find_last_of(
                             " \t\n\"'=:;,()<>\0"
                             "\x01");
  const auto way = spot.first.substr(begin == std::string_view::npos ? 0 : begin + 1,
                                     spot.first_at - (begin == std::string_view::npos ? 0 : begin + 1));
  const bool below_temporary = way.find("tmp/") != std::string_view::npos ||
                               way.find("temp/") != std::string_view::npos ||
                               way.find("/TMP/") != std::string_view::npos;
  const bool compiler = a.size() >= 8 && a.starts_with("cc") && b.starts_with("cc") && a[a.size() - 2] == '.';
  const bool named = a.starts_with("tmp") && b.starts_with("tmp");
  if (below_temporary || compiler || named)
    AddForm("build-path",
            below_temporary || compiler ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_LIKELY,
            compiler ? "the name of a compiler's temporary file"
                     : "a temporary folder or file with a random name",
            a, b, kFormRank, signs);
}

void AddressSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (!spot.first.substr(spot.first_at).starts_with("0x") ||
      !spot.second.substr(spot.second_at).starts_with("0x"))
    return;
  const auto a = RunAt(spot.first, spot.first_at + 2, 17, IsFormHex);
  const auto b = RunAt(spot.second, spot.second_at + 2, 17, IsFormHex);
  // User space ends at 2^47 or 2^48, programs and libraries lie in its upper half.
  if (a.size() < 8 || a.size() > 12 || b.size() < 8 || b.size() > 12) return;
  AddForm("random", v1::Cause::CONFIDENCE_LIKELY, "an address in memory, which is drawn at random",
          spot.first.substr(spot.first_at, a.size() + 2), spot.second.substr(spot.second_at, b.size() + 2),
          kFormRank, signs);
}

bool IsUuid(std::string_view text) {
  if (text.size() < 36) return false;
  for (size_t i = 0; i < 36; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsFormHex(text[i])) return false;
  }
  return text.size() == 36 || !IsFormAlnum(text[36]);
}

void UuidSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto a = spot.first.substr(spot.first_at);
  const auto b = spot.second.substr(spot.second_at);
  if (!IsUuid(a) || !IsUuid(b) || a[14] != b[14]) return;
  // Of the name-based versions 3 and 5, and where the version is none, something else decides.
  const bool random = a[14] == '4' || a[14] == '1' || a[14] == '7';
  AddForm("random", random ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_POSSIBLE, "a UUID",
          a.substr(0, 36), b.substr(0, 36), kFormRank - 1, signs);
}

// "pid 123", "pid=123", "name[123]", "tmp.123".
void ProcessIdSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto a = RunAt(spot.first, spot.first_at, 8, IsFormDigit);
  const auto b = RunAt(spot.second, spot.second_at, 8, IsFormDigit);
  if (a.empty() || b.empty() || a.size() > 7 || b.size() > 7) return;
  const size_t from = spot.first_at - std::min<size_t>(spot.first_at, 12);
  std::string before(spot.first.substr(from, spot.first_at - from));
  for (char& c : before) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  while (!before.empty() &&
         (before.back() == ' ' || before.back() == ':' || before.back() == '=' || before.back() == '"'))
    before.pop_back();
  const bool said = before.ends_with("pid") || before.ends_with("process id") || before.ends_with("process");
  const size_t end = spot.first_at + a.size();
  const bool log = before.size() > 1 && before.back() == '[' && IsFormAlnum(before[before.size() - 2]) &&
                   end < spot.first.size() && spot.first[end] == ']';
  const bool header = before.ends_with("globalhead.") || before.ends_with("paxheaders.");
  // The file has its number, and nothing else.
  const std::string_view path = spot.facts == nullptr ? std::string_view() : spot.facts->path;
  const std::string_view name = LastName(path);
  const bool named = before.empty() && end == spot.first.size() && (name == "pid" || name.ends_with(".pid"));
  if (!said && !log && !header && !named) return;
  AddForm("process-id", v1::Cause::CONFIDENCE_LIKELY, "the number of a process", a, b, kFormRank - 1, signs);
}

// A measured duration: a number before "s", "ms", "sec", "seconds".
void DurationSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (spot.first_at > 0 &&
      (IsFormDigit(spot.first[spot.first_at - 1]) || spot.first[spot.first_at - 1] == '.'))
    return;
  const auto number = [](char c) { return IsFormDigit(c) || c == '.'; };
  const auto a = RunAt(spot.first, spot.first_at, 24, number);
  const auto b = RunAt(spot.second, spot.second_at, 24, number);
  if (a.empty() || b.empty() || !IsFormDigit(a[0]) || !IsFormDigit(b[0])) return;
  const auto unit_of = [](std::string_view text, size_t at) {
    if (at < text.size() && text[at] == ' ') ++at;
    const auto unit = RunAt(text, at, 16, IsFormAlnum);
    for (const std::string_view known :
         {"s", "ms", "us", "ns", "sec", "secs", "second", "seconds", "milliseconds", "m"})
      if (unit == known) return true;
    return false;
  };
  if (!unit_of(spot.first, spot.first_at + a.size()) || !unit_of(spot.second, spot.second_at + b.size()))
    return;
  AddForm("duration", v1::Cause::CONFIDENCE_LIKELY, "how long something took", a, b, kFormRank - 1, signs);
}

// "$y$j9T$SALT$HASH" (crypt(5)): another salt gives another hash of one password.
void PasswordSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto in_hash = [](char c) {
    return IsFormAlnum(c) || c == '.' || c == '/' || c == '$' || c == '=' || c == ',';
  };
  const auto a = RunAt(spot.first, spot.first_at, 256, in_hash);
  const auto b = RunAt(spot.second, spot.second_at, 256, in_hash);
  constexpr size_t kShortest = 30;
  if (a.size() < kShortest || a.size() != b.size() || a[0] != '$' || b[0] != '$') return;
  const size_t kind = a.find('$', 1);
  if (kind == std::string_view::npos || kind > 11 || a.substr(0, kind) != b.substr(0, kind)) return;
  if (a.find('$', kind + 1) == std::string_view::npos) return;
  AddForm("random", v1::Cause::CONFIDENCE_LIKELY, "the hash of a password, whose salt is drawn at random", a,
          b, kFormRank - 1, signs);
}

bool IsChecksumLength(size_t digits) {
  return digits == 32 || digits == 40 || digits == 56 || digits == 64 || digits == 96 || digits == 128;
}

void RandomTokenSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto begins = [](std::string_view text, size_t at) { return at == 0 || !IsFormAlnum(text[at - 1]); };
  if (!begins(spot.first, spot.first_at) || !begins(spot.second, spot.second_at)) return;
  const auto hex_a = RunAt(spot.first, spot.first_at, 4096, IsFormHex);
  const auto hex_b = RunAt(spot.second, spot.second_at, 4096, IsFormHex);
  const auto in_base64 = [](char c) {
    return IsFormAlnum(c) || c == '+' || c == '/' || c == '_' || c == '-';
  };
  const auto a = RunAt(spot.first, spot.first_at, 4096, in_base64);
  const auto b = RunAt(spot.second, spot.second_at, 4096, in_base64);
  const bool whole_hex = hex_a.size() == a.size() && hex_b.size() == b.size();
  const auto letters = [](std::string_view text) {
    return HasDigit(text) && (HasLower(text) || HasUpper(text));
  };
  if (whole_hex && a.size() >= 8 && LooksDrawn(a, b) && (letters(a) || letters(b))) {
    AddForm("random",
            IsChecksumLength(a.size()) ? v1::Cause::CONFIDENCE_POSSIBLE : v1::Cause::CONFIDENCE_LIKELY,
            IsChecksumLength(a.size()) ? "hex digits of one number: random, or a checksum of something that "
                                         "differs, though of no file of this step"
                                       : "hex digits of one number that look random",
            a, b, kFormRank + 1, signs);
    return;
  }
  const auto mixed = [&](std::string_view text) {
    return (HasLower(text) ? 1 : 0) + (HasUpper(text) ? 1 : 0) + (HasDigit(text) ? 1 : 0) >= 2;
  };
  if (a.size() >= 6 && LooksDrawn(a, b) && mixed(a) && mixed(b)) {
    AddForm("random", a.size() >= 12 ? v1::Cause::CONFIDENCE_LIKELY : v1::Cause::CONFIDENCE_POSSIBLE,
            "letters and digits of one number that look random", a, b, kFormRank + 1, signs);
    return;
  }
}

// "-12.5e-07" at a place.
std::string_view DecimalNumberAt(std::string_view text, size_t at) {
  if (at > 0 && (IsFormDigit(text[at - 1]) || text[at - 1] == '.')) return {};
  size_t end = at;
  if (end < text.size() && text[end] == '-') ++end;
  const size_t digits = end;
  while (end < text.size() && (IsFormDigit(text[end]) || text[end] == '.')) ++end;
  if (end == digits || !IsFormDigit(text[digits])) return {};
  // A dot behind it ends a sentence.
  if (text[end - 1] == '.') --end;
  if (end + 1 < text.size() && text[end] == 'e') {
    const size_t exponent = end + (text[end + 1] == '-' || text[end + 1] == '+' ? 2 : 1);
    const auto power = RunAt(text, exponent, 4, IsFormDigit);
    if (!power.empty()) end = exponent + power.size();
  }
  return text.substr(at, end - at);
}

// Small letters and digits of nearly one number, as numbers in base 36 have.
void DrawnLettersSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto begins = [](std::string_view text, size_t at) { return at == 0 || !IsFormAlnum(text[at - 1]); };
  if (!begins(spot.first, spot.first_at) || !begins(spot.second, spot.second_at)) return;
  const auto a = RunAt(spot.first, spot.first_at, 64, IsFormAlnum);
  const auto b = RunAt(spot.second, spot.second_at, 64, IsFormAlnum);
  const size_t shorter = std::min(a.size(), b.size());
  if (a.size() == b.size() || shorter < 9 || std::max(a.size(), b.size()) - shorter > 2) return;
  const auto drawn = [](std::string_view text) {
    return HasDigit(text) && (HasLower(text) || HasUpper(text)) && DistinctBytes(text) * 2 >= text.size();
  };
  if (!drawn(a) || !drawn(b) || DifferingPlaces(a, b) * 10 < shorter * 8) return;
  AddForm("random", v1::Cause::CONFIDENCE_POSSIBLE, "letters and digits without any relation", a, b,
          kFormRank + 2, signs);
}

void RandomNumberSigns(const Spot& spot, std::vector<Sign>* signs) {
  const auto a = DecimalNumberAt(spot.first, spot.first_at);
  const auto b = DecimalNumberAt(spot.second, spot.second_at);
  const auto digits = [](std::string_view text) {
    return std::count_if(text.begin(), text.end(), IsFormDigit);
  };
  constexpr int kFewestDigits = 4;
  if (digits(a) < kFewestDigits || digits(b) < kFewestDigits) return;
  // Counters and times begin alike.
  const size_t shorter = std::min(a.size(), b.size());
  if (DifferingPlaces(a, b) * 2 < shorter) return;
  AddForm("random", v1::Cause::CONFIDENCE_POSSIBLE, "numbers without any relation, and of no recorded fact",
          a, b, kFormRank + 2, signs);
}

}  // namespace

void FormSigns(const Spot& spot, std::vector<Sign>* signs) {
  if (spot.first_at >= spot.first.size() || spot.second_at >= spot.second.size()) return;
  TemporaryNameSigns(spot, signs);
  AddressSigns(spot, signs);
  UuidSigns(spot, signs);
  PasswordSigns(spot, signs);
  ProcessIdSigns(spot, signs);
  DurationSigns(spot, signs);
  RandomTokenSigns(spot, signs);
  DrawnLettersSigns(spot, signs);
  RandomNumberSigns(spot, signs);
}

}  // namespace crossmill::compare
