// Whether a program of Go writes no telemetry: where it does, a file's name has the machine that the program
// is for.
#pragma once

// By the mode that `go telemetry` keeps in a file of the user (golang.org/x/telemetry/internal/telemetry).
int is_telemetry_off(char** envp);
