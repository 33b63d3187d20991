#include "cli/recipe/context_scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>
#include <utility>

#include "cli/show/exit_codes.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "common/fetch/archive.h"
#include "common/fetch/git_reference.h"
#include "common/fetch/http_file.h"
#include "common/http/curl_http_client.h"
#include "common/layer/blob_copy.h"

namespace crossmill::cli {
namespace {

// Folders of an archive may be closed to their owner.
void MakeRemovable(const std::string& folder) {
  if (geteuid() == 0) return;
  chmod(folder.c_str(), 0700);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored)) MakeRemovable(entry.path().string());
  }
}

}  // namespace

absl::Status ContextScratch::Open() {
  MutexLock lock(mutex_);
  if (folder_) return absl::OkStatus();
  ASSIGN_OR_RETURN(folder_, TemporaryFolder::Create());
  root_ = folder_->path();
  env_.OnInterrupt([this](int) { OnInterrupt(); });
  return absl::OkStatus();
}

void ContextScratch::OnInterrupt() {
  stop_.request_stop();
  {
    MutexLock lock(mutex_);
    // Threads that still write there have been told to stop; until they have, files may appear again.
    for (int attempt = 0; attempt < 40 && folder_; ++attempt) {
      MakeRemovable(folder_->path());
      if (RemoveTree(folder_->path()).ok() && !Exists(folder_->path())) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  env_.ForceExit(kExitCancelled);
}

void ContextScratch::Close() {
  if (root_.empty()) return;
  env_.OnInterrupt({});
  downloads_.reset();
  MutexLock lock(mutex_);
  if (folder_) MakeRemovable(folder_->path());
  folder_.reset();
  root_.clear();
}

absl::StatusOr<std::string> ContextScratch::NewFolder() {
  RETURN_IF_ERROR(Open());
  const std::string path = fmt::format("{}/{}", root_, ++count_);
  RETURN_IF_ERROR(MakeFolders(path));
  // The context's own folder has this mode, with every umask.
  if (chmod(path.c_str(), 0755) != 0) return ErrnoStatus(errno, path);
  return path;
}

absl::StatusOr<fetch::GitCheckout> ContextScratch::CheckOut(std::string_view url, bool anonymous) {
  ASSIGN_OR_RETURN(const fetch::GitReference reference,
                   fetch::ParseGitReference(url, fetch::GitShorthand::kAllow));
  ASSIGN_OR_RETURN(const std::string parent, NewFolder());
  progress_.Activity(fmt::format("checking out {}", fetch::WithoutCredentials(url)));
  fetch::GitProgramOptions options;
  options.stop = stop_.get_token();
  options.anonymous = anonymous;
  ASSIGN_OR_RETURN(fetch::GitCheckout checkout,
                   fetch::CheckoutGit(reference, reference.keep_git_dir.value_or(false), parent, options));
  progress_.Note(fmt::format("{} is commit {}", fetch::WithoutCredentials(url), checkout.commit));
  return checkout;
}

absl::StatusOr<ContextScratch::Download> ContextScratch::Get(const std::string& url) {
  RETURN_IF_ERROR(Open());
  if (http_ == nullptr) http_ = http::MakeCurlHttpClient();
  if (downloads_ == nullptr) {
    ASSIGN_OR_RETURN(downloads_, OpenDiskBlobStore(root_ + "/downloads"));
  }
  const std::string shown = fetch::WithoutCredentials(url);
  fetch::HttpFileOptions options;
  options.stop = stop_.get_token();
  options.on_progress = [&](int64_t done, int64_t total) {
    progress_.Activity(
        total > 0 ? fmt::format("fetching {}: {} of {}", shown, FormatBytes(done), FormatBytes(total))
                  : fmt::format("fetching {}: {}", shown, FormatBytes(done)));
  };
  progress_.Activity(fmt::format("fetching {}", shown));
  ASSIGN_OR_RETURN(const fetch::HttpFile file, fetch::FetchHttpFile(*http_, *downloads_, url, options));
  progress_.Note(fmt::format("fetched {} {}", shown, FormatBytes(file.digest.size)));
  Download download;
  download.size = file.digest.size;
  download.time = file.mtime;
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, downloads_->Open(file.digest, 0));
  download.head.resize(fetch::kArchiveHead);
  size_t filled = 0;
  while (filled < download.head.size()) {
    ASSIGN_OR_RETURN(const size_t count,
                     reader->Read(download.head.data() + filled, download.head.size() - filled));
    if (count == 0) break;
    filled += count;
  }
  download.head.resize(filled);
  ASSIGN_OR_RETURN(download.source, layer::BlobSource(*downloads_, file.digest));
  return download;
}

absl::StatusOr<std::string> ContextScratch::Extract(layer::Source archive) {
  ASSIGN_OR_RETURN(const std::string folder, NewFolder());
  progress_.Activity("extracting the archive");
  std::vector<std::string> notes;
  fetch::ExtractOptions options;
  options.stop = stop_.get_token();
  options.notes = &notes;
  RETURN_IF_ERROR(fetch::ExtractArchive(std::move(archive), folder, options));
  for (const std::string& note : notes) progress_.Note("note: " + note);
  return folder;
}

absl::Status ContextScratch::Save(const layer::Source& source, const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  std::string buffer(256 << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source(buffer.data(), buffer.size()));
    if (count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(WriteAll(file.get(), {buffer.data(), count}));
  }
}

absl::StatusOr<std::string> ReadSource(const layer::Source& source, size_t limit) {
  std::string text;
  std::string buffer(64 << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source(buffer.data(), buffer.size()));
    if (count == 0) return text;
    if (text.size() + count > limit) {
      return absl::ResourceExhaustedError(fmt::format("over {} bytes", limit));
    }
    text.append(buffer, 0, count);
  }
}

}  // namespace crossmill::cli
