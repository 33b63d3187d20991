// Dockerfile text -> instructions. Knows lines, directives, comments, continuation and
// here-documents; what an instruction means is the planner's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/dockerfile/instruction.h"

namespace crossmill::dockerfile {

struct Document {
  // Name for messages.
  std::string file;
  // The escape directive's character.
  char escape = '\\';
  std::vector<Instruction> instructions;
  // "FILE:LINE: ...".
  std::vector<std::string> warnings;
};

// INVALID_ARGUMENT "FILE:LINE:COLUMN: what is wrong; what was expected" for the first error.
absl::StatusOr<Document> ParseDockerfile(std::string_view file, std::string_view text);

// A trigger of a base image's config (ONBUILD): one instruction. Its place becomes `range`'s line and
// column, since its text stands in no file.
absl::StatusOr<Instruction> ParseTrigger(const Place& place, std::string_view text);

}  // namespace crossmill::dockerfile
