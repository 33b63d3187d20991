// Room on the disk that is kept for what must not fail when everything else has filled it: the record and
// consoles. One for the process, because SQLite's system calls, which ask for it, are the process's.
#pragma once

#include <functional>

namespace crossmill {

// `release` gives room back to the disk, and says whether there was any; empty: there is none. Returns what
// was set before. Thread safe; `release` is called from any thread, also under locks of whoever writes.
std::function<bool()> SetSpareRoom(std::function<bool()> release);

// After a write that failed for want of room (ENOSPC, EDQUOT): true when it is worth another attempt.
bool UseSpareRoom();

// The same with the error of that write; false for any other.
bool UseSpareRoom(int error);

}  // namespace crossmill
