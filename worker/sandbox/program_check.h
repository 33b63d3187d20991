// Why a program could not be executed in a root: asked only after the runtime refused, so that a
// mistake in the recipe is told apart from a broken sandbox, in the same words for every runtime.
#pragma once

#include <optional>
#include <string>

#include "absl/types/span.h"

namespace crossmill::worker {

struct ProgramProblem {
  // 127: not found, 126: found but not executable, as shells have it. 0: the program is for another
  // machine than `machine`, and nothing here emulates it.
  int exit_code = 0;
  std::string text;
};

// `program` is looked up as execvp does it, with PATH of `env`, inside `root`; `cwd` is for relative
// names, `machine` uname's. Nothing if no reason is visible.
std::optional<ProgramProblem> FindProgramProblem(const std::string& root, const std::string& program,
                                                 absl::Span<const std::string> env, const std::string& cwd,
                                                 const std::string& machine);

}  // namespace crossmill::worker
