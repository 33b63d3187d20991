#include "worker/tree/long_path.h"

#include <fcntl.h>

#include <climits>

#include "common/base/status.h"

namespace crossmill::worker {

ReachablePath::ReachablePath(const std::string& path) : text_(path) {
  // Leaves room for "/proc/self/fd/N/".
  constexpr size_t kPiece = PATH_MAX - 40;
  while (text_.size() > kPiece) {
    const size_t slash = text_.rfind('/', kPiece);
    if (slash == text_.npos || slash == 0) return;
    const std::string piece = text_.substr(0, slash);
    const int fd = open(piece.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      text_ = piece + "/.";  // Fails for the caller as it did here.
      return;
    }
    text_ = fmt::format("/proc/self/fd/{}/{}", fd, text_.substr(slash + 1));
    folder_ = UniqueFd(fd);
  }
}

}  // namespace crossmill::worker
