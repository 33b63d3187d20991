// Which distribution and release a root file system is, for look-ups of packages. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/result.pb.h"

namespace crossmill::failures {

// The numbers of a release, "22.04" as {22, 4}. Empty: no release was said, or it is a word ("rolling").
using Release = std::vector<int>;
// At most four numbers of at most six digits; what follows them is left out ("3.20.1_alpha" is 3.20.1).
Release ParseRelease(std::string_view text);

// A range of releases as rule files write it: "12", "12..", "..12", "11..12". A bound holds for every release
// that begins with it: "..3.19" has 3.19.4 in it.
struct ReleaseRange {
  Release from;
  Release to;

  // nullopt: not such a range.
  static std::optional<ReleaseRange> Parse(std::string_view text);
  // False for an unknown release.
  bool Contains(const Release& release) const;
};

struct Distribution {
  // os-release's ID, as it is told.
  std::string name;
  // The same; those that share another one's releases and packages under that one's ("rocky" is "rhel").
  std::string id;
  // ID_LIKE: where packages have the same names, of whatever release.
  std::vector<std::string> like;
  Release release;

  static Distribution Of(const v1::RootFacts& root);
  bool known() const { return !id.empty(); }
  // For people: "Debian 12".
  std::string Name() const;
};

}  // namespace crossmill::failures
