// pip's choice: filters in its order, then the best by its key.
#include "common/wheels/candidates.h"

#include <algorithm>
#include <compare>

#include "common/wheels/explanation.h"
#include "common/wheels/obstacles.h"

namespace crossmill::python {
namespace {

struct Candidate {
  const ListedFile* file = nullptr;
  const IndexFile* listed = nullptr;
  // Of wheels.
  std::optional<size_t> rank;
  bool allowed_hash = false;
};

// Files that fit the environment and the rules but for versions and hashes.
std::vector<Candidate> Usable(const ProjectFiles& files, const ChoiceRules& rules,
                              const PythonEnvironment& environment) {
  std::vector<Candidate> usable;
  for (const ListedFile& file : files.files()) {
    const IndexFile& listed = files.Listed(file);
    if (file.wheel.has_value() ? !rules.allow_wheels : !rules.allow_sources) continue;
    if (TimeObstacle(listed, rules).has_value() || !FitsRequiresPython(file, rules, environment)) continue;
    Candidate candidate{&file, &listed, std::nullopt, HasAllowedHash(listed, rules)};
    if (file.wheel.has_value()) {
      candidate.rank = environment.ranks().Rank(*file.wheel);
      if (!candidate.rank.has_value()) continue;
    }
    usable.push_back(candidate);
  }
  return usable;
}

std::vector<Candidate> OfVersions(const std::vector<Candidate>& usable, const ChoiceRules& rules) {
  std::vector<const Version*> versions;
  for (const Candidate& candidate : usable) versions.push_back(&candidate.file->version);
  std::vector<Candidate> applicable;
  for (const size_t index : rules.specifier.Filter(versions, rules.prereleases))
    applicable.push_back(usable[index]);
  return applicable;
}

// Without those that have another hash, if one has the right one. Otherwise all stay, and pip fails when it
// has fetched the best.
void DropOtherHashes(const ChoiceRules& rules, std::vector<Candidate>& applicable) {
  const auto allowed = [](const Candidate& candidate) { return candidate.allowed_hash; };
  if (rules.hashes.empty() || std::none_of(applicable.begin(), applicable.end(), allowed)) return;
  std::erase_if(applicable, [](const Candidate& candidate) {
    return !candidate.allowed_hash && !candidate.listed->hashes.empty();
  });
}

// Wheels come before sources, better tags before worse, then later builds.
std::weak_ordering CompareForms(const Candidate& a, const Candidate& b) {
  if (!a.rank.has_value() || !b.rank.has_value()) return a.rank.has_value() <=> b.rank.has_value();
  if (*a.rank != *b.rank) return *b.rank <=> *a.rank;
  return a.file->wheel->build <=> b.file->wheel->build;
}

bool IsWorse(const Candidate& a, const Candidate& b, bool prefer_binary) {
  if (a.allowed_hash != b.allowed_hash) return b.allowed_hash;
  const bool a_yanked = a.listed->yanked.has_value();
  const bool b_yanked = b.listed->yanked.has_value();
  if (a_yanked != b_yanked) return a_yanked;
  if (prefer_binary && a.rank.has_value() != b.rank.has_value()) return b.rank.has_value();
  if (const auto versions = a.file->version <=> b.file->version; std::is_neq(versions))
    return std::is_lt(versions);
  return std::is_lt(CompareForms(a, b));
}

// Of equal ones the last of the page; null if there is none.
const Candidate* Best(const std::vector<Candidate>& applicable, const ChoiceRules& rules, bool allow_yanked) {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : applicable) {
    if (candidate.listed->yanked.has_value() && !allow_yanked) continue;
    if (best == nullptr || !IsWorse(candidate, *best, rules.prefer_binary)) best = &candidate;
  }
  return best;
}

}  // namespace

Choice Choose(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment) {
  std::vector<Candidate> applicable = OfVersions(Usable(files, rules, environment), rules);
  DropOtherHashes(rules, applicable);
  // PEP 592: a pinned version may be one that is only there yanked.
  const bool allow_yanked = rules.specifier.IsPinned() &&
                            std::all_of(applicable.begin(), applicable.end(), [](const Candidate& candidate) {
                              return candidate.listed->yanked.has_value();
                            });
  Choice choice;
  const Candidate* best = Best(applicable, rules, allow_yanked);
  // What has no hash on the page may turn out to have the right one.
  if (best != nullptr && !rules.hashes.empty() && !best->allowed_hash && !best->listed->hashes.empty())
    best = nullptr;
  if (best != nullptr) {
    choice.file = best->file;
    choice.kind = best->rank.has_value() ? Choice::Kind::kWheel : Choice::Kind::kSource;
    choice.tag_rank = best->rank;
  }
  if (choice.kind != Choice::Kind::kWheel) Explain(files, rules, environment, allow_yanked, choice);
  return choice;
}

}  // namespace crossmill::python
