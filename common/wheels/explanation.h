// Why no wheel was taken, and what would help: sentences about the files that came nearest. Used by
// candidates.
#pragma once

#include "common/wheels/candidates.h"

namespace crossmill::python {

// Fills reasons and help of a choice that is no wheel. `allow_yanked` as in obstacles.h.
void Explain(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
             bool allow_yanked, Choice& choice);

}  // namespace crossmill::python
