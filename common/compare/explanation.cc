#include "common/compare/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/compare/causes.h"
#include "common/compare/formats/formats.h"
#include "common/compare/signs.h"

namespace crossmill::compare {
namespace {

// How far before the place where two pieces part a sign may begin.
constexpr size_t kReach = 64;
constexpr size_t kMostPlaces = 256;

bool IsBetter(const Sign& one, const Sign& other) {
  if (one.rank != other.rank) return one.rank < other.rank;
  return one.first_length + one.second_length > other.first_length + other.second_length;
}

class Walk {
 public:
  Walk(std::string_view first, std::string_view second, const FactPair& facts, PiecesKind kind, bool forms)
      : first_(first), second_(second), facts_(facts), kind_(kind), forms_(forms) {}

  Explanation Run() {
    Explanation explanation;
    for (size_t places = 0; places < kMostPlaces; ++places) {
      while (i_ < first_.size() && j_ < second_.size() && first_[i_] == second_[j_]) {
        ++i_;
        ++j_;
      }
      const bool first_ends = i_ >= first_.size(), second_ends = j_ >= second_.size();
      // Of a piece that goes on, what lies behind its end is not told apart.
      if ((first_ends && second_ends) || (kind_.cut && places > 0 && (first_ends || second_ends))) {
        explanation.whole = true;
        return explanation;
      }
      const auto sign = SignHere();
      if (!sign) return explanation;
      const bool known =
          std::any_of(explanation.signs.begin(), explanation.signs.end(), [&](const Sign& each) {
            return each.first == sign->first && each.second == sign->second && each.cause == sign->cause;
          });
      if (!known) explanation.signs.push_back(*sign);
    }
    // What was not looked at may be anything.
    return explanation;
  }

 private:
  // The best sign that covers the place where the pieces part; moves behind it.
  std::optional<Sign> SignHere() {
    std::optional<Sign> best;
    size_t best_back = 0;
    const size_t reach = std::min({kReach, i_ - first_floor_, j_ - second_floor_});
    std::vector<Sign> signs;
    for (size_t back = 0; back <= reach; ++back) {
      signs.clear();
      const Spot spot{first_, second_, i_ - back, j_ - back, &facts_, kind_.binary};
      FactSigns(spot, &signs);
      SettingSigns(spot, &signs);
      if (forms_) FormSigns(spot, &signs);
      for (Sign& sign : signs) {
        const bool covers = sign.one_sided ? std::max(sign.first_length, sign.second_length) > back
                                           : sign.first_length >= back && sign.second_length >= back &&
                                                 sign.first_length + sign.second_length > 2 * back;
        // What one side has more is looked for where the other goes on, before it is looked for earlier.
        const bool later = best && sign.one_sided && back > 0 && sign.rank >= best->rank;
        if (!covers || later || (best && !IsBetter(sign, *best))) continue;
        best_back = back;
        best = std::move(sign);
      }
    }
    if (!best) return std::nullopt;
    i_ = first_floor_ = i_ - best_back + best->first_length;
    j_ = second_floor_ = j_ - best_back + best->second_length;
    return best;
  }

  const std::string_view first_;
  const std::string_view second_;
  const FactPair& facts_;
  const PiecesKind kind_;
  const bool forms_;
  size_t i_ = 0;
  size_t j_ = 0;
  // A sign does not reach back into the one before it.
  size_t first_floor_ = 0;
  size_t second_floor_ = 0;
};

std::vector<std::string_view> PermutableWords(std::string_view text) {
  std::vector<std::string_view> words;
  const auto in_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '-' || (static_cast<unsigned char>(c) & 0x80) != 0;
  };
  for (size_t begin = 0; begin < text.size();) {
    while (begin < text.size() && !in_word(text[begin])) ++begin;
    size_t end = begin;
    while (end < text.size() && in_word(text[end])) ++end;
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

// The same words in another order: a set or a mapping that was written as it was hashed.
bool IsPermuted(std::string_view first, std::string_view second) {
  if (first.size() != second.size()) return false;
  auto ours = PermutableWords(first);
  auto theirs = PermutableWords(second);
  if (ours.size() < 2 || ours == theirs) return false;
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  return ours == theirs;
}

std::string EvidenceOf(const std::vector<Sign>& signs, const FactPair& facts) {
  std::string evidence =
      fmt::format("it is {}: {}", signs[0].words, BothSides(signs[0].first, signs[0].second, facts));
  std::vector<std::string_view> also;
  for (const Sign& sign : signs) {
    if (sign.words != signs[0].words && std::find(also.begin(), also.end(), sign.words) == also.end())
      also.push_back(sign.words);
  }
  for (size_t i = 0; i < also.size() && i < 4; ++i)
    evidence += fmt::format("{}{}", i == 0 ? "; also " : ", ", also[i]);
  return evidence;
}

}  // namespace

Explanation Explain(std::string_view first, std::string_view second, const FactPair& facts, PiecesKind kind) {
  return Walk(first, second, facts, kind, true).Run();
}

v1::Cause MakeCause(std::string_view cause_class, v1::Cause::Confidence confidence, std::string evidence) {
  v1::Cause cause;
  cause.set_class_(std::string(cause_class));
  cause.set_confidence(confidence);
  cause.set_evidence(std::move(evidence));
  if (const CauseClass* known = FindCauseClass(cause_class)) {
    cause.set_remedy(std::string(known->remedy));
    if (!known->line.empty()) cause.add_remedy_lines(std::string(known->line));
  }
  return cause;
}

std::optional<v1::Cause> CauseOfPieces(std::string_view first, std::string_view second, const FactPair& facts,
                                       PiecesKind kind, bool* derived) {
  *derived = false;
  Explanation explanation = Walk(first, second, facts, kind, false).Run();
  if (!explanation.whole && !kind.binary && !kind.cut && IsPermuted(first, second)) {
    return MakeCause("order", v1::Cause::CONFIDENCE_CERTAIN,
                     "the same words in another order: " + BothSides(Shown(first), Shown(second), facts));
  }
  if (!explanation.whole) explanation = Walk(first, second, facts, kind, true).Run();
  auto& signs = explanation.signs;
  if (!explanation.whole || signs.empty()) return std::nullopt;
  // The surest first: what looks like a checksum may be one of what is told. What only follows comes last.
  std::stable_sort(signs.begin(), signs.end(), [](const Sign& a, const Sign& b) {
    return std::pair(a.derived, a.confidence) < std::pair(b.derived, b.confidence);
  });
  *derived = signs[0].derived;
  auto confidence = v1::Cause::CONFIDENCE_CERTAIN;
  for (const Sign& sign : signs) confidence = std::max(confidence, sign.confidence);
  return MakeCause(signs[0].cause, confidence, EvidenceOf(signs, facts));
}

std::string BothSides(std::string_view first, std::string_view second, const FactPair& facts) {
  if (facts.first.worker == facts.second.worker)
    return fmt::format("{} on {} first, then {}", first, facts.first.worker, second);
  return fmt::format("{} on {}, {} on {}", first, facts.first.worker, second, facts.second.worker);
}

std::string Shown(std::string_view bytes) {
  constexpr size_t kShown = 80;
  if (bytes.empty()) return "nothing";
  const std::string_view head = bytes.substr(0, kShown);
  if (!IsText(head)) return "0x" + absl::BytesToHexString(Av(head.substr(0, 16)));
  return Printable(head) + (bytes.size() > head.size() ? "…" : "");
}

}  // namespace crossmill::compare
