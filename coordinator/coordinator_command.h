// The command line of crossmill-coordinator.
#pragma once

namespace crossmill::coordinator {

// Serves until SIGTERM or SIGINT, prints the settings, or makes a token. Exit code: 0, 2 for bad usage, 5
// when it cannot do what was asked.
int RunCoordinatorCommand(int argc, char** argv);

}  // namespace crossmill::coordinator
