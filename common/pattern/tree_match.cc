#include "common/pattern/tree_match.h"

#include <algorithm>
#include <deque>

#include "absl/strings/str_join.h"
#include "common/base/paths.h"
#include "common/base/status.h"

namespace crossmill::pattern {
namespace {

using Kind = SourceTree::Kind;

// As many as Docker's builder follows.
constexpr int kMostLinks = 255;
// Units of effort for each byte of the paths of a match's parents.
constexpr size_t kParentByte = 60;

// The components before the first one with a wildcard, without escapes, and the rest as a pattern.
struct SplitPattern {
  std::string fixed;
  std::string wild;
};

SplitPattern Split(std::string_view text) {
  SplitPattern split;
  for (const std::string& component : Components(CleanAbsolute(text))) {
    const bool wild = !split.wild.empty() || HasWildcards(component);
    std::string& part = wild ? split.wild : split.fixed;
    part = JoinPath(part, wild ? component : Unescape(component));
  }
  return split;
}

// The pattern behind the pivot `/./` of --parents, and what is before it.
struct PivotedPattern {
  std::string_view before;
  std::string below;
};

PivotedPattern SplitAtPivot(std::string_view text) {
  const size_t at = text.find("/./");
  if (at == std::string_view::npos) return {"/", CleanAbsolute(text).substr(1)};
  return {text.substr(0, at), CleanAbsolute(text.substr(at + 3)).substr(1)};
}

class TreeMatcher {
 public:
  TreeMatcher(const SourcePattern& pattern, SourceTree& tree) : pattern_(pattern), tree_(tree) {}

  absl::StatusOr<SourceMatches> Match() {
    RETURN_IF_ERROR(pattern_.parents ? MatchParents() : MatchPlain(pattern_.text, matches_));
    found_.matches = std::move(matches_);
    return std::move(found_);
  }

 private:
  struct Found {
    std::string path;
    Kind kind = Kind::kOther;
  };

  absl::StatusOr<std::optional<Found>> Follow(std::string_view path);
  absl::Status NotFound(const std::string& path);
  absl::Status MatchPlain(std::string_view text, std::vector<SourceMatch>& matches);
  absl::Status WalkPlain(const PathPattern& pattern, const Found& base, const std::string& spelled,
                         const std::string& below, std::vector<SourceMatch>& matches);
  absl::Status AddFollowed(const std::string& path, std::vector<SourceMatch>& matches);
  absl::Status MatchParents();
  absl::Status WalkParents(const PathPattern& pattern, const SourceMatch& pivot, const std::string& below);
  absl::Status AddParents(const SourceMatch& pivot, const std::string& below, Kind kind);

  const SourcePattern& pattern_;
  SourceTree& tree_;
  std::vector<SourceMatch> matches_;
  SourceMatches found_;
};

// Follows every link on the way, the last one too. Unset: something on the way does not exist.
absl::StatusOr<std::optional<TreeMatcher::Found>> TreeMatcher::Follow(std::string_view path) {
  const std::vector<std::string> split = Components(path);
  std::deque<std::string> open(split.begin(), split.end());
  std::vector<std::string> folders{""};
  Found found{"", Kind::kFolder};
  int links = 0;
  while (!open.empty()) {
    const std::string name = std::move(open.front());
    open.pop_front();
    if (found.kind != Kind::kFolder) return std::nullopt;
    if (name == "..") {
      if (folders.size() > 1) folders.pop_back();
      found = {folders.back(), Kind::kFolder};
      continue;
    }
    std::string child = JoinPath(folders.back(), name);
    ASSIGN_OR_RETURN(const std::optional<SourceTree::Entry> entry, tree_.Find(child));
    if (!entry) return std::nullopt;
    if (entry->kind == Kind::kLink) {
      if (++links > kMostLinks) {
        return absl::InvalidArgumentError(
            fmt::format("'{}' is a loop of links in {}", path, pattern_.tree_name));
      }
      found_.links.insert(child);
      const std::vector<std::string> steps = Components(entry->target);
      open.insert(open.begin(), steps.begin(), steps.end());
      if (entry->target.starts_with('/')) folders.resize(1);
      found = {folders.back(), Kind::kFolder};
      continue;
    }
    if (entry->kind == Kind::kFolder) folders.push_back(child);
    found = {std::move(child), entry->kind};
  }
  return found;
}

// Names the first part of the path that is missing, so that a person sees where it goes wrong.
absl::Status TreeMatcher::NotFound(const std::string& path) {
  std::string known;
  for (const std::string& component : Components(path)) {
    const std::string next = JoinPath(known, component);
    ASSIGN_OR_RETURN(const std::optional<Found> found, Follow(next));
    if (!found) break;
    known = next;
  }
  if (known.empty() || known == path) {
    return absl::NotFoundError(fmt::format("'{}' is not in {}", path, pattern_.tree_name));
  }
  return absl::NotFoundError(
      fmt::format("'{}' is not in {} (only '{}' is)", path, pattern_.tree_name, known));
}

absl::Status TreeMatcher::MatchPlain(std::string_view text, std::vector<SourceMatch>& matches) {
  const SplitPattern split = Split(text);
  ASSIGN_OR_RETURN(const std::optional<Found> base, Follow(split.fixed));
  if (!base) return NotFound(split.fixed);
  if (split.wild.empty()) {
    SourceMatch& match = matches.emplace_back();
    match.path = split.fixed;
    match.real_path = base->path;
    match.name = LastName(split.fixed);
    match.kind = base->kind;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const PathPattern compiled, PathPattern::Compile(split.wild, Dialect::kCopy));
  if (base->kind != Kind::kFolder) return absl::OkStatus();
  found_.searches.push_back({base->path, split.wild, Dialect::kCopy});
  return WalkPlain(compiled, *base, split.fixed, "", matches);
}

// `below`: the path from `base` on that the walk is at.
absl::Status TreeMatcher::WalkPlain(const PathPattern& pattern, const Found& base, const std::string& spelled,
                                    const std::string& below, std::vector<SourceMatch>& matches) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, tree_.Names(JoinPath(base.path, below)));
  for (const std::string& name : names) {
    const std::string child = JoinPath(below, name);
    if (pattern.Matches(child)) {
      RETURN_IF_ERROR(AddFollowed(JoinPath(spelled, child), matches));
      continue;
    }
    if (!pattern.MayMatchBelow(child)) continue;
    ASSIGN_OR_RETURN(const std::optional<SourceTree::Entry> entry, tree_.Find(JoinPath(base.path, child)));
    if (entry && entry->kind == Kind::kFolder) {
      RETURN_IF_ERROR(WalkPlain(pattern, base, spelled, child, matches));
    }
  }
  return absl::OkStatus();
}

absl::Status TreeMatcher::AddFollowed(const std::string& path, std::vector<SourceMatch>& matches) {
  ASSIGN_OR_RETURN(const std::optional<Found> found, Follow(path));
  if (!found) {
    return absl::NotFoundError(
        fmt::format("'{}' is a link to something that is not in {}", path, pattern_.tree_name));
  }
  SourceMatch& match = matches.emplace_back();
  match.path = path;
  match.real_path = found->path;
  match.name = LastName(path);
  match.kind = found->kind;
  return absl::OkStatus();
}

absl::Status TreeMatcher::MatchParents() {
  const auto [before, below] = SplitAtPivot(pattern_.text);
  std::vector<SourceMatch> pivots;
  RETURN_IF_ERROR(MatchPlain(before, pivots));
  const bool fixed = !HasWildcards(before) && !HasWildcards(below);
  ASSIGN_OR_RETURN(const PathPattern compiled, PathPattern::Compile(below, Dialect::kIgnore));
  for (SourceMatch& pivot : pivots) {
    pivot.name.clear();
    if (pivot.kind != Kind::kFolder) continue;
    const size_t known = matches_.size();
    if (below.empty()) {
      matches_.push_back(pivot);
    } else {
      if (!fixed) found_.searches.push_back({pivot.real_path, below, Dialect::kIgnore});
      RETURN_IF_ERROR(WalkParents(compiled, pivot, ""));
    }
    if (matches_.size() > known || fixed) continue;
    pivot.nothing = true;
    matches_.push_back(pivot);
  }
  if (!matches_.empty() || !fixed) return absl::OkStatus();
  return NotFound(JoinPath(CleanAbsolute(Unescape(before)).substr(1), Unescape(below)));
}

absl::Status TreeMatcher::WalkParents(const PathPattern& pattern, const SourceMatch& pivot,
                                      const std::string& below) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, tree_.Names(JoinPath(pivot.real_path, below)));
  for (const std::string& name : names) {
    const std::string child = JoinPath(below, name);
    const bool matches = pattern.Matches(child);
    if (!matches && !pattern.MayMatchBelow(child)) continue;
    ASSIGN_OR_RETURN(const std::optional<SourceTree::Entry> entry,
                     tree_.Find(JoinPath(pivot.real_path, child)));
    if (!entry) continue;
    const bool folder = entry->kind == Kind::kFolder;
    if (!matches) {
      if (folder) RETURN_IF_ERROR(WalkParents(pattern, pivot, child));
      continue;
    }
    const IgnoreRules::Verdict verdict = pattern_.excludes.Judge(child);
    if (verdict == IgnoreRules::Verdict::kTaken || (folder && verdict == IgnoreRules::Verdict::kMaybeBelow)) {
      RETURN_IF_ERROR(AddParents(pivot, child, entry->kind));
    }
  }
  return absl::OkStatus();
}

absl::Status TreeMatcher::AddParents(const SourceMatch& pivot, const std::string& below, Kind kind) {
  const auto depth = static_cast<size_t>(std::count(below.begin(), below.end(), '/'));
  RETURN_IF_ERROR(
      Spend(pattern_.effort, (depth + 1) * (pivot.real_path.size() + below.size() + 32), kParentByte));
  SourceMatch& match = matches_.emplace_back();
  match.path = JoinPath(pivot.path, below);
  match.real_path = JoinPath(pivot.real_path, below);
  match.name = below;
  match.kind = kind;
  for (size_t end = below.find('/'); end != below.npos; end = below.find('/', end + 1)) {
    match.parents.push_back(JoinPath(pivot.real_path, below.substr(0, end)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSourcePattern(std::string_view text, bool parents) {
  if (!parents) return PathPattern::Compile(Split(text).wild, Dialect::kCopy).status();
  const PivotedPattern pivoted = SplitAtPivot(text);
  RETURN_IF_ERROR(CheckSourcePattern(pivoted.before, false));
  return PathPattern::Compile(pivoted.below, Dialect::kIgnore).status();
}

absl::StatusOr<SourceMatches> MatchSources(const SourcePattern& pattern, SourceTree& tree) {
  return TreeMatcher(pattern, tree).Match();
}

}  // namespace crossmill::pattern
