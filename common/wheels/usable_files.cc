// pip's filters in its order, then its order by its key.
#include "common/wheels/usable_files.h"

#include <algorithm>
#include <compare>

#include "common/wheels/obstacles.h"

namespace crossmill::python {
namespace {

// Without those that have another hash, if one has the right one. Otherwise all stay, and pip fails when it
// has fetched the best.
void DropOtherHashes(std::vector<UsableFile>& applicable) {
  const auto allowed = [](const UsableFile& file) { return file.allowed_hash; };
  if (std::none_of(applicable.begin(), applicable.end(), allowed)) return;
  std::erase_if(applicable,
                [](const UsableFile& file) { return !file.allowed_hash && !file.listed->hashes.empty(); });
}

// Wheels come before sources, better tags before worse, then later builds.
std::weak_ordering CompareForms(const UsableFile& a, const UsableFile& b) {
  if (!a.rank.has_value() || !b.rank.has_value()) return a.rank.has_value() <=> b.rank.has_value();
  if (*a.rank != *b.rank) return *b.rank <=> *a.rank;
  return a.file->wheel->build <=> b.file->wheel->build;
}

bool IsWorse(const UsableFile& a, const UsableFile& b, bool prefer_binary) {
  if (a.allowed_hash != b.allowed_hash) return b.allowed_hash;
  const bool a_yanked = a.listed->yanked.has_value();
  const bool b_yanked = b.listed->yanked.has_value();
  if (a_yanked != b_yanked) return a_yanked;
  if (prefer_binary && a.rank.has_value() != b.rank.has_value()) return b.rank.has_value();
  if (const auto versions = a.file->version <=> b.file->version; std::is_neq(versions))
    return std::is_lt(versions);
  return std::is_lt(CompareForms(a, b));
}

}  // namespace

UsableFiles::UsableFiles(const ProjectFiles& files, const ChoiceRules& rules,
                         const PythonEnvironment& environment)
    : prereleases_(rules.prereleases), prefer_binary_(rules.prefer_binary) {
  for (const ListedFile& file : files.files()) {
    const IndexFile& listed = files.Listed(file);
    if (file.wheel.has_value() ? !rules.allow_wheels : !rules.allow_sources) continue;
    if (TimeObstacle(listed, rules).has_value() || !FitsRequiresPython(file, rules, environment)) continue;
    UsableFile usable{&file, &listed, std::nullopt, false};
    if (file.wheel.has_value()) {
      usable.rank = environment.ranks().Rank(*file.wheel);
      if (!usable.rank.has_value()) continue;
    }
    usable_.push_back(usable);
  }
}

UsableFiles::Matching UsableFiles::Find(const SpecifierSet& specifier,
                                        const std::vector<FileHash>& hashes) const {
  std::vector<const Version*> versions;
  versions.reserve(usable_.size());
  for (const UsableFile& usable : usable_) versions.push_back(&usable.file->version);
  Matching matching;
  for (const size_t index : specifier.Filter(versions, prereleases_)) {
    matching.files.push_back(usable_[index]);
    matching.files.back().allowed_hash = HasAllowedHash(*usable_[index].listed, hashes);
  }
  std::vector<UsableFile>& files = matching.files;
  if (!hashes.empty()) DropOtherHashes(files);
  const auto yanked = [](const UsableFile& file) { return file.listed->yanked.has_value(); };
  matching.allow_yanked = specifier.IsPinned() && std::all_of(files.begin(), files.end(), yanked);
  if (!matching.allow_yanked) std::erase_if(files, yanked);
  // Of equal ones the last of the page comes first.
  std::stable_sort(files.begin(), files.end(), [this](const UsableFile& a, const UsableFile& b) {
    return IsWorse(a, b, prefer_binary_);
  });
  std::reverse(files.begin(), files.end());
  return matching;
}

}  // namespace crossmill::python
