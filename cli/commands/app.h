// The program from arguments to exit code.
#pragma once

#include <string>
#include <vector>

#include "cli/session/environment.h"

namespace crossmill::cli {

// `arguments` without the program's name. Results go to env.Out, everything else to env.Err.
int RunCrossmill(const std::vector<std::string>& arguments, Environment& env);

}  // namespace crossmill::cli
