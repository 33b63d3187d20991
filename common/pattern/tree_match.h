// What a source of COPY or ADD names in a tree: one answer for the context and for the root of a stage.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pattern/effort.h"
#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::pattern {

// A tree to look into. Paths are relative to its root and clean, "" is the root itself; nothing on the way to
// a path is a link. Errors pass through, so a tree can end a search (a stop, a lost disk).
class SourceTree {
 public:
  // kOther: what is no folder and no link.
  enum class Kind { kOther, kFolder, kLink };
  struct Entry {
    Kind kind = Kind::kOther;
    // Of a link.
    std::string target;
  };

  virtual ~SourceTree() = default;
  virtual absl::StatusOr<std::optional<Entry>> Find(const std::string& path) = 0;
  // What the folder holds, sorted bytewise.
  virtual absl::StatusOr<std::vector<std::string>> Names(const std::string& folder) = 0;
};

struct SourceMatch {
  // As the pattern spells it: links on the way are not followed in it.
  std::string path;
  // Where the match is: `path` with its links followed.
  std::string real_path;
  // What a match that is no folder keeps below the destination: its last component, with --parents the path
  // from the pivot on. Empty for the tree's root and for the pivot, whose contents are meant.
  std::string name;
  // --parents: where the folders are that `name` goes through, outermost first.
  std::vector<std::string> parents;
  SourceTree::Kind kind = SourceTree::Kind::kOther;
  // --parents: nothing below the pivot matched; only the destination is made.
  bool nothing = false;
};

// Where names were looked for: what is below `folder` and matches `pattern` was found, or would have been.
struct SourceSearch {
  std::string folder;
  std::string pattern;
  Dialect dialect = Dialect::kCopy;
};

struct SourceMatches {
  // In the order of a walk: names in a folder bytewise.
  std::vector<SourceMatch> matches;
  // What the answer depends on besides the matches: links that were followed, by where they are, and
  // searches. Both with the links on their way followed.
  std::set<std::string> links;
  std::vector<SourceSearch> searches;
};

struct SourcePattern {
  // The source as written, absolute or not; `..` stops at the root.
  std::string_view text;
  bool parents = false;
  // Of --parents: what they hide is no match, unless an exception may be below. Without it they say nothing
  // about a match itself, only about what is in it.
  const IgnoreRules& excludes;
  // For messages: "the context".
  std::string_view tree_name;
  // What the lists of parents may take, which are as long as a match is deep; null: unlimited.
  Effort* effort = nullptr;
};

// - Without --parents links of the components before the first wildcard are followed inside the tree
// (absolute
//   ones begin at its root, `..` stops there), and so is a match that is a link. Wildcards are those of
//   Dialect::kCopy; folders behind links are not entered for them. A folder that matches is not searched.
// - With --parents the part before the pivot `/./` is followed likewise and may have wildcards; behind it
//   nothing is followed and the pattern is one of Dialect::kIgnore.
//
// NOT_FOUND names a path that does not exist, and the part of it that does. A pattern with wildcards may
// match nothing, but the folder before its first wildcard has to be there. INVALID_ARGUMENT for a loop of
// links, and as CheckSourcePattern.
absl::StatusOr<SourceMatches> MatchSources(const SourcePattern& pattern, SourceTree& tree);

// INVALID_ARGUMENT says what is wrong with a source's wildcards.
absl::Status CheckSourcePattern(std::string_view text, bool parents);

}  // namespace crossmill::pattern
