#include "coordinator/core/exported_paths.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/layer/manifest_diff.h"

namespace crossmill::core {
namespace {

std::vector<std::string> Components(std::string_view path) {
  return absl::StrSplit(Av(path), '/', absl::SkipEmpty());
}

std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace

std::string PlainPath(std::string_view path) {
  std::vector<std::string> components = Components(path);
  std::erase(components, ".");
  return absl::StrJoin(components, "/");
}

ExportedPathSet::ExportedPathSet(const v1::Export& wanted, const v1::ExportedPaths* paths) {
  everything_ = paths == nullptr;
  if (everything_) return;
  trees_.insert(paths->trees().begin(), paths->trees().end());
  folders_.insert(paths->folders().begin(), paths->folders().end());
  names_.insert(paths->links().begin(), paths->links().end());
  const auto add_folders_of = [this](std::string_view path) {
    for (path = FolderOf(path); !path.empty(); path = FolderOf(path)) names_.emplace(path);
  };
  for (const std::string& link : paths->links()) add_folders_of(link);
  for (const std::string& tree : trees_) add_folders_of(tree);
  for (const std::string& folder : folders_) add_folders_of(folder);
  for (const v1::ExportedPaths::Search& search : paths->searches()) {
    names_.insert(search.folder());
    add_folders_of(search.folder());
    auto compiled = pattern::PathPattern::Compile(
        search.pattern(), search.ignore_dialect() ? pattern::Dialect::kIgnore : pattern::Dialect::kCopy);
    everything_ = everything_ || !compiled.ok();
    if (compiled.ok()) searches_.push_back({search.folder(), *std::move(compiled)});
  }
  // With --parents they are matched from the pivot on, which is not known here, and rules that cannot be read
  // are none: then they hide nothing.
  if (wanted.parents()) return;
  const std::vector<std::string> excludes(wanted.excludes().begin(), wanted.excludes().end());
  auto rules = pattern::IgnoreRules::FromPatterns(excludes);
  if (rules.ok()) excludes_ = *std::move(rules);
}

ExportedPathSet::Cover ExportedPathSet::CoverOf(std::string_view path) const {
  Cover cover = Cover::kOutside;
  for (std::string_view tree = path;; tree = FolderOf(tree)) {
    if (trees_.contains(tree)) {
      const std::string_view below = path.substr(std::min(path.size(), tree.empty() ? 0 : tree.size() + 1));
      // Of several trees that it lies in, one that copies it is enough.
      if (tree == path || excludes_.Judge(below) != pattern::IgnoreRules::Verdict::kHidden)
        return Cover::kCopied;
      cover = Cover::kHidden;
    }
    if (tree.empty()) return cover;
  }
}

bool ExportedPathSet::IsSearched(std::string_view path, bool hidden) const {
  return std::any_of(searches_.begin(), searches_.end(), [&](const Search& search) {
    if (!IsAtOrBelow(path, search.folder)) return false;
    if (path.size() == search.folder.size()) return true;
    const std::string_view below = path.substr(search.folder.empty() ? 0 : search.folder.size() + 1);
    if (search.pattern.Matches(below) || search.pattern.MayMatchBelow(below)) return true;
    return !hidden && search.pattern.MatchesPathOrParent(below);
  });
}

bool ExportedPathSet::Holds(const v1::PathDifference& difference) const {
  const std::string& path = difference.path();
  if (everything_ || folders_.contains(path)) return true;
  const Cover cover = CoverOf(path);
  if (cover == Cover::kCopied) return true;
  return layer::ChangesMeaning(difference) &&
         (names_.contains(path) || IsSearched(path, cover == Cover::kHidden));
}

bool ExportedPathSet::Overlaps(std::string_view path) const {
  // What is written below a hidden folder may be brought back by a later exclude's exception.
  if (everything_ || path.empty() || CoverOf(path) != Cover::kOutside) return true;
  if (folders_.contains(path) || names_.contains(path) || IsSearched(path, false)) return true;
  return std::any_of(searches_.begin(), searches_.end(),
                     [&](const Search& search) { return IsAtOrBelow(search.folder, path); });
}

}  // namespace crossmill::core
