// Which differences of a root change an export: judged by where its bytes were when it was made, links
// resolved by the exporter, not by how its pattern is spelt. Pure.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::core {

// Immutable.
class ExportedPathSet {
 public:
  // `paths`: what the exporter noted; nullptr: nobody did, and then everything counts.
  ExportedPathSet(const v1::Export& wanted, const v1::ExportedPaths* paths);

  // The difference is in what was copied, or it changes what a name on the way there means: a link that was
  // followed, a folder that became something else, a name that appears where a glob looked.
  bool Holds(const v1::PathDifference& difference) const;
  // Something written at or below the path (relative to the root, without links) can be in the export.
  bool Overlaps(std::string_view path) const;

 private:
  // In a tree that was copied, or in one where an exclude hides it.
  enum class Cover { kOutside, kHidden, kCopied };
  Cover CoverOf(std::string_view path) const;
  // It is where a glob looked, and what appears or goes there may be a match.
  bool IsSearched(std::string_view path, bool hidden) const;

  bool everything_ = false;
  std::set<std::string, std::less<>> trees_;
  std::set<std::string, std::less<>> folders_;
  // Links, and all folders that trees, folders, links and searches lie in.
  std::set<std::string, std::less<>> names_;
  struct Search {
    std::string folder;
    pattern::PathPattern pattern;
  };
  std::vector<Search> searches_;
  pattern::IgnoreRules excludes_;
};

// "a//./b/" to "a/b"; ".." stays as it is.
std::string PlainPath(std::string_view path);

}  // namespace crossmill::core
