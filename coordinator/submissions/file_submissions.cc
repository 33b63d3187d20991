#include "coordinator/submissions/file_submissions.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/threads.h"
#include "common/base/utf8.h"
#include "common/fetch/archive.h"
#include "common/fetch/git_checkout.h"
#include "common/fetch/git_reference.h"
#include "common/words/client_keys.h"
#include "coordinator/submissions/context_files.h"
#include "coordinator/submissions/submission_request.h"

namespace crossmill::coordinator {
namespace {

// As long as the engine knows an idempotency key.
constexpr int64_t kKeptNanos = int64_t{24} * 3600 * 1'000'000'000;
constexpr size_t kMostKept = 1000;

std::string NewSubmissionId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

bool Ended(const v1::Submission& state) {
  return state.state() != v1::SUBMISSION_STATE_WAITING && state.state() != v1::SUBMISSION_STATE_FETCHING;
}

absl::Status NoSuchSubmission(std::string_view id) {
  return absl::NotFoundError(
      fmt::format("there is no submission {}; they are known for a day, until the coordinator is started "
                  "again. With its idempotency key it can be submitted again",
                  Printable(id)));
}

// A folder for somebody's files, whatever the umask says: its mode is part of the context.
absl::StatusOr<std::string> MakeContextFolder(const std::string& path) {
  RETURN_IF_ERROR(MakeFolders(path));
  if (chmod(path.c_str(), 0755) != 0) return ErrnoStatus(errno, path);
  return path;
}

// The reference of a URL that may be fetched from here.
absl::StatusOr<fetch::GitReference> ReadReference(const std::string& url, bool allow_local) {
  if (allow_local && url.starts_with("file://")) {
    fetch::GitReference local;
    local.remote = url;
    return local;
  }
  const std::string shown = Printable(fetch::WithoutCredentials(url));
  if (!fetch::IsGitUrl(url, fetch::GitShorthand::kAllow)) {
    return absl::InvalidArgumentError(
        fmt::format("git: {} is no git URL; expected https://HOST/REPOSITORY.git, ssh://, git:// or "
                    "USER@HOST:PATH, with #REF:FOLDER behind it",
                    shown));
  }
  return fetch::ParseGitReference(url, fetch::GitShorthand::kAllow);
}

}  // namespace

void EndArchive::operator()(FileSubmissions* submissions) const {
  MutexLock lock(submissions->mutex_);
  --submissions->archives_;
}

absl::StatusOr<TemporaryFolder> FileSubmissions::NewFolder() const {
  RETURN_IF_ERROR(MakeFolders(options_.scratch_folder, 0700));
  return TemporaryFolder::Create(options_.scratch_folder);
}

absl::Status FileSubmissions::Admit(const v1::BuildSubmission& submission, const std::string& key,
                                    const std::vector<v1::Secret>& secrets, v1::Submission* state) {
  ASSIGN_OR_RETURN(const AdmittedBuild admitted, admit_(submission, key, secrets));
  state->set_build_id(admitted.build);
  state->set_existing(admitted.existing);
  state->set_state(v1::SUBMISSION_STATE_SUBMITTED);
  return absl::OkStatus();
}

// ---- archives ----

absl::StatusOr<ArchivePlace> FileSubmissions::TakePlace() {
  if (options_.check_room) RETURN_IF_ERROR(options_.check_room());
  MutexLock lock(mutex_);
  if (stopped_) return absl::UnavailableError("the coordinator is shutting down");
  if (archives_ >= options_.archives) {
    return absl::UnavailableError(
        fmt::format("{} archives are being received; come again later", options_.archives));
  }
  ++archives_;
  return ArchivePlace(this);
}

absl::StatusOr<UnpackedArchive> FileSubmissions::Unpack(layer::Source archive, std::stop_token stop) {
  ASSIGN_OR_RETURN(ArchivePlace place, TakePlace());
  const StopOfEither either(std::move(stop), stop_.get_token());
  ASSIGN_OR_RETURN(UnpackedArchive unpacked, EmptyContext());
  unpacked.place = std::move(place);
  fetch::ExtractOptions extract;
  extract.stop = either.token();
  extract.notes = &unpacked.notes;
  extract.keep_root = true;
  extract.refuse_foreign = true;
  extract.most_bytes = options_.most_bytes;
  extract.most_files = options_.most_files;
  RETURN_IF_ERROR(fetch::ExtractArchive(std::move(archive), unpacked.folder, extract));
  return unpacked;
}

absl::StatusOr<UnpackedArchive> FileSubmissions::EmptyContext() const {
  ASSIGN_OR_RETURN(TemporaryFolder scratch, NewFolder());
  UnpackedArchive context{nullptr, std::move(scratch), "", {}};
  ASSIGN_OR_RETURN(context.folder, MakeContextFolder(context.scratch.Path("context")));
  return context;
}

absl::StatusOr<v1::Submission> FileSubmissions::SubmitArchive(UnpackedArchive archive,
                                                              const v1::SubmitFilesRequest& request,
                                                              std::stop_token stop,
                                                              const core::Author& author) {
  RETURN_IF_ERROR(CheckIdempotencyKey(request.idempotency_key()));
  const StopOfEither either(std::move(stop), stop_.get_token());
  ASSIGN_OR_RETURN(v1::BuildSubmission submission, SubmissionOf(request));
  submission.mutable_recipe()->set_context_origin(request.origin());
  SetAuthor(author, &submission);
  ContextFiles files;
  files.folder = archive.folder;
  files.file = request.file();
  files.ignore = true;
  files.keep_times = submission.options().keep_times();
  if (!request.dockerfile().empty()) files.dockerfile = request.dockerfile();
  RETURN_IF_ERROR(
      TakeContext(files, blobs_, clock_, either.token(), submission.mutable_recipe(), &archive.notes));
  v1::Submission state;
  state.set_created_at(UnixNanos(clock_.Now()));
  for (const std::string& note : archive.notes) state.add_notes(ValidUtf8(note));
  const WipedSecrets<v1::Secret> secrets(request.secrets().begin(), request.secrets().end());
  if (either.token().stop_requested()) return absl::CancelledError("it was cancelled");
  RETURN_IF_ERROR(Admit(submission, request.idempotency_key(), secrets, &state));
  return state;
}

// ---- git ----

absl::StatusOr<v1::Submission> FileSubmissions::SubmitGit(const v1::SubmitFilesRequest& request,
                                                          const core::Author& author) {
  if (options_.check_room) RETURN_IF_ERROR(options_.check_room());
  RETURN_IF_ERROR(CheckIdempotencyKey(request.idempotency_key()));
  RETURN_IF_ERROR(ReadReference(request.git(), options_.allow_local_git).status());
  RETURN_IF_ERROR(SubmissionOf(request).status());
  if (!request.origin().empty())
    return absl::InvalidArgumentError("origin: of a git repository it is its URL; leave it out");
  auto job = std::make_unique<Job>();
  job->request = request;
  job->key = request.idempotency_key();
  job->author = author;
  job->secrets = WipedSecrets<v1::Secret>(request.secrets().begin(), request.secrets().end());
  WipeValues(job->request.mutable_secrets());
  job->digest = Sha256Hex(job->request.SerializeAsString());
  job->state.set_id(NewSubmissionId());
  job->state.set_state(v1::SUBMISSION_STATE_WAITING);
  job->state.set_git(ValidUtf8(fetch::WithoutCredentials(request.git())));
  job->state.set_created_at(UnixNanos(clock_.Now()));
  MutexLock lock(mutex_);
  if (stopped_) return absl::UnavailableError("the coordinator is shutting down");
  if (const Job* former = FindKey(author, request.idempotency_key()); former != nullptr) {
    if (former->digest == job->digest) {
      v1::Submission state = former->state;
      // Of one that is a build, as of an archive: another request made it.
      if (state.state() == v1::SUBMISSION_STATE_SUBMITTED) state.set_existing(true);
      return state;
    }
    return absl::AlreadyExistsError(fmt::format("idempotency key '{}' was used for another submission ({})",
                                                request.idempotency_key(), former->state.id()));
  }
  ForgetOld();
  const auto unfinished =
      std::count_if(jobs_.begin(), jobs_.end(), [](const auto& each) { return !Ended(each.second->state); });
  if (static_cast<size_t>(unfinished) >= options_.most_unfinished) {
    return absl::UnavailableError(
        fmt::format("{} repositories are waiting to be fetched; come again later", unfinished));
  }
  Job& entry = *job;
  // It takes the lock that is held here first.
  ASSIGN_OR_RETURN(entry.thread, StartThread([this, &entry] { Run(entry); }));
  jobs_[entry.state.id()] = std::move(job);
  return entry.state;
}

FileSubmissions::Job* FileSubmissions::FindKey(const core::Author& author, const std::string& key) {
  if (key.empty()) return nullptr;
  for (const auto& [id, job] : jobs_) {
    const v1::SubmissionState state = job->state.state();
    const bool came_to_nothing =
        state == v1::SUBMISSION_STATE_FAILED || state == v1::SUBMISSION_STATE_CANCELLED;
    const bool same = core::ClientOf(job->author) == core::ClientOf(author) && job->key == key;
    if (same && !came_to_nothing) return job.get();
  }
  return nullptr;
}

// Threads of jobs that have ended are about to return: joining them waits for nothing.
void FileSubmissions::ForgetOld() {
  const int64_t oldest = UnixNanos(clock_.Now()) - kKeptNanos;
  std::erase_if(jobs_, [&](const auto& each) {
    return Ended(each.second->state) && each.second->state.created_at() < oldest;
  });
  while (jobs_.size() >= kMostKept) {
    auto first = jobs_.end();
    for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
      if (!Ended(job->second->state)) continue;
      if (first == jobs_.end() || job->second->state.created_at() < first->second->state.created_at())
        first = job;
    }
    if (first == jobs_.end()) return;
    jobs_.erase(first);
  }
}

absl::Status FileSubmissions::WaitForTurn(Job& job) {
  MutexLock lock(mutex_);
  while (fetches_ >= options_.fetches) {
    if (job.stop.stop_requested()) return absl::CancelledError("it was cancelled");
    changed_.Wait(mutex_);
  }
  if (job.stop.stop_requested()) return absl::CancelledError("it was cancelled");
  ++fetches_;
  job.state.set_state(v1::SUBMISSION_STATE_FETCHING);
  changed_.NotifyAll();
  return absl::OkStatus();
}

void FileSubmissions::Run(Job& job) {
  v1::Submission outcome;
  absl::Status status = WaitForTurn(job);
  if (status.ok()) {
    v1::BuildSubmission submission;
    status = Fetch(job, &submission);
    SetAuthor(job.author, &submission);
    {
      MutexLock lock(mutex_);
      --fetches_;
      changed_.NotifyAll();
    }
    // From here on it is a build, which is cancelled as builds are.
    if (status.ok() && job.stop.stop_requested()) status = absl::CancelledError("it was cancelled");
    if (status.ok()) status = Admit(submission, job.key, job.secrets, &outcome);
  }
  WipeValues(&job.secrets);
  MutexLock lock(mutex_);
  Wipe(job.request.mutable_git());
  // Clear would keep the memory.
  v1::SubmitFilesRequest().Swap(&job.request);
  if (status.ok()) {
    job.state.MergeFrom(outcome);
  } else {
    job.state.set_state(absl::IsCancelled(status) ? v1::SUBMISSION_STATE_CANCELLED
                                                  : v1::SUBMISSION_STATE_FAILED);
    job.state.set_code(absl::StatusCodeToString(status.code()));
    job.state.set_message(ValidUtf8(fetch::WithoutCredentials(Sv(status.message()))));
  }
  LogInfo("submission={} git={} state={} build={}", job.state.id(), Printable(job.state.git()),
          v1::SubmissionState_Name(job.state.state()), job.state.build_id());
  changed_.NotifyAll();
}

absl::Status FileSubmissions::Fetch(Job& job, v1::BuildSubmission* submission) {
  const StopAfter limit(absl::ToChronoMilliseconds(options_.time_limit));
  const StopOfEither either(job.stop.get_token(), limit.token());
  const absl::Status status = FetchInTime(job, either.token(), submission);
  if (absl::IsCancelled(status) && limit.token().stop_requested() && !job.stop.stop_requested()) {
    return absl::DeadlineExceededError(
        fmt::format("the repository was not fetched and stored within {}, which is the most that it may take",
                    absl::FormatDuration(options_.time_limit)));
  }
  return status;
}

absl::StatusOr<fetch::GitCheckout> FileSubmissions::CheckOutInto(
    const TemporaryFolder& scratch, const std::string& url, const std::string& checksum, bool keep_git_dir,
    const std::stop_token& stop, const fetch::GitAccess& access) const {
  ASSIGN_OR_RETURN(fetch::GitReference reference, ReadReference(url, options_.allow_local_git));
  if (!checksum.empty()) reference.checksum = checksum;
  fetch::GitProgramOptions program;
  program.time_limit = options_.time_limit;
  program.stop = stop;
  program.allow_local = options_.allow_local_git;
  program.access = access;
  const fetch::FolderLimit limit{{options_.most_bytes, options_.most_files}, options_.look};
  absl::StatusOr<fetch::GitCheckout> got = fetch::CheckoutGitWithin(
      limit, reference, reference.keep_git_dir.value_or(keep_git_dir), scratch.path(), program);
  if (absl::IsResourceExhausted(got.status()))
    return Annotate(got.status(), "the coordinator's --context-limit");
  return got;
}

absl::StatusOr<CheckedOutRepository> FileSubmissions::CheckOut(const std::string& url,
                                                               const std::string& checksum, bool keep_git_dir,
                                                               std::stop_token stop,
                                                               const fetch::GitAccess& access) {
  ASSIGN_OR_RETURN(ArchivePlace place, TakePlace());
  const StopOfEither either(std::move(stop), stop_.get_token());
  ASSIGN_OR_RETURN(TemporaryFolder scratch, NewFolder());
  ASSIGN_OR_RETURN(fetch::GitCheckout checkout,
                   CheckOutInto(scratch, url, checksum, keep_git_dir, either.token(), access));
  return CheckedOutRepository{std::move(place), std::move(scratch), std::move(checkout)};
}

absl::Status FileSubmissions::FetchInTime(Job& job, const std::stop_token& stop,
                                          v1::BuildSubmission* submission) {
  ASSIGN_OR_RETURN(*submission, SubmissionOf(job.request));
  ASSIGN_OR_RETURN(const TemporaryFolder scratch, NewFolder());
  ASSIGN_OR_RETURN(const fetch::GitCheckout checkout,
                   CheckOutInto(scratch, job.request.git(), "", false, stop));
  {
    MutexLock lock(mutex_);
    job.state.set_commit(checkout.commit);
    changed_.NotifyAll();
  }
  v1::Recipe& recipe = *submission->mutable_recipe();
  recipe.set_context_time(checkout.commit_time);
  recipe.set_context_commit(checkout.commit);
  recipe.set_context_origin(fetch::OriginOfUrl(job.request.git()));
  if (job.request.commit_epoch()) submission->mutable_options()->set_source_date_epoch(checkout.commit_time);
  ContextFiles files;
  files.folder = checkout.folder;
  files.file = job.request.file();
  files.keep_times = submission->options().keep_times();
  std::vector<std::string> notes;
  RETURN_IF_ERROR(TakeContext(files, blobs_, clock_, stop, &recipe, &notes));
  if (stop.stop_requested()) return absl::CancelledError("it was cancelled");
  MutexLock lock(mutex_);
  for (const std::string& note : notes) job.state.add_notes(ValidUtf8(note));
  return absl::OkStatus();
}

absl::StatusOr<v1::Submission> FileSubmissions::Find(const std::string& id, absl::Duration wait,
                                                     std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait);
  MutexLock lock(mutex_);
  while (true) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return NoSuchSubmission(id);
    const auto left = until - std::chrono::steady_clock::now();
    const bool over = stopped_ || left <= left.zero() || stop.stop_requested();
    if (Ended(found->second->state) || over) return found->second->state;
    changed_.WaitFor(mutex_, left);
  }
}

absl::Status FileSubmissions::CheckSeen(const core::Scope& scope, const std::string& id) {
  ASSIGN_OR_RETURN(const core::Author author, AuthorOf(id));
  return scope.Sees(author.project) ? absl::OkStatus() : NoSuchSubmission(id);
}

absl::StatusOr<core::Author> FileSubmissions::AuthorOf(const std::string& id) {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NoSuchSubmission(id);
  return found->second->author;
}

absl::StatusOr<v1::Submission> FileSubmissions::Cancel(const std::string& id) {
  std::stop_source stop;
  {
    MutexLock lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return NoSuchSubmission(id);
    const v1::Submission& state = found->second->state;
    if (state.state() == v1::SUBMISSION_STATE_SUBMITTED) {
      return absl::FailedPreconditionError(
          fmt::format("it is build {0} by now: cancel that (/api/v1/builds/{0}/cancel)", state.build_id()));
    }
    if (Ended(state)) return state;
    stop = found->second->stop;
  }
  // Not under the lock: what is called back takes it.
  stop.request_stop();
  {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  return Find(id, absl::Seconds(10), {});
}

void FileSubmissions::Stop() {
  std::vector<std::stop_source> stops;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    for (const auto& [id, job] : jobs_) stops.push_back(job->stop);
    changed_.NotifyAll();
  }
  stop_.request_stop();
  for (std::stop_source& stop : stops) stop.request_stop();
  std::map<std::string, std::unique_ptr<Job>> ended;
  {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
    ended.swap(jobs_);
  }
  // Joins.
}

}  // namespace crossmill::coordinator
