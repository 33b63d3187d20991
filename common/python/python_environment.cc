// What a described Python is for specifiers and markers.
#include "common/python/python_environment.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::python {

absl::StatusOr<PythonEnvironment> PythonEnvironment::Of(const TagEnvironment& tags,
                                                        std::string_view full_version) {
  ASSIGN_OR_RETURN(TagRanks ranks, TagRanks::Of(tags));
  // Builds from a checkout have a plus at the end.
  ASSIGN_OR_RETURN(const Version full, Version::Parse(full_version.substr(0, full_version.find('+'))));
  if (full.ReleasePart(0).digits() != std::to_string(tags.python_major) ||
      full.ReleasePart(1).digits() != std::to_string(tags.python_minor)) {
    return absl::InvalidArgumentError(fmt::format("'{}' is not a version of Python {}.{}",
                                                  Printable(full_version), tags.python_major,
                                                  tags.python_minor));
  }
  Version version;
  version.release = {full.ReleasePart(0), full.ReleasePart(1), full.ReleasePart(2)};
  return PythonEnvironment(std::move(ranks), std::string(full_version), std::move(version));
}

absl::StatusOr<PythonEnvironment> PythonEnvironment::WithMinor(int minor) const {
  TagEnvironment other = tags();
  other.python_minor = minor;
  return Of(other, fmt::format("{}.{}.99", other.python_major, minor));
}

MarkerEnvironment PythonEnvironment::Markers() const {
  return {{"implementation_name", "cpython"},
          {"implementation_version", full_version_},
          {"os_name", "posix"},
          {"platform_machine", tags().machine},
          {"platform_python_implementation", "CPython"},
          {"platform_system", "Linux"},
          {"python_full_version", full_version_},
          {"python_version", fmt::format("{}.{}", tags().python_major, tags().python_minor)},
          {"sys_platform", tags().python_major < 3 ? "linux2" : "linux"}};
}

}  // namespace crossmill::python
