#include "coordinator/storage/spare/spare_writes.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "common/base/room/spare_room.h"

namespace crossmill::storage {
namespace {

// Once more for each time that there was room to give back. `errno` is that of the call.
template <typename Call>
auto WithSpareRoom(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0) return result;
    const int error = errno;
    if (UseSpareRoom(error)) continue;
    errno = error;
    return result;
  }
}

// A disk that fills up within a write takes a part of it; the rest shows the error.
ssize_t SpareWrite(int fd, const void* bytes, size_t size) {
  return WithSpareRoom([&] { return write(fd, bytes, size); });
}

ssize_t SparePwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return WithSpareRoom([&] { return pwrite(fd, bytes, size, offset); });
}

int SpareOpen(const char* path, int flags, int mode) {
  return WithSpareRoom([&] { return open(path, flags, static_cast<mode_t>(mode)); });
}

int SpareTruncate(int fd, off_t size) {
  return WithSpareRoom([&] { return ftruncate(fd, size); });
}

void Replace(sqlite3_vfs* vfs, const char* name, sqlite3_syscall_ptr call) {
  // What this build of SQLite does not use is not known to it, and need not be.
  if (vfs->iVersion >= 3 && vfs->xSetSystemCall != nullptr) (void)vfs->xSetSystemCall(vfs, name, call);
}

}  // namespace

void UseSpareRoomForSqlite() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    if (vfs == nullptr) return;
    static_assert(sizeof(off_t) == 8);
    Replace(vfs, "write", reinterpret_cast<sqlite3_syscall_ptr>(SpareWrite));
    Replace(vfs, "pwrite", reinterpret_cast<sqlite3_syscall_ptr>(SparePwrite));
    Replace(vfs, "pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(SparePwrite));
    Replace(vfs, "open", reinterpret_cast<sqlite3_syscall_ptr>(SpareOpen));
    Replace(vfs, "ftruncate", reinterpret_cast<sqlite3_syscall_ptr>(SpareTruncate));
  });
}

}  // namespace crossmill::storage
