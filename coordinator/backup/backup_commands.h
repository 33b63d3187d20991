// What `crossmill admin backup|restore|check` runs on the coordinator's machine: subcommands of
// crossmill-coordinator that work on the data folder with the rights of whoever starts them, and answer one
// JSON document.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace crossmill::backup {

// The chosen one sets `run`, which returns the exit code: 0 with the result on standard output, 7 of check
// for damage, else 5 (2 for what is wrong with the arguments) with {"error": {"code", "message"}}.
// `data_folder` is read when it runs.
void AddBackupCommands(CLI::App& app, const std::string& data_folder, std::function<int()>& run);

}  // namespace crossmill::backup
