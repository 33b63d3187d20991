// What has to be there to build the sources of a resolution: build dependencies, resolved as installers do
// it, each source in an environment of its own.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/resolver/resolver.h"

namespace crossmill::predict {

struct BuildPackage {
  ResolvedPackage package;
  // "name version" of the source that is built with it.
  std::string needed_by;
};

struct BuildScope {
  std::vector<BuildPackage> packages;
  // Sources of which it is not known or cannot be had; sentences.
  std::vector<std::string> notes;
};

// `rules.constraints` are those of builds (PIP_BUILD_CONSTRAINT); what is present does not count. Build
// dependencies that are sources themselves are followed, at most 100 sources in all. Errors as of Resolve.
absl::StatusOr<BuildScope> ResolveBuilds(const Resolution& resolution, const ResolveRules& rules,
                                         const python::PythonEnvironment& environment, ProjectSource& source);

}  // namespace crossmill::predict
