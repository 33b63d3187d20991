#include "coordinator/storage/log_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/room/spare_room.h"
#include "common/base/status.h"
#include "coordinator/storage/logs/compressed_log.h"

namespace crossmill::storage {
namespace {

constexpr size_t kReadBlock = size_t{256} << 10;
// Every how many chunks a log remembers where one begins.
constexpr int64_t kIndexStride = 128;
constexpr int kMaxVarintBytes = 10;

void AppendFrame(const v1::LogChunk& chunk, std::string* out) {
  uint64_t size = chunk.ByteSizeLong();
  while (size >= 0x80) {
    out->push_back(static_cast<char>(size | 0x80));
    size >>= 7;
  }
  out->push_back(static_cast<char>(size));
  chunk.AppendToString(out);
}

// Reads frames from a place in a file on, in blocks.
class FrameReader {
 public:
  // `compressed` null: the file itself.
  FrameReader(int fd, CompressedLog* compressed, int64_t offset, std::string path)
      : fd_(fd), compressed_(compressed), offset_(offset), path_(std::move(path)) {}

  // The next message; nothing at the end or where no whole, well-formed one follows.
  absl::StatusOr<std::optional<v1::LogChunk>> Next() {
    uint64_t size = 0;
    int length = 0;
    while (true) {
      if (length == kMaxVarintBytes) return std::optional<v1::LogChunk>();
      ASSIGN_OR_RETURN(const bool there, Fill(length + 1));
      if (!there) return std::optional<v1::LogChunk>();
      const auto byte = static_cast<unsigned char>(buffer_[begin_ + length]);
      size |= static_cast<uint64_t>(byte & 0x7f) << (7 * length);
      ++length;
      if ((byte & 0x80) == 0) break;
    }
    // Nothing empty is ever written; zeros are what a power failure leaves.
    if (size == 0 || size > static_cast<uint64_t>(INT32_MAX)) return std::optional<v1::LogChunk>();
    ASSIGN_OR_RETURN(const bool whole, Fill(length + size));
    v1::LogChunk chunk;
    if (!whole || !chunk.ParseFromArray(buffer_.data() + begin_ + length, static_cast<int>(size))) {
      return std::optional<v1::LogChunk>();
    }
    begin_ += length + size;
    offset_ += static_cast<int64_t>(length + size);
    return chunk;
  }

  // Behind the last message that Next returned.
  int64_t offset() const { return offset_; }

 private:
  // False when the file ends before `count` bytes are there.
  absl::StatusOr<bool> Fill(size_t count) {
    while (buffer_.size() - begin_ < count) {
      buffer_.erase(0, std::exchange(begin_, 0));
      const size_t have = buffer_.size();
      // One block at a time, so that a false size does not make us reserve it.
      buffer_.resize(have + kReadBlock);
      const absl::StatusOr<size_t> got = Read(buffer_.data() + have, offset_ + static_cast<int64_t>(have));
      buffer_.resize(have + got.value_or(0));
      RETURN_IF_ERROR(got.status());
      if (*got == 0) return false;
    }
    return true;
  }

  absl::StatusOr<size_t> Read(char* buffer, int64_t offset) {
    if (compressed_ != nullptr) return compressed_->ReadAt(offset, buffer, kReadBlock);
    ssize_t got;
    do {
      got = pread(fd_, buffer, kReadBlock, offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return ErrnoStatus(errno, "read " + path_);
    return static_cast<size_t>(got);
  }

  const int fd_;
  CompressedLog* const compressed_;
  // File offset of buffer_[begin_].
  int64_t offset_;
  const std::string path_;
  std::string buffer_;
  size_t begin_ = 0;
};

}  // namespace

// One log. Opened at its first use.
class LogStore::Log {
 public:
  Log(std::string path, const LogStoreOptions& options) : path_(std::move(path)), options_(options) {}

  // False: closed in the meantime, look it up again.
  absl::StatusOr<bool> Append(const v1::LogChunk& chunk) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (closed_) return false;
    RETURN_IF_ERROR(Open(/*create=*/true));
    if (truncated_) return true;
    // First what waits, so that a disk that stays full does not fill the memory.
    if (static_cast<int64_t>(buffer_.size()) >= options_.buffer_bytes) RETURN_IF_ERROR(Flush());
    std::string frame;
    AppendFrame(chunk, &frame);
    if (End() + static_cast<int64_t>(frame.size()) > options_.max_log_bytes) {
      frame.clear();
      AppendFrame(TruncationNotice(chunk), &frame);
      truncated_ = true;
    }
    NoteChunk(End());
    buffer_ += frame;
    // The chunk is accepted either way: what cannot be written now waits, and the next Append says so.
    if (static_cast<int64_t>(buffer_.size()) > options_.buffer_bytes) Flush().IgnoreError();
    return true;
  }

  absl::StatusOr<std::optional<std::vector<v1::LogChunk>>> Read(int64_t from_chunk, int limit)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (closed_) return std::optional<std::vector<v1::LogChunk>>();
    RETURN_IF_ERROR(Open(/*create=*/false));
    RETURN_IF_ERROR(Flush());
    std::vector<v1::LogChunk> chunks;
    from_chunk = std::max<int64_t>(from_chunk, 0);
    if (from_chunk >= chunks_) return chunks;
    const int64_t mark = from_chunk / kIndexStride;
    FrameReader reader(fd_.get(), compressed_.get(), index_[static_cast<size_t>(mark)], path_);
    for (int64_t number = mark * kIndexStride; number < chunks_; ++number) {
      if (number - from_chunk >= limit) break;
      ASSIGN_OR_RETURN(std::optional<v1::LogChunk> chunk, reader.Next());
      if (!chunk.has_value()) {
        return absl::DataLossError(
            fmt::format("{}: chunk {} has changed since it was written", path_, number));
      }
      if (number >= from_chunk) chunks.push_back(*std::move(chunk));
    }
    return chunks;
  }

  absl::StatusOr<std::optional<int64_t>> ChunkCount() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (closed_) return std::optional<int64_t>();
    RETURN_IF_ERROR(Open(/*create=*/false));
    return chunks_;
  }

  absl::Status Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    absl::Status status = Flush();
    fd_.Reset();
    compressed_.reset();
    return status;
  }

  // Closed afterwards, whatever comes of it.
  absl::StatusOr<bool> Compress() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    const absl::Status ready = closed_ || compressed_ ? absl::OkStatus() : Open(/*create=*/false);
    const bool plain = !closed_ && ready.ok() && fd_.valid();
    closed_ = true;
    RETURN_IF_ERROR(ready);
    if (!plain) return false;
    RETURN_IF_ERROR(Flush());
    RETURN_IF_ERROR(CompressLog(fd_.get(), CompressedPath()));
    fd_.Reset();
    if (unlink(path_.c_str()) != 0) return ErrnoStatus(errno, path_);
    return true;
  }

  // Order of use, guarded by the store's lock.
  int64_t last_use = 0;

 private:
  // Where the next chunk begins.
  int64_t End() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return written_ + static_cast<int64_t>(buffer_.size());
  }

  std::string NoticeText() const {
    return fmt::format("log truncated: it is longer than {} bytes\n", options_.max_log_bytes);
  }

  v1::LogChunk TruncationNotice(const v1::LogChunk& dropped) const {
    v1::LogChunk notice;
    notice.set_step_number(dropped.step_number());
    notice.set_stream(v1::LogChunk::STREAM_WORKER);
    notice.set_time(dropped.time());
    notice.set_data(NoticeText());
    return notice;
  }

  void NoteChunk(int64_t offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (chunks_ % kIndexStride == 0) index_.push_back(offset);
    ++chunks_;
  }

  // OK and still not open when the file does not exist and is not to be created.
  absl::Status Open(bool create) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (fd_.valid() || (compressed_ && !create)) return absl::OkStatus();
    if (!Exists(path_) && Exists(CompressedPath())) {
      if (!create) return OpenCompressed();
      RETURN_IF_ERROR(Decompress());
    }
    if (!create && !Exists(path_)) return absl::OkStatus();
    absl::StatusOr<UniqueFd> fd = OpenOnce(create);
    while (absl::IsResourceExhausted(fd.status()) && UseSpareRoom()) fd = OpenOnce(create);
    RETURN_IF_ERROR(fd.status());
    RETURN_IF_ERROR(Scan(fd->get(), nullptr));
    fd_ = *std::move(fd);
    return absl::OkStatus();
  }

  std::string CompressedPath() const { return path_ + ".zst"; }

  absl::Status OpenCompressed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ASSIGN_OR_RETURN(std::unique_ptr<CompressedLog> compressed, CompressedLog::Open(CompressedPath()));
    RETURN_IF_ERROR(Scan(-1, compressed.get()));
    compressed_ = std::move(compressed);
    return absl::OkStatus();
  }

  // Somebody writes to it after all.
  absl::Status Decompress() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    compressed_.reset();
    ASSIGN_OR_RETURN(const std::unique_ptr<CompressedLog> compressed, CompressedLog::Open(CompressedPath()));
    std::string bytes(static_cast<size_t>(compressed->size()), '\0');
    for (size_t at = 0; at < bytes.size();) {
      ASSIGN_OR_RETURN(const size_t got,
                       compressed->ReadAt(static_cast<int64_t>(at), bytes.data() + at, bytes.size() - at));
      at += got;
    }
    RETURN_IF_ERROR(WriteFileAtomic(path_, bytes, 0600));
    return unlink(CompressedPath().c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, CompressedPath());
  }

  absl::StatusOr<UniqueFd> OpenOnce(bool create) const {
    if (create) RETURN_IF_ERROR(MakeFolders(path_.substr(0, path_.rfind('/'))));
    // Consoles may show what only the farm's owner should see.
    return OpenFile(path_, O_RDWR | O_APPEND | (create ? O_CREAT : 0), 0600);
  }

  // Counts the chunks of an earlier life and cuts a torn tail.
  absl::Status Scan(int fd, CompressedLog* compressed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    written_ = 0;
    chunks_ = 0;
    index_.clear();
    truncated_ = false;
    FrameReader reader(fd, compressed, 0, path_);
    while (true) {
      const int64_t offset = reader.offset();
      ASSIGN_OR_RETURN(const std::optional<v1::LogChunk> chunk, reader.Next());
      if (!chunk.has_value()) break;
      NoteChunk(offset);
      truncated_ = chunk->stream() == v1::LogChunk::STREAM_WORKER && chunk->data() == NoticeText();
    }
    written_ = reader.offset();
    if (compressed != nullptr) return absl::OkStatus();
    struct stat status;
    if (fstat(fd, &status) != 0) return ErrnoStatus(errno, "stat " + path_);
    if (status.st_size > written_ && ftruncate(fd, written_) != 0) {
      return ErrnoStatus(errno, "cut the torn end of " + path_);
    }
    return absl::OkStatus();
  }

  absl::Status Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (buffer_.empty()) return absl::OkStatus();
    absl::Status status = WriteAll(fd_.get(), buffer_);
    while (absl::IsResourceExhausted(status) && UseSpareRoom()) {
      if (ftruncate(fd_.get(), written_) != 0) return ErrnoStatus(errno, "cut " + path_);
      status = WriteAll(fd_.get(), buffer_);
    }
    if (!status.ok()) {
      // Part of it may be there; the whole is written again next time.
      if (ftruncate(fd_.get(), written_) != 0) return ErrnoStatus(errno, "cut " + path_);
      return Annotate(status, path_);
    }
    written_ += static_cast<int64_t>(buffer_.size());
    buffer_.clear();
    return absl::OkStatus();
  }

  const std::string path_;
  const LogStoreOptions& options_;
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  UniqueFd fd_ ABSL_GUARDED_BY(mutex_);
  // In place of a file that is open.
  std::unique_ptr<CompressedLog> compressed_ ABSL_GUARDED_BY(mutex_);
  // Bytes in the file, all of them whole chunks.
  int64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string buffer_ ABSL_GUARDED_BY(mutex_);
  int64_t chunks_ ABSL_GUARDED_BY(mutex_) = 0;
  // Offset of every kIndexStride-th chunk.
  std::vector<int64_t> index_ ABSL_GUARDED_BY(mutex_);
  bool truncated_ ABSL_GUARDED_BY(mutex_) = false;
};

LogStore::LogStore(std::string folder, LogStoreOptions options)
    : folder_(std::move(folder)), options_(options) {}

LogStore::~LogStore() {
  MutexLock lock(mutex_);
  while (!logs_.empty()) CloseOldest();
}

std::string LogStore::PathOf(int64_t execution) const {
  return fmt::format("{}/{:02}/{}.log", folder_, execution % 100, execution);
}

std::shared_ptr<LogStore::Log> LogStore::Find(int64_t execution) {
  MutexLock lock(mutex_);
  std::shared_ptr<Log>& log = logs_[execution];
  if (log == nullptr) {
    log = std::make_shared<Log>(PathOf(execution), options_);
  }
  log->last_use = ++uses_;
  std::shared_ptr<Log> found = log;
  if (logs_.size() > std::max<size_t>(options_.max_open_logs, 1)) CloseOldest();
  return found;
}

void LogStore::CloseOldest() {
  const auto oldest = std::min_element(logs_.begin(), logs_.end(), [](const auto& a, const auto& b) {
    return a.second->last_use < b.second->last_use;
  });
  // Closed before it leaves the map, or a new Log on the same file could miss what waited in it.
  const absl::Status status = oldest->second->Close();
  if (!status.ok()) LogError("execution={} its log lost its end: {}", oldest->first, Sv(status.message()));
  logs_.erase(oldest);
}

absl::Status LogStore::Append(int64_t execution, const v1::LogChunk& chunk) {
  if (chunk.data().empty()) return absl::OkStatus();
  while (true) {
    ASSIGN_OR_RETURN(const bool done, Find(execution)->Append(chunk));
    if (done) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<v1::LogChunk>> LogStore::Read(int64_t execution, int64_t from_chunk, int limit) {
  while (true) {
    ASSIGN_OR_RETURN(auto chunks, Find(execution)->Read(from_chunk, limit));
    if (!chunks.has_value()) continue;
    if (chunks->empty() && from_chunk <= 0 && limit > 0 && options_.removed) {
      v1::LogChunk instead = options_.removed(execution);
      if (!instead.data().empty()) chunks->push_back(std::move(instead));
    }
    return *std::move(chunks);
  }
}

absl::StatusOr<int64_t> LogStore::ChunkCount(int64_t execution) {
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> count, Find(execution)->ChunkCount());
    if (!count.has_value()) continue;
    if (*count == 0 && options_.removed && !options_.removed(execution).data().empty()) return 1;
    return *count;
  }
}

int64_t LogStore::Highest(int64_t from, int64_t most_without) const {
  int64_t highest = from - 1;
  for (int64_t execution = from; execution <= highest + most_without; ++execution) {
    const std::string path = PathOf(execution);
    if (Exists(path) || Exists(path + ".zst")) highest = execution;
  }
  return highest;
}

absl::Status LogStore::Discard(int64_t execution) {
  Close(execution).IgnoreError();  // whatever waits is discarded too
  const std::string path = PathOf(execution);
  for (const std::string& file : {path, path + ".zst"}) {
    if (unlink(file.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, file);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LogStore::Compress(int64_t execution) {
  const std::string path = PathOf(execution);
  // Most executions have none, and nothing is to be opened for these.
  if (!Exists(path)) return false;
  const std::shared_ptr<Log> log = Find(execution);
  absl::StatusOr<bool> compressed = log->Compress();
  MutexLock lock(mutex_);
  const auto found = logs_.find(execution);
  if (found != logs_.end() && found->second == log) logs_.erase(found);
  return compressed;
}

absl::Status LogStore::Close(int64_t execution) {
  MutexLock lock(mutex_);
  const auto found = logs_.find(execution);
  if (found == logs_.end()) return absl::OkStatus();
  absl::Status status = found->second->Close();
  logs_.erase(found);
  return status;
}

}  // namespace crossmill::storage
