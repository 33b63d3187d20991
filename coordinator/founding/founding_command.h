// What `crossmill admin init` runs on the coordinator's machine: a subcommand of crossmill-coordinator, which
// answers one JSON document, or an exit code and a sentence on standard error.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace crossmill::coordinator {

// Where it was chosen, `run` is set and returns the exit code. `data_folder` and `socket` (empty: that in the
// data folder) are read when it runs.
void AddFoundingCommand(CLI::App& app, const std::string& data_folder, const std::string& socket,
                        std::function<int()>& run);

}  // namespace crossmill::coordinator
