// Counts of Go's own programs (since Go 1.23) lie in the user's folder for configuration, in files whose
// names have the program's architecture, unless `go telemetry off` was said, or there is no such folder.
#include "worker/accelerators/stub/telemetry.h"

#include "worker/accelerators/stub/files.h"
#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/texts.h"
#include "worker/accelerators/stub/variables.h"

// The path of the file with the mode, as os.UserConfigDir begins it; 0: it is too long, or not one for all
// versions of Go. An empty one: there is no folder.
static int mode_file(char** envp, char* path) {
  const char* folder = value_of("XDG_CONFIG_HOME=", envp);
  if (folder && *folder)
    return *folder == '/' && join_path(path, kMostPath, folder, length_of(folder), "go/telemetry/mode");
  folder = value_of("HOME=", envp);
  *path = 0;
  return !folder || !*folder ||
         join_path(path, kMostPath, folder, length_of(folder), ".config/go/telemetry/mode");
}

int is_telemetry_off(char** envp) {
  char path[kMostPath], mode[4];
  if (!mode_file(envp, path)) return 0;
  if (!*path) return 1;
  const int fd = kernel_open(path);
  if (fd < 0) return 0;
  // "off", and behind a space since when.
  const long count = kernel_pread(fd, mode, sizeof(mode), 0);
  kernel_close(fd);
  return count >= 3 && mode[0] == 'o' && mode[1] == 'f' && mode[2] == 'f' &&
         (count == 3 || mode[3] == ' ' || mode[3] == '\n');
}
