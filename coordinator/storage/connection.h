// One connection to the record for many threads: a recursive lock, transactions, and statements that
// are prepared once. RecordStore and the other record classes of this folder are written on it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

// Recursive, so that a method works by itself and inside the body of Transact on the same thread.
class ABSL_LOCKABLE RecursiveMutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  std::recursive_mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE RecursiveMutexLock {
 public:
  explicit RecursiveMutexLock(RecursiveMutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~RecursiveMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  RecursiveMutexLock(const RecursiveMutexLock&) = delete;
  RecursiveMutexLock& operator=(const RecursiveMutexLock&) = delete;

 private:
  RecursiveMutex& mutex_;
};

// Thread safe through mutex(): whoever calls Use holds it until the StatementUse is gone.
class Connection {
 public:
  // Opens, configures and migrates. Errors as RecordStore::Open.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path);
  explicit Connection(Database database) : database_(std::move(database)) {}

  RecursiveMutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // As RecordStore::Transact.
  absl::Status Transact(const std::function<absl::Status()>& body);

  // The statement for `sql`, prepared at its first use and found by the object's address, so `sql`
  // is a constant. A method does not use the same Sql again while it holds the StatementUse.
  // UNAVAILABLE inside a transaction that SQLite has rolled back by itself.
  absl::StatusOr<StatementUse> Use(const Sql& sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A question that is written for this one time; the text need not live on.
  absl::StatusOr<Statement> Prepare(const Sql& sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return database_.Prepare(sql);
  }

  // Use, Bind and Run: a change. One that fails for the disk's sake (not for a constraint) inside a
  // transaction cannot be passed over: the whole transaction is rolled back, whatever its body returns.
  template <typename... Values>
  absl::Status Run(const Sql& sql, const Values&... values) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::StatusOr<StatementUse> use = Use(sql);
    if (!use.ok()) return NoteFailure(use.status());
    (*use)->Bind(values...);
    return NoteFailure((*use)->Run());
  }

  int64_t LastInsertId() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return database_.LastInsertId(); }
  int64_t Changes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return database_.Changes(); }

 private:
  absl::Status TransactOutermost(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TransactNested(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Returns `changed`, remembered when it ends the transaction.
  absl::Status NoteFailure(absl::Status changed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RecursiveMutex mutex_;
  Database database_ ABSL_GUARDED_BY(mutex_);
  // Depth of Transact calls that are running.
  int depth_ ABSL_GUARDED_BY(mutex_) = 0;
  // The first change of the transaction that the disk did not take.
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  // After database_: statements go first.
  std::unordered_map<const Sql*, Statement> statements_ ABSL_GUARDED_BY(mutex_);
};

// `bytes` as a message; DATA_LOSS naming `what` when they are none.
template <typename Message>
absl::Status ParseRecord(std::string_view bytes, std::string_view what, Message* message) {
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return absl::DataLossError("the record of " + std::string(what) + " is damaged");
}

}  // namespace crossmill::storage
