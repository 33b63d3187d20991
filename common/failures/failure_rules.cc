#include "common/failures/failure_rules.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/failures/rule_text.h"

namespace crossmill::failures {
namespace {

constexpr size_t kLongestLine = 4 << 10;
// Of a word that was taken out of a line.
constexpr size_t kLongestWord = 200;
// Literal pieces that a pattern is looked for by; shorter ones are everywhere.
constexpr size_t kShortestPiece = 3;

// Lines are any bytes.
const RE2::Options& PatternOptions() {
  static const RE2::Options options = [] {
    RE2::Options made(RE2::Latin1);
    made.set_log_errors(false);
    return made;
  }();
  return options;
}

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

std::string_view Front(std::string_view line) { return line.substr(0, kLongestLine); }

// As RE2 lowers the pieces of Latin-1 patterns.
std::string Lower(std::string_view line) {
  std::string lower(line);
  for (char& c : lower) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 'A' && byte <= 'Z') || (byte >= 0xc0 && byte <= 0xde && byte != 0xd7))
      c = static_cast<char>(byte + 0x20);
  }
  return lower;
}

// What is a piece of any pattern is found in one pass over a line, by the three characters with which it
// begins.
class PieceIndex {
 public:
  PieceIndex() : by_beginning_(size_t{1} << kBits) {}

  void Add(std::string piece) {
    by_beginning_[Slot(piece.data())].push_back(static_cast<int>(pieces_.size()));
    pieces_.push_back(std::move(piece));
  }

  // Numbers of the pieces in `lower`, each once.
  std::vector<int> In(std::string_view lower) const {
    std::vector<int> found;
    std::vector<bool> known(pieces_.size());
    for (size_t at = 0; at + kShortestPiece <= lower.size(); ++at) {
      for (const int number : by_beginning_[Slot(lower.data() + at)]) {
        const auto index = static_cast<size_t>(number);
        if (known[index] || !lower.substr(at).starts_with(pieces_[index])) continue;
        known[index] = true;
        found.push_back(number);
      }
    }
    return found;
  }

 private:
  static constexpr int kBits = 12;

  static size_t Slot(const char* text) {
    const auto byte = [text](int i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
    return ((byte(0) * 961 + byte(1) * 31 + byte(2)) * 2654435761u) >> (32 - kBits);
  }

  std::vector<std::string> pieces_;
  std::vector<std::vector<int>> by_beginning_;
};

}  // namespace

struct FailureRules::Rule {
  WrittenRule written;
  // Indexes into the patterns.
  std::vector<int> match;
  std::vector<std::unique_ptr<RE2>> unless;
};

struct FailureRules::Patterns {
  re2::FilteredRE2 all{static_cast<int>(kShortestPiece)};
  // What the filter wants to be looked for.
  PieceIndex pieces;
  // The rule of each pattern.
  std::vector<Rank> rules;
};

FailureRules::FailureRules() : patterns_(std::make_unique<Patterns>()) {}
FailureRules::~FailureRules() = default;

// Puts rule files together.
class FailureRules::Reader {
 public:
  explicit Reader(FailureRules* rules) : rules_(*rules) {}

  absl::Status Add(const RuleFile& file) {
    ASSIGN_OR_RETURN(std::vector<WrittenRule> written, ReadRuleText(file, &rules_.providers_));
    std::vector<Rule> general;
    for (WrittenRule& rule : written) {
      Rule compiled;
      RETURN_IF_ERROR(Check(file, rule));
      for (const WrittenRule::Pattern& pattern : rule.unless) {
        compiled.unless.push_back(std::make_unique<RE2>(Piece(pattern.text), PatternOptions()));
      }
      compiled.written = std::move(rule);
      (compiled.written.general ? general : rules_.rules_).push_back(std::move(compiled));
    }
    rules_.rules_.insert(rules_.rules_.begin(), std::make_move_iterator(general.begin()),
                         std::make_move_iterator(general.end()));
    return absl::OkStatus();
  }

  // Once every file was added: ranks are known only then.
  absl::Status Finish() {
    Patterns& patterns = *rules_.patterns_;
    for (Rank rank = 0; rank < rules_.rules_.size(); ++rank) {
      Rule& rule = rules_.rules_[rank];
      for (const WrittenRule::Pattern& pattern : rule.written.match) {
        int id = 0;
        if (patterns.all.Add(Piece(pattern.text), PatternOptions(), &id) != RE2::NoError)
          return absl::InternalError(fmt::format("the pattern {} was good before", pattern.text));
        rule.match.push_back(id);
        patterns.rules.resize(static_cast<size_t>(id) + 1);
        patterns.rules[static_cast<size_t>(id)] = rank;
      }
    }
    std::vector<std::string> pieces;
    patterns.all.Compile(&pieces);
    for (std::string& piece : pieces) patterns.pieces.Add(std::move(piece));
    return absl::OkStatus();
  }

 private:
  static absl::Status Check(const RuleFile& file, const WrittenRule& rule) {
    const auto at = [&](int line, const std::string& what) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: {}", file.name, line, what));
    };
    for (const auto* patterns : {&rule.match, &rule.unless}) {
      for (const WrittenRule::Pattern& pattern : *patterns) {
        const RE2 compiled(Piece(pattern.text), PatternOptions());
        if (!compiled.ok())
          return at(pattern.line, fmt::format("no regular expression of RE2: {}", compiled.error()));
        if (RE2::PartialMatch("", compiled))
          return at(pattern.line, "the pattern matches every line, also an empty one: make it say more");
        if (patterns == &rule.unless) continue;
        for (const WrittenRule::Pattern& use : rule.uses) {
          if (use.text == "line" || compiled.NamedCapturingGroups().contains(use.text)) continue;
          return at(use.line,
                    fmt::format("{{{0}}} is in no group of the pattern in line {1}: add (?P<{0}>...) to it",
                                use.text, pattern.line));
        }
      }
    }
    return absl::OkStatus();
  }

  FailureRules& rules_;
};

absl::StatusOr<std::shared_ptr<const FailureRules>> FailureRules::Load(absl::Span<const RuleFile> more) {
  std::shared_ptr<FailureRules> rules(new FailureRules);
  Reader reader(rules.get());
  for (const RuleFile& file : EmbeddedRuleFiles()) RETURN_IF_ERROR(reader.Add(file));
  for (const RuleFile& file : more) RETURN_IF_ERROR(reader.Add(file));
  RETURN_IF_ERROR(reader.Finish());
  return rules;
}

std::shared_ptr<const FailureRules> FailureRules::BuiltIn() {
  static const std::shared_ptr<const FailureRules> rules = Load({}).value();
  return rules;
}

std::vector<FailureRules::Rank> FailureRules::Candidates(std::string_view line) const {
  std::vector<int> possible;
  patterns_->all.AllPotentials(patterns_->pieces.In(Lower(line)), &possible);
  std::vector<Rank> ranks;
  for (const int id : possible) ranks.push_back(patterns_->rules[static_cast<size_t>(id)]);
  std::sort(ranks.begin(), ranks.end(), std::greater<>());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

std::optional<FailureRules::Rank> FailureRules::Find(std::string_view line, Rank least) const {
  line = Front(line);
  const auto shows = [&](const RE2& pattern) { return RE2::PartialMatch(Piece(line), pattern); };
  for (const Rank rank : Candidates(line)) {
    if (rank < least) break;
    const Rule& rule = rules_[rank];
    const bool matches = std::any_of(rule.match.begin(), rule.match.end(),
                                     [&](int id) { return shows(patterns_->all.GetRE2(id)); });
    if (matches && std::none_of(rule.unless.begin(), rule.unless.end(),
                                [&](const auto& pattern) { return shows(*pattern); })) {
      return rank;
    }
  }
  return std::nullopt;
}

const std::string& FailureRules::ClassOf(Rank rank) const { return rules_[rank].written.failure_class; }

Need FailureRules::NeedOf(Rank rank, std::string_view line) const {
  line = Front(line);
  const Rule& rule = rules_[rank];
  std::map<std::string, std::string, std::less<>> words = {{"line", std::string(line)}};
  for (const int id : rule.match) {
    const RE2& pattern = patterns_->all.GetRE2(id);
    std::vector<re2::StringPiece> groups(static_cast<size_t>(pattern.NumberOfCapturingGroups()) + 1);
    if (!pattern.Match(Piece(line), 0, line.size(), RE2::UNANCHORED, groups.data(),
                       static_cast<int>(groups.size()))) {
      continue;
    }
    for (const auto& [name, number] : pattern.NamedCapturingGroups()) {
      const re2::StringPiece& group = groups[static_cast<size_t>(number)];
      words[name] = std::string(group.data(), std::min(group.size(), kLongestWord));
    }
    break;
  }
  const auto fill = [&](std::string* text) {
    *text = FillIn(*text, [&](std::string_view name) {
      const auto found = words.find(name);
      return found == words.end() ? std::string() : found->second;
    });
  };
  Need need = rule.written.need;
  for (Thing& thing : need.install) fill(&thing.name);
  for (Thing& thing : need.also) fill(&thing.name);
  fill(&need.words);
  fill(&need.say);
  fill(&need.note);
  std::string least = rule.written.least;
  fill(&least);
  need.least = ParseRelease(least);
  return need;
}

Need FailureRules::NeedOfClass(std::string_view failure_class) const {
  for (const Rule& rule : rules_) {
    if (rule.written.failure_class == failure_class) return rule.written.need;
  }
  return {};
}

}  // namespace crossmill::failures
