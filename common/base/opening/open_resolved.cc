#include "common/base/opening/open_resolved.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace crossmill {

UniqueFd OpenResolved(int folder, const std::string& path, int flags, uint64_t resolve, mode_t mode) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = resolve;
  while (true) {
    const long fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how));
    // EAGAIN: a rename elsewhere made the kernel unsure about "..".
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return UniqueFd(static_cast<int>(fd));
  }
}

}  // namespace crossmill
