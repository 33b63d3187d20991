// The classes of causes (docs/formats.md, "Causes"): their words, and what helps against each. Pure.
#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace crossmill::compare {

struct CauseClass {
  // As Cause.class has it.
  std::string_view word;
  // What to do, one sentence; empty: nothing general helps.
  std::string_view remedy;
  // The gravest first: of two causes of one step the lower rank is told first.
  int rank = 0;
  // The Dockerfile line that does it, before the step's; empty: it is not a matter of a line.
  std::string_view line = {};
};

absl::Span<const CauseClass> CauseClasses();
// nullptr: there is no such class.
const CauseClass* FindCauseClass(std::string_view word);

}  // namespace crossmill::compare
