// What has to be done for one target: which packages are fetched, which are compiled, in which order, out of
// the forecast of its resolution. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/wheelhouse/target.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::cli {

struct PlannedPackage {
  enum class Way {
    // A wheel fits.
    kFetch,
    // Its source becomes a wheel.
    kCompile,
    // Nothing fits: `reasons` say why.
    kNone,
  };

  // Normalised.
  std::string name;
  std::string version;
  std::vector<std::string> extras;
  Way way = Way::kNone;
  // What the index has, or the address.
  std::string file_name;
  // Why there is no wheel for it, and what would give one.
  std::vector<std::string> reasons;
  std::vector<std::string> help;
  // Names of those among the target's packages to compile that its build needs, sorted.
  std::vector<std::string> needs;
  // What is compiled at once: 0 needs none of the others, and each one more than what it needs.
  int level = 0;
  // It needs itself, over others: it cannot wait for them.
  bool in_circle = false;
};

// What the build of a package needs.
struct BuildRequirement {
  std::string name;
  std::string version;
  // "wheel", "source", "none"
  std::string way;
  // The package that is built with it.
  std::string needed_by;
};

struct TargetPlan {
  // Not empty: there is no resolution, and why.
  std::vector<std::string> failure;
  // "3.11.7", "x86_64", "glibc 2.36"
  std::string python_version;
  std::string machine;
  std::string libc;
  // By name.
  std::vector<PlannedPackage> packages;
  std::vector<BuildRequirement> build_requirements;
  // Why it may come out otherwise.
  std::vector<std::string> doubts;
};

TargetPlan PlanTarget(const WheelTarget& target, const v1::Forecast& forecast);

// Packages that are compiled, in the order of what their builds need.
std::vector<const PlannedPackage*> BuildOrder(const TargetPlan& plan);

}  // namespace crossmill::cli
