#include "common/base/private_memory.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace crossmill {

void KeepMemoryPrivate() {
  // Both cannot fail: lowering a limit of one's own, and a flag of the process.
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // Also with a pipe as core_pattern, which the limit does not stop.
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace crossmill
