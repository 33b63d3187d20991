// Submissions whose files the coordinator reads itself (docs/api.md, "Submitting"): an archive is unpacked as
// it comes and is a build when it is whole; a git repository is fetched by a job of its own, which can be
// asked for, waited for and cancelled, and is a build afterwards. Either gives what `crossmill build` gives
// for the same files.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/wiping.h"
#include "common/fetch/git_checkout.h"
#include "common/layer/tar_reader.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/core/standing/scope.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/submission.pb.h"

namespace crossmill::coordinator {

struct FileSubmissionsOptions {
  // Folders are made below it; it is made when needed.
  std::string scratch_folder;
  // Of a context unpacked or checked out, what goes with it (".git") included.
  int64_t most_bytes = int64_t{8} << 30;
  int64_t most_files = 1'000'000;
  // Of one archive or one fetch, from its beginning to the build.
  absl::Duration time_limit = absl::Minutes(30);
  // At the same time; others wait, or are refused.
  int archives = 8;
  int fetches = 4;
  // Fetches that have not ended.
  size_t most_unfinished = 64;
  // Between two looks at a folder that is fetched.
  std::chrono::milliseconds look = fetch::kUsualPause;
  // Repositories on this machine ("file:///..."): for tests.
  bool allow_local_git = false;
  // RESOURCE_EXHAUSTED while the disk has no room for a context; may be empty.
  std::function<absl::Status()> check_room = nullptr;
};

// Makes a build of a submission, as the engine does.
struct AdmittedBuild {
  int64_t build = 0;
  bool existing = false;
};
using AdmitBuild = std::function<absl::StatusOr<AdmittedBuild>(
    const v1::BuildSubmission& submission, const std::string& key, const std::vector<v1::Secret>& secrets)>;

class FileSubmissions;

// One of the archives that there may be at the same time.
struct EndArchive {
  void operator()(FileSubmissions* submissions) const;
};
using ArchivePlace = std::unique_ptr<FileSubmissions, EndArchive>;

// An archive as a folder.
struct UnpackedArchive {
  // None of a context that is empty. Before the folder: it ends when that has gone.
  ArchivePlace place;
  TemporaryFolder scratch;
  std::string folder;
  std::vector<std::string> notes;
};

// A repository as a folder.
struct CheckedOutRepository {
  // As above.
  ArchivePlace place;
  TemporaryFolder scratch;
  fetch::GitCheckout checkout;
};

// Thread safe. The references outlive it.
class FileSubmissions {
 public:
  FileSubmissions(BlobStore& blobs, Clock& clock, AdmitBuild admit, FileSubmissionsOptions options)
      : blobs_(blobs), clock_(clock), admit_(std::move(admit)), options_(std::move(options)) {}
  ~FileSubmissions() { Stop(); }

  const FileSubmissionsOptions& options() const { return options_; }

  // Reads the archive to its end. INVALID_ARGUMENT: what is wrong with it, and where; RESOURCE_EXHAUSTED: a
  // limit; UNAVAILABLE: too many come at the same time; CANCELLED.
  absl::StatusOr<UnpackedArchive> Unpack(layer::Source archive, std::stop_token stop);
  // A repository for a build that brings its own credentials, in `url` or as `access`: nothing of it is kept
  // for others.
  // `checksum`: as fetch::GitReference; with `keep_git_dir` .git comes along. Errors as fetch::CheckoutGit;
  // RESOURCE_EXHAUSTED: a limit; UNAVAILABLE: too many come at the same time.
  absl::StatusOr<CheckedOutRepository> CheckOut(const std::string& url, const std::string& checksum,
                                                bool keep_git_dir, std::stop_token stop,
                                                const fetch::GitAccess& access = {});
  // What a Dockerfile that comes alone is built in.
  absl::StatusOr<UnpackedArchive> EmptyContext() const;
  // CANCELLED: it is no build. `author`: whose the build is.
  absl::StatusOr<v1::Submission> SubmitArchive(UnpackedArchive archive, const v1::SubmitFilesRequest& request,
                                               std::stop_token stop, const core::Author& author = {});

  // Begins to fetch. The same request of the same owner with the same idempotency key is the same submission,
  // unless that has failed. UNAVAILABLE: too many wait.
  absl::StatusOr<v1::Submission> SubmitGit(const v1::SubmitFilesRequest& request,
                                           const core::Author& author = {});
  // Whose it is. NOT_FOUND: there is none.
  absl::StatusOr<core::Author> AuthorOf(const std::string& id);
  // NOT_FOUND in the same words unless the scope sees it.
  absl::Status CheckSeen(const core::Scope& scope, const std::string& id);
  // When it has ended, after that time, or when it is stopped.
  absl::StatusOr<v1::Submission> Find(const std::string& id, absl::Duration wait, std::stop_token stop);
  absl::StatusOr<v1::Submission> Cancel(const std::string& id);

  // Ends what runs, and refuses what comes.
  void Stop();

 private:
  friend EndArchive;

  struct Job {
    // Without secrets. Empty when the job has ended: it may be long, and the URL may have credentials.
    v1::SubmitFilesRequest request;
    std::string key;
    core::Author author;
    // Of the request, to know it again.
    std::string digest;
    WipedSecrets<v1::Secret> secrets;
    v1::Submission state;
    std::stop_source stop;
    // Last: it uses the others.
    std::jthread thread;
  };

  absl::StatusOr<TemporaryFolder> NewFolder() const;
  // What both kinds of checkouts do.
  absl::StatusOr<fetch::GitCheckout> CheckOutInto(const TemporaryFolder& scratch, const std::string& url,
                                                  const std::string& checksum, bool keep_git_dir,
                                                  const std::stop_token& stop,
                                                  const fetch::GitAccess& access = {}) const;
  absl::StatusOr<ArchivePlace> TakePlace();
  // Submits what TakeContext read.
  absl::Status Admit(const v1::BuildSubmission& submission, const std::string& key,
                     const std::vector<v1::Secret>& secrets, v1::Submission* state);
  void Run(Job& job);
  absl::Status Fetch(Job& job, v1::BuildSubmission* submission);
  absl::Status FetchInTime(Job& job, const std::stop_token& stop, v1::BuildSubmission* submission);
  absl::Status WaitForTurn(Job& job);
  Job* FindKey(const core::Author& author, const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  BlobStore& blobs_;
  Clock& clock_;
  const AdmitBuild admit_;
  const FileSubmissionsOptions options_;
  std::stop_source stop_;
  Mutex mutex_;
  CondVar changed_;
  int archives_ ABSL_GUARDED_BY(mutex_) = 0;
  int fetches_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // By id. States change under the mutex; requests and secrets are the job's thread's.
  std::map<std::string, std::unique_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
