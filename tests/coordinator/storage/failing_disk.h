// Makes SQLite's writes fail, for tests: every write, sync and truncation of a database or journal is
// counted, and from a chosen one on they end with an error.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <cstring>

namespace crossmill::storage {

// Databases that are opened while it lives go through it; they must be closed before it dies. One at a time.
class FailingDisk {
 public:
  enum class Mode { kFromThenOn, kOnce };

  FailingDisk() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "failing";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = &Open;
    vfs_.pAppData = real_->pAppData;
    EXPECT_EQ(sqlite3_vfs_register(&vfs_, 1), SQLITE_OK);
    current_ = this;
  }
  ~FailingDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
    current_ = nullptr;
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  // The `number`-th operation from now on fails (1: the next).
  void FailAt(int number, Mode mode = Mode::kFromThenOn) {
    mode_ = mode;
    failed_ = 0;
    count_ = 0;
    fail_at_ = number;
  }
  void Repair() { fail_at_ = 0; }
  // Operations since FailAt or the beginning.
  int count() const { return count_; }
  int failed() const { return failed_; }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_file* real;
  };

  static sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }

  // SQLITE_OK, or the error that the operation ends with.
  static int Next(int error) {
    const int number = ++current_->count_;
    const int at = current_->fail_at_;
    if (at == 0 || number < at || (current_->mode_ == Mode::kOnce && number > at)) return SQLITE_OK;
    ++current_->failed_;
    return error;
  }

  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    auto* opened = reinterpret_cast<File*>(file);
    opened->real = reinterpret_cast<sqlite3_file*>(opened + 1);
    memset(opened->real, 0, sizeof *opened->real);
    const int result = current_->real_->xOpen(current_->real_, name, opened->real, flags, out);
    opened->base.pMethods = opened->real->pMethods == nullptr ? nullptr : Methods();
    return result;
  }

  static const sqlite3_io_methods* Methods() {
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = [](sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); };
      m.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
        return Real(f)->pMethods->xRead(Real(f), to, size, at);
      };
      m.xWrite = [](sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
        const int error = Next(SQLITE_FULL);
        return error != SQLITE_OK ? error : Real(f)->pMethods->xWrite(Real(f), from, size, at);
      };
      m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
        const int error = Next(SQLITE_IOERR_TRUNCATE);
        return error != SQLITE_OK ? error : Real(f)->pMethods->xTruncate(Real(f), size);
      };
      m.xSync = [](sqlite3_file* f, int flags) {
        const int error = Next(SQLITE_IOERR_FSYNC);
        return error != SQLITE_OK ? error : Real(f)->pMethods->xSync(Real(f), flags);
      };
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
        return Real(f)->pMethods->xFileSize(Real(f), size);
      };
      m.xLock = [](sqlite3_file* f, int level) { return Real(f)->pMethods->xLock(Real(f), level); };
      m.xUnlock = [](sqlite3_file* f, int level) { return Real(f)->pMethods->xUnlock(Real(f), level); };
      m.xCheckReservedLock = [](sqlite3_file* f, int* held) {
        return Real(f)->pMethods->xCheckReservedLock(Real(f), held);
      };
      m.xFileControl = [](sqlite3_file* f, int op, void* argument) {
        return Real(f)->pMethods->xFileControl(Real(f), op, argument);
      };
      m.xSectorSize = [](sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); };
      m.xDeviceCharacteristics = [](sqlite3_file* f) {
        return Real(f)->pMethods->xDeviceCharacteristics(Real(f));
      };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
        return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, at);
      };
      m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
        return Real(f)->pMethods->xShmLock(Real(f), offset, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); };
      m.xShmUnmap = [](sqlite3_file* f, int remove) { return Real(f)->pMethods->xShmUnmap(Real(f), remove); };
      return m;
    }();
    return &methods;
  }

  static inline FailingDisk* current_ = nullptr;
  sqlite3_vfs* real_ = nullptr;
  sqlite3_vfs vfs_{};
  std::atomic<Mode> mode_ = Mode::kFromThenOn;
  std::atomic<int> fail_at_ = 0;
  std::atomic<int> count_ = 0;
  std::atomic<int> failed_ = 0;
};

}  // namespace crossmill::storage
