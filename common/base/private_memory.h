// For programs that hold secrets in memory.
#pragma once

namespace crossmill {

// From now on no core file of this process is written, and other processes of its user can neither trace it
// nor read its memory through /proc. Children that execute another program are not affected. Idempotent.
void KeepMemoryPrivate();

}  // namespace crossmill
