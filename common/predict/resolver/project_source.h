// Where a resolution learns of projects: their pages, the metadata of files, what sources need to be built.
// Answers may be fetched, cached or recorded; the resolution does not know.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/wheels/project_files.h"

namespace crossmill::predict {

// A package that is named by an address or a path instead of an index.
struct DirectPackage {
  // Core metadata as text; empty if it is not known without building.
  std::string metadata;
  // It is a wheel; else a source, from which one is made.
  bool wheel = false;
};

// A status that is not OK ends the resolution with it: a page that cannot be read now is not an empty one.
class ProjectSource {
 public:
  virtual ~ProjectSource() = default;

  // The page of a project (normalised name), which outlives the resolution; null if no index has it. The same
  // name always gives the same page.
  virtual absl::StatusOr<const python::ProjectFiles*> Page(std::string_view project) = 0;

  // The core metadata of a file of that page: of a wheel its METADATA (PEP 658), of a source its PKG-INFO.
  // nullopt: not known without building or fetching more than the caller wants to.
  virtual absl::StatusOr<std::optional<std::string>> Metadata(const python::ProjectFiles& page,
                                                              const python::ListedFile& file) = 0;

  // What a source needs to be built (pyproject.toml's build-system.requires; that of setuptools if there is
  // no such file). nullopt: not known.
  virtual absl::StatusOr<std::optional<std::vector<std::string>>> BuildRequirements(
      const python::ProjectFiles& page, const python::ListedFile& file) = 0;

  // What is at an address or path. nullopt: not known.
  virtual absl::StatusOr<std::optional<DirectPackage>> Direct(std::string_view location) = 0;
};

}  // namespace crossmill::predict
