// The command line of crossmill-worker: flags, and the object graph behind them.
#pragma once

namespace crossmill::worker {

// Runs the program to its end and returns its exit code: 0 ok, 1 a task failed, 2 usage, 5 infrastructure,
// 130 cancelled. Call with only the main thread running.
int RunWorkerCommand(int argc, char** argv);

}  // namespace crossmill::worker
