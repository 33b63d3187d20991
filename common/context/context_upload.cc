#include "common/context/context_upload.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::context {
namespace {

// Digests per FindMissing: about a megabyte on the wire.
constexpr size_t kFindBatch = 10'000;
// Blobs up to this size travel several at once.
constexpr int64_t kSmallBlob = 128 << 10;
constexpr int64_t kBatchBytes = 2 << 20;
constexpr size_t kBatchBlobs = 1000;
constexpr int kThreads = 4;
constexpr int64_t kFilePiece = 64 << 20;

absl::Status UploadCancelled() { return absl::CancelledError("context: storing it was cancelled"); }

// One blob to send: a message in memory or a file.
struct Source {
  Digest digest;
  const std::string* bytes = nullptr;
  const std::string* path = nullptr;
};

class Uploader {
 public:
  // `folder`: the context's, open.
  Uploader(int folder, BlobStore& store, const UploadProgress& progress, std::stop_token stop)
      : folder_(folder), store_(store), progress_(progress), stop_(std::move(stop)) {}

  absl::StatusOr<UploadResult> Send(const std::vector<Source>& sources) {
    std::vector<Source> batch;
    int64_t batch_bytes = 0;
    for (const Source& source : sources) {
      total_.blobs += 1;
      total_.bytes += source.digest.size;
      if (source.digest.size > kSmallBlob) {
        jobs_.push_back({source});
        continue;
      }
      if (batch_bytes + source.digest.size > kBatchBytes || batch.size() >= kBatchBlobs) {
        jobs_.push_back(std::exchange(batch, {}));
        batch_bytes = 0;
      }
      batch.push_back(source);
      batch_bytes += source.digest.size;
    }
    if (!batch.empty()) jobs_.push_back(std::move(batch));
    {
      std::vector<std::jthread> pool;
      for (size_t i = 0; i < std::min<size_t>(kThreads, jobs_.size()); ++i)
        pool.emplace_back([this] { Work(); });
    }
    MutexLock lock(mutex_);
    if (!error_.ok()) return error_;
    return sent_;
  }

 private:
  void Work() {
    for (size_t i = next_++; i < jobs_.size(); i = next_++) {
      const absl::Status status = stop_.stop_requested() ? UploadCancelled()
                                  : jobs_[i].size() == 1 ? Stream(jobs_[i][0])
                                                         : Batch(jobs_[i]);
      MutexLock lock(mutex_);
      if (!status.ok() && error_.ok()) error_ = status;
      if (!error_.ok()) return;
    }
  }

  absl::Status Changed(const Source& source) {
    return absl::AbortedError(
        fmt::format("context: {}: the file changed while the build was being submitted; "
                    "submit again when nothing writes to it",
                    Printable(*source.path)));
  }

  absl::StatusOr<UniqueFd> Open(const Source& source) {
    UniqueFd fd(openat(folder_, source.path->c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return ErrnoStatus(errno, fmt::format("context: {}", Printable(*source.path)));
    return fd;
  }

  absl::Status Batch(const std::vector<Source>& sources) {
    std::vector<std::pair<Digest, std::string>> blobs;
    int64_t bytes = 0;
    for (const Source& source : sources) {
      if (source.bytes != nullptr) {
        blobs.emplace_back(source.digest, *source.bytes);
      } else {
        ASSIGN_OR_RETURN(const UniqueFd fd, Open(source));
        ASSIGN_OR_RETURN(std::string content, ReadAll(fd.get(), kSmallBlob * 16));
        if (DigestOf(content) != source.digest) return Changed(source);
        blobs.emplace_back(source.digest, std::move(content));
      }
      bytes += source.digest.size;
    }
    RETURN_IF_ERROR(store_.Put(blobs));
    Sent(static_cast<int64_t>(sources.size()), bytes);
    return absl::OkStatus();
  }

  absl::Status Stream(const Source& source) {
    if (source.bytes != nullptr || source.digest.size <= kSmallBlob) return Batch({source});
    int64_t sent = 0;
    const absl::Status status = StreamOnce(source, &sent);
    if (!absl::IsUnavailable(status)) return status;
    // A store on this machine that was started again has lost what it got. The second time waits for it.
    Sent(0, -sent);
    return StreamOnce(source, &sent);
  }

  // `sent`: bytes that were told, also of an attempt that failed.
  absl::Status StreamOnce(const Source& source, int64_t* sent) {
    *sent = 0;
    ASSIGN_OR_RETURN(const UniqueFd fd, Open(source));
    ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer, store_.Create(source.digest));
    // In pieces for the progress only: a store on this machine reads the file itself.
    for (int64_t offset = 0; offset < source.digest.size; offset += kFilePiece) {
      if (stop_.stop_requested()) return UploadCancelled();
      const int64_t size = std::min(kFilePiece, source.digest.size - offset);
      const absl::Status status = writer->WriteFile(fd.get(), offset, size);
      if (absl::IsFailedPrecondition(status)) return Changed(source);
      RETURN_IF_ERROR(status);
      *sent += size;
      Sent(0, size);
    }
    const absl::Status status = writer->Commit().status();
    // Another digest than the scan's, or fewer bytes.
    if (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)) return Changed(source);
    RETURN_IF_ERROR(status);
    Sent(1, 0);
    return absl::OkStatus();
  }

  void Sent(int64_t blobs, int64_t bytes) {
    MutexLock lock(mutex_);
    sent_.blobs += blobs;
    sent_.bytes += bytes;
    if (progress_) progress_(sent_, total_);
  }

  const int folder_;
  BlobStore& store_;
  const UploadProgress& progress_;
  const std::stop_token stop_;
  // Constant while the threads run.
  std::vector<std::vector<Source>> jobs_;
  UploadResult total_;
  std::atomic<size_t> next_{0};
  Mutex mutex_;
  UploadResult sent_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<UploadResult> UploadContext(const ScannedContext& context, const std::string& folder,
                                           BlobStore& store, const UploadProgress& progress,
                                           std::stop_token stop) {
  absl::flat_hash_map<Digest, Source> sources;
  sources.reserve(context.files.size() + context.folders.size());
  std::vector<Digest> digests;
  digests.reserve(sources.capacity());
  const auto add = [&](Source source) {
    if (sources.try_emplace(source.digest, source).second) digests.push_back(source.digest);
  };
  for (const ContextFile& file : context.files) add({file.digest, nullptr, &file.path});
  for (const auto& [digest, bytes] : context.folders) add({digest, &bytes, nullptr});

  std::vector<Source> missing;
  for (size_t begin = 0; begin < digests.size(); begin += kFindBatch) {
    if (stop.stop_requested()) return UploadCancelled();
    const size_t count = std::min(kFindBatch, digests.size() - begin);
    ASSIGN_OR_RETURN(const std::vector<Digest> found,
                     store.FindMissing(absl::MakeConstSpan(digests).subspan(begin, count)));
    for (const Digest& digest : found) missing.push_back(sources.at(digest));
  }
  ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(folder, O_PATH | O_DIRECTORY));
  return Uploader(root.get(), store, progress, std::move(stop)).Send(missing);
}

}  // namespace crossmill::context
