// File names of source distributions (PEP 625, and what was usual before it).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/python/version.h"

namespace crossmill::python {

struct SdistName {
  // By the file's name alone: .tar.gz or .zip, and the last dash separates. INVALID_ARGUMENT says what is
  // wrong.
  static absl::StatusOr<SdistName> Parse(std::string_view file_name);
  // Of a file that a page of `project` lists, as pip reads it: any archive that pip unpacks, and the name is
  // what is the project's in its normal form, so that versions may have dashes. INVALID_ARGUMENT also if it
  // is another's.
  static absl::StatusOr<SdistName> Parse(std::string_view file_name, std::string_view project);

  // Normalised.
  std::string project;
  Version version;
};

// Whether pip would unpack it as a source: by its ending.
bool IsSourceArchive(std::string_view file_name);

}  // namespace crossmill::python
