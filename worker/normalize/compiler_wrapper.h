// What GCC runs in place of its own compilers while the rule build-paths holds. GCC looks for the programs
// that it consists of in the folders of COMPILER_PATH first; so this works for every GCC of a step, also one
// that the step installs, however it is called, and says nothing to other compilers and to builds without
// any.
#pragma once

#include <array>
#include <string_view>

namespace crossmill::worker {

// Of C, C++ and Fortran.
inline constexpr std::array<std::string_view, 3> kWrappedCompilers = {"cc1", "cc1plus", "f951"};

// A POSIX shell script. It calls the compiler that GCC itself would have called, with an option for each
// temporary folder among the current folder and the arguments: paths in debug information, and from GCC 8 on
// in __FILE__, then have the folder's name without its random part ("/tmp/pip-install-5fk2_x1a/foo_<32
// digits>" as "/tmp/pip-build"). It runs in the step: the step's shell, on the step's platform.
extern const std::string_view kCompilerWrapper;

}  // namespace crossmill::worker
