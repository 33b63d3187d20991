// crossmill-coordinator: schedules builds, keeps the record and the blobs.
#include "coordinator/coordinator_command.h"

int main(int argc, char** argv) { return crossmill::coordinator::RunCoordinatorCommand(argc, argv); }
