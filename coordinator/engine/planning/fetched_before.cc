#include "coordinator/engine/planning/fetched_before.h"

#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::coordinator {

const v1::FetchedSource* FetchedBefore::FindFile(const std::string& url, const std::string& checksum) const {
  for (const v1::FetchedSource& each : submission_.fetched_sources()) {
    if (each.has_file() && each.url() == url && each.checksum() == checksum) return &each;
  }
  return nullptr;
}

const v1::FetchedSource* FetchedBefore::FindRepository(const std::string& url, const std::string& checksum,
                                                       std::optional<bool> keep_git_dir) const {
  for (const v1::FetchedSource& each : submission_.fetched_sources()) {
    if (!each.has_tree() || each.url() != url || each.checksum() != checksum) continue;
    if (!keep_git_dir || each.keep_git_dir() == *keep_git_dir) return &each;
  }
  return nullptr;
}

absl::StatusOr<RemoteSources::File> FetchedBefore::FetchFile(const std::string& url,
                                                             const std::string& checksum,
                                                             const OnProgress& on_progress,
                                                             std::stop_token stop) {
  if (const v1::FetchedSource* found = FindFile(url, checksum); found != nullptr)
    return File{FromProto(found->file()), found->name(), found->time(), false};
  return others_.FetchFile(url, checksum, on_progress, std::move(stop));
}

absl::StatusOr<RemoteSources::File> FetchedBefore::FetchPrivateFile(const std::string& url,
                                                                    const std::string& checksum,
                                                                    const std::string& authorization,
                                                                    const OnProgress& on_progress,
                                                                    std::stop_token stop) {
  return others_.FetchPrivateFile(url, checksum, authorization, on_progress, std::move(stop));
}

absl::StatusOr<RemoteSources::Tree> FetchedBefore::FetchGit(const std::string& url,
                                                            const std::string& checksum, bool keep_git_dir,
                                                            const OnProgress& on_progress,
                                                            std::stop_token stop) {
  if (const v1::FetchedSource* found = FindRepository(url, checksum, keep_git_dir); found != nullptr)
    return Tree{FromProto(found->tree()), found->commit(), false};
  return others_.FetchGit(url, checksum, keep_git_dir, on_progress, std::move(stop));
}

absl::StatusOr<std::optional<int64_t>> FetchedBefore::CommitTime(const std::string& url,
                                                                 const std::string& checksum,
                                                                 const OnProgress& on_progress,
                                                                 std::stop_token stop) {
  const v1::FetchedSource* found = FindRepository(url, checksum, std::nullopt);
  if (found == nullptr) return others_.CommitTime(url, checksum, on_progress, std::move(stop));
  return found->time() == 0 ? std::nullopt : std::optional<int64_t>(found->time());
}

}  // namespace crossmill::coordinator
