// What ADD names and was fetched before the build was submitted, with what its client had for it
// (BuildSubmission.fetched_sources); all else comes from where it always does.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/sources/remote_sources.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

// The references outlive it.
class FetchedBefore final : public RemoteSources {
 public:
  FetchedBefore(const v1::BuildSubmission& submission, RemoteSources& others)
      : submission_(submission), others_(others) {}

  absl::StatusOr<File> FetchFile(const std::string& url, const std::string& checksum,
                                 const OnProgress& on_progress, std::stop_token stop = {}) override;
  absl::StatusOr<File> FetchPrivateFile(const std::string& url, const std::string& checksum,
                                        const std::string& authorization, const OnProgress& on_progress,
                                        std::stop_token stop = {}) override;
  absl::StatusOr<Tree> FetchGit(const std::string& url, const std::string& checksum, bool keep_git_dir,
                                const OnProgress& on_progress, std::stop_token stop = {}) override;
  absl::StatusOr<std::optional<int64_t>> CommitTime(const std::string& url, const std::string& checksum,
                                                    const OnProgress& on_progress,
                                                    std::stop_token stop = {}) override;

 private:
  const v1::FetchedSource* FindFile(const std::string& url, const std::string& checksum) const;
  // With either answer to `keep_git_dir`: it changes nothing of the commit.
  const v1::FetchedSource* FindRepository(const std::string& url, const std::string& checksum,
                                          std::optional<bool> keep_git_dir) const;

  const v1::BuildSubmission& submission_;
  RemoteSources& others_;
};

}  // namespace crossmill::coordinator
