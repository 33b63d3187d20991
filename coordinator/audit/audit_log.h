// Who changed what: one line of JSON for each call that may change the farm, in a file that is only added to,
// each with the hash of the one before it (audit_chain.h). The record says what is so, this says who made it
// so, also what was refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/audit/audit_chain.h"

namespace crossmill::coordinator {

struct AuditEntry {
  // Name of the token; empty for the operator at the unix socket, and for who has no token that is known.
  std::string client;
  // "socket", "tcp", "http" for what came through the page's door, or "buildkit" through that for BuildKit's
  // clients.
  std::string door;
  // As gRPC names it: "ipv4:10.0.0.7:51034".
  std::string peer;
  // "crossmill.v1.Builds/CancelBuild".
  std::string call;
  // What the call names: ("build_id", "7"). Never a secret, a credential or an address with one.
  std::vector<std::pair<std::string, std::string>> about;
  // "OK", or the code of the failure: "PERMISSION_DENIED".
  std::string outcome;
};

struct AuditLogOptions {
  // Of one file; then it gets another name (audit.log.1 ...) and a new one is begun.
  int64_t most_bytes = int64_t{64} << 20;
  // Files beside the one that is written: the oldest goes.
  int kept = 9;
  // Told of the last line at most once in `keep_every`, and at the end; called by whoever adds, without the
  // log's lock. May be empty.
  std::function<void(const AuditHead&)> keep = {};
  absl::Duration keep_every = absl::Seconds(1);
  // What was kept last. Where the files end before it the log goes on behind it, so that what is missing is
  // seen for ever.
  AuditHead head = {};
};

// Thread safe. A line is in the file when Add returns, and survives the death of the process, not that of the
// machine.
class AuditLog {
 public:
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(std::string path, Clock& clock,
                                                        const AuditLogOptions& options = {});
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // A disk that is full loses the line: the coordinator's log says that lines are lost, and the next line how
  // many were.
  void Add(const AuditEntry& entry);

 private:
  AuditLog(std::string path, Clock& clock, const AuditLogOptions& options)
      : path_(std::move(path)), clock_(clock), options_(options) {}

  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where the chain ends: in the file, or the one before it. Half a line, which a process that died has left,
  // goes.
  absl::Status FindHead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes it; what may be kept now.
  std::optional<AuditHead> Write(const AuditEntry& entry, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Rotate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Clock& clock_;
  const AuditLogOptions options_;
  Mutex mutex_;
  int fd_ ABSL_GUARDED_BY(mutex_) = -1;
  int64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  AuditHead head_ ABSL_GUARDED_BY(mutex_);
  absl::Time kept_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace crossmill::coordinator
