// crossmill-worker: executes stages for a coordinator, or one task from a file.
#include "worker/agent/worker_command.h"

int main(int argc, char** argv) { return crossmill::worker::RunWorkerCommand(argc, argv); }
