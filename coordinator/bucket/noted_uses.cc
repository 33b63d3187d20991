#include "coordinator/bucket/noted_uses.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Lines "HASH NANOSECONDS". One that is not whole was never told of: the kill came before the answer.
absl::Status ReadUses(const std::string& path, std::vector<NotedUses::Use>* uses) {
  const absl::StatusOr<std::string> content = ReadFile(path);
  if (absl::IsNotFound(content.status())) return absl::OkStatus();
  RETURN_IF_ERROR(content.status());
  const size_t whole = content->rfind('\n');
  if (whole == std::string::npos) return absl::OkStatus();
  for (const absl::string_view line : absl::StrSplit(Av(std::string_view(*content).substr(0, whole)), '\n')) {
    const std::pair<absl::string_view, absl::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    int64_t used_at = 0;
    if (!IsSha256Hex(Sv(fields.first)) || !absl::SimpleAtoi(fields.second, &used_at)) continue;
    uses->emplace_back(NameOfHash(Sv(fields.first)), used_at + NotedUses::kCloseBy);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<NotedUses>> NotedUses::Open(const std::string& path, std::vector<Use>* left) {
  auto noted = std::unique_ptr<NotedUses>(new NotedUses(path));
  RETURN_IF_ERROR(noted->OpenFiles(left));
  return noted;
}

absl::Status NotedUses::OpenFiles(std::vector<Use>* left) {
  RETURN_IF_ERROR(ReadUses(Before(), left));
  RETURN_IF_ERROR(ReadUses(path_, left));
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(file_, OpenFile(path_, O_WRONLY | O_APPEND | O_CREAT, 0600));
  // Behind half a line of a process that was killed.
  return WriteAll(file_.get(), "\n");
}

void NotedUses::Note(absl::Span<const Use> uses) {
  MutexLock lock(mutex_);
  std::string lines = failing_ ? "\n" : "";
  std::vector<Use> added;
  for (const auto& [name, used_at] : uses) {
    const auto known = noted_.find(name);
    if (known != noted_.end() && used_at < known->second + kCloseBy) continue;
    lines += fmt::format("{} {}\n", HashOfName(name), used_at);
    added.emplace_back(name, used_at);
  }
  if (added.empty()) return;
  const absl::Status written = WriteAll(file_.get(), lines);
  if (!written.ok() && !failing_)
    LogWarning(
        "uses of blobs in the bucket are not noted in {}; if the coordinator is killed now they are "
        "forgotten: {}",
        path_, Sv(written.message()));
  failing_ = !written.ok();
  if (failing_) return;
  for (const auto& [name, used_at] : added) noted_[name] = used_at;
}

absl::Status NotedUses::Begin() {
  MutexLock lock(mutex_);
  // What an earlier turn has not written is in memory, and in these files until all of it is in the index.
  if (!Exists(Before()) && rename(path_.c_str(), Before().c_str()) != 0)
    return ErrnoStatus(errno, "rename " + path_);
  // Also where that failed the last time: what is noted from now on must not be in the file that is
  // forgotten.
  ASSIGN_OR_RETURN(file_, OpenFile(path_, O_WRONLY | O_APPEND | O_CREAT, 0600));
  noted_.clear();
  return absl::OkStatus();
}

absl::Status NotedUses::Forget() {
  MutexLock lock(mutex_);
  if (unlink(Before().c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, "remove " + Before());
}

}  // namespace crossmill::coordinator
