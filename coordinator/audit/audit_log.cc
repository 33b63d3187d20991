#include "coordinator/audit/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

std::string LineOf(const AuditEntry& entry, absl::Time now, int64_t lost) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone());
  line["client"] = entry.client;
  line["door"] = entry.door;
  line["peer"] = entry.peer;
  line["call"] = entry.call;
  line["outcome"] = entry.outcome;
  line["about"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : entry.about) line["about"][name] = value;
  if (lost > 0) line["lost_before"] = lost;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(std::string path, Clock& clock,
                                                         const AuditLogOptions& options) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(path), clock, options));
  MutexLock lock(log->mutex_);
  RETURN_IF_ERROR(log->Begin());
  return log;
}

AuditLog::~AuditLog() {
  MutexLock lock(mutex_);
  if (fd_ >= 0) close(fd_);
}

absl::Status AuditLog::Begin() {
  fd_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) return ErrnoStatus(errno, path_);
  struct stat found;
  size_ = fstat(fd_, &found) == 0 ? found.st_size : 0;
  return absl::OkStatus();
}

void AuditLog::Rotate() {
  close(fd_);
  fd_ = -1;
  const auto name = [this](int number) { return fmt::format("{}.{}", path_, number); };
  for (int number = options_.kept - 1; number >= 1; --number)
    rename(name(number).c_str(), name(number + 1).c_str());
  // Where it cannot be renamed it grows on.
  if (options_.kept > 0) rename(path_.c_str(), name(1).c_str());
  const absl::Status begun = Begin();
  if (!begun.ok()) LogError("the audit log cannot be continued: {}", Sv(begun.message()));
}

void AuditLog::Add(const AuditEntry& entry) {
  const absl::Time now = clock_.Now();
  MutexLock lock(mutex_);
  if (fd_ < 0 && !Begin().ok()) {
    ++lost_;
    return;
  }
  if (size_ >= options_.most_bytes) Rotate();
  const std::string line = LineOf(entry, now, lost_);
  const absl::Status written = fd_ < 0 ? absl::UnavailableError("it is not open") : WriteAll(fd_, line);
  if (written.ok()) {
    size_ += static_cast<int64_t>(line.size());
    lost_ = 0;
    return;
  }
  if (lost_++ == 0) LogError("lines of the audit log are lost: {}", Sv(written.message()));
  // Half a line must not be the beginning of the next.
  if (fd_ >= 0 && ftruncate(fd_, size_) != 0) LogError("{} has half a line", path_);
}

}  // namespace crossmill::coordinator
