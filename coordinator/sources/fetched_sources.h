// RemoteSources with the git program and HTTP, validated against the records of what was fetched before.
#pragma once

#include <stop_token>
#include <string>

#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/keyed_lock.h"
#include "common/base/room/folder_size.h"
#include "common/fetch/git_program.h"
#include "common/fetch/git_reference.h"
#include "common/fetch/http_file.h"
#include "common/http/http_client.h"
#include "coordinator/sources/remote_records.h"
#include "coordinator/sources/remote_sources.h"

namespace crossmill::coordinator {

struct FetchedSourcesOptions {
  // Checkouts are made below it; it is made when needed. On the blob store's disk.
  std::string scratch_folder;
  absl::Duration git_limit = absl::Minutes(30);
  // Of a checkout.
  FolderSize checkout_limit{.bytes = int64_t{8} << 30, .files = 5'000'000};
  // Of one file, in bytes; 0: unlimited.
  int64_t file_limit = 0;
  // Of a server that sends a file, in bytes a second.
  int64_t floor_rate = 1;
  // Repositories on this machine: for tests.
  bool allow_local_git = false;
};

// The references outlive it.
class FetchedSources final : public RemoteSources {
 public:
  FetchedSources(BlobStore& blobs, RemoteRecords& records, http::HttpClient& http, Clock& clock,
                 FetchedSourcesOptions options)
      : blobs_(blobs), records_(records), http_(http), clock_(clock), options_(std::move(options)) {}

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
  // As FetchGit for a reference that is parsed.
  absl::StatusOr<Tree> FetchTree(fetch::GitReference reference, bool keep_git_dir,
                                 const OnProgress& on_progress, std::stop_token stop = {});

  // Ends what runs, and everything that comes later, with CANCELLED.
  void Stop() { stop_.request_stop(); }

 private:
  // With the checksum that it must have.
  static absl::StatusOr<fetch::GitReference> ReadReference(const std::string& url,
                                                           const std::string& checksum);
  // Without what is known of an earlier answer.
  fetch::HttpFileOptions FileOptions(const std::string& checksum, const OnProgress& on_progress,
                                     std::stop_token stop) const;
  absl::StatusOr<bool> HasTree(const Digest& root);
  absl::StatusOr<Tree> CheckOut(const fetch::GitReference& reference, bool keep_git_dir,
                                const fetch::GitProgramOptions& program, const OnProgress& on_progress);

  BlobStore& blobs_;
  RemoteRecords& records_;
  http::HttpClient& http_;
  Clock& clock_;
  const FetchedSourcesOptions options_;
  std::stop_source stop_;
  // By URL: one fetch at a time; the next finds its result still valid.
  KeyedLock files_;
  // By repository.
  KeyedLock repositories_;
};

}  // namespace crossmill::coordinator
