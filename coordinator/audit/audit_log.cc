#include "coordinator/audit/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Without its end.
std::string LineOf(const AuditEntry& entry, absl::Time now, int64_t lost, const AuditHead& before) {
  nlohmann::ordered_json line;
  line["number"] = before.number + 1;
  line["before"] = before.hash;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone());
  line["client"] = entry.client;
  line["door"] = entry.door;
  line["peer"] = entry.peer;
  line["call"] = entry.call;
  line["outcome"] = entry.outcome;
  line["about"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : entry.about) line["about"][name] = value;
  if (lost > 0) line["lost_before"] = lost;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// How many bytes of the file are lines that have an end.
absl::StatusOr<int64_t> WholeLines(const std::string& path, int64_t size) {
  std::ifstream in(path, std::ios::binary);
  for (int64_t at = size; at > 0; --at) {
    in.seekg(at - 1);
    const int last = in.get();
    if (last == std::ifstream::traits_type::eof())
      return absl::UnavailableError(fmt::format("{} cannot be read", path));
    if (last == '\n') return at;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(std::string path, Clock& clock,
                                                         const AuditLogOptions& options) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(path), clock, options));
  MutexLock lock(log->mutex_);
  RETURN_IF_ERROR(log->Begin());
  RETURN_IF_ERROR(log->FindHead());
  return log;
}

AuditLog::~AuditLog() {
  AuditHead head;
  {
    MutexLock lock(mutex_);
    if (fd_ >= 0) close(fd_);
    head = head_;
  }
  if (options_.keep && head.number > 0) options_.keep(head);
}

absl::Status AuditLog::FindHead() {
  if (size_ > 0) {
    ASSIGN_OR_RETURN(const int64_t whole, WholeLines(path_, size_));
    if (whole < size_) {
      LogWarning("{}: half a line, of a process that died, is taken out", path_);
      if (ftruncate(fd_, whole) != 0) return ErrnoStatus(errno, path_);
      size_ = whole;
    }
  }
  for (const std::string& file : {path_, path_ + ".1"}) {
    ASSIGN_OR_RETURN(const std::optional<AuditHead> head, LastHead(file));
    if (!head) continue;
    head_ = *head;
    break;
  }
  if (options_.head.number > head_.number) head_ = options_.head;
  return absl::OkStatus();
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
  std::optional<AuditHead> kept;
  {
    MutexLock lock(mutex_);
    kept = Write(entry, now);
  }
  if (kept && options_.keep) options_.keep(*kept);
}

std::optional<AuditHead> AuditLog::Write(const AuditEntry& entry, absl::Time now) {
  if (fd_ < 0 && !Begin().ok()) {
    ++lost_;
    return std::nullopt;
  }
  if (size_ >= options_.most_bytes) Rotate();
  const std::string line = LineOf(entry, now, lost_, head_);
  const absl::Status written =
      fd_ < 0 ? absl::UnavailableError("it is not open") : WriteAll(fd_, line + "\n");
  if (!written.ok()) {
    if (lost_++ == 0) LogError("lines of the audit log are lost: {}", Sv(written.message()));
    // Half a line must not be the beginning of the next.
    if (fd_ >= 0 && ftruncate(fd_, size_) != 0) LogError("{} has half a line", path_);
    return std::nullopt;
  }
  size_ += static_cast<int64_t>(line.size()) + 1;
  lost_ = 0;
  head_ = {head_.number + 1, Sha256Hex(line)};
  if (now - kept_at_ < options_.keep_every) return std::nullopt;
  kept_at_ = now;
  return head_;
}

}  // namespace crossmill::coordinator
