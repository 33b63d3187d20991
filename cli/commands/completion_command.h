// crossmill completion, and the hidden command that its scripts call.
#pragma once

#include <string>
#include <vector>

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

inline constexpr char kCompleteCommand[] = "__complete";

// Prints "files", "folders" or "none", then one candidate a line, its description behind a tab. Quick and
// quiet: a coordinator that does not answer at once has nothing to offer. The result is the exit code.
int AnswerCompletion(const CLI::App& app, Session& session, const std::vector<std::string>& words);

}  // namespace crossmill::cli
