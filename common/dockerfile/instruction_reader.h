// One logical line of a Dockerfile -> one instruction with flags and words, checked for form.
#pragma once

#include "absl/status/status.h"
#include "common/dockerfile/instruction.h"

namespace crossmill::dockerfile {

// Fills everything of `instruction` but the contents of its here-documents from its text (and pieces,
// for places). INVALID_ARGUMENT "FILE:LINE:COLUMN: what; expected what".
absl::Status ReadInstruction(std::string_view file, char escape, Instruction& instruction);

}  // namespace crossmill::dockerfile
