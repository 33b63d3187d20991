// What would give a wheel where there was none: other versions, Pythons, libcs. Used by explanation.
#pragma once

#include "common/wheels/candidates.h"

namespace crossmill::python {

// About `version` of the project, whose wheels do not fit.
Help FindHelp(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
              const Version& version, bool allow_yanked);

// "glibc 2.28"
std::string LibcText(const Libc& libc);

}  // namespace crossmill::python
