// crossmill-worker join ADDRESS --invitation cmi_...: the one line that makes a machine a worker.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace crossmill::worker {

// Where it was chosen, `run` is set and returns the exit code: 0, 2 for what is wrong with the arguments, 5
// else.
void AddJoinCommand(CLI::App& app, std::function<int()>& run);

}  // namespace crossmill::worker
