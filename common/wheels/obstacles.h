// What keeps pip from taking one file: each obstacle with how far the file is from fitting. Used by
// candidates and explanation.
#pragma once

#include <optional>
#include <vector>

#include "common/wheels/candidates.h"

namespace crossmill::python {

struct Obstacle {
  ReasonKind kind = ReasonKind::kNoWheel;
  // The less the nearer.
  int weight = 0;
  // Of those about a libc: what the file needs.
  Libc libc;
  // Of those about a Python: how many minor versions away it is.
  int distance = 0;
};

// By weight, then the nearer Python, then the older libc.
bool IsNearer(const Obstacle& a, const Obstacle& b);

// Whether the file is uploaded too late for the rules, or nobody knows when.
std::optional<ReasonKind> TimeObstacle(const IndexFile& file, const ChoiceRules& rules);
bool FitsRequiresPython(const ListedFile& file, const ChoiceRules& rules,
                        const PythonEnvironment& environment);
bool HasAllowedHash(const IndexFile& file, const std::vector<FileHash>& hashes);

// Why no tag of the wheel fits: at most one obstacle for its platforms and one for its Pythons.
std::vector<Obstacle> TagObstacles(const WheelName& wheel, const TagRanks& ranks);

// All of a file. `allow_yanked`: the specifier pins a version that is only there yanked.
std::vector<Obstacle> Obstacles(const ProjectFiles& files, const ListedFile& file, const ChoiceRules& rules,
                                const PythonEnvironment& environment, bool allow_yanked);

}  // namespace crossmill::python
