#include "common/context/context_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <tuple>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/context/directory_nodes.h"
#include "common/context/hash_cache.h"

namespace crossmill::context {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// Entries that one thread takes at a time in a large folder.
constexpr size_t kChunk = 512;
// ctime younger than this is not trusted (see hash_cache.h).
constexpr int64_t kTrustedAgeNanos = 2'000'000'000;
// One entry each.
constexpr size_t kMostNotes = 100;

int64_t Nanos(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

FileIdentity IdentityOf(const struct stat& info) {
  return {info.st_ino, info.st_size, Nanos(info.st_mtim), Nanos(info.st_ctim)};
}

// An entry that is not a folder.
struct Item {
  enum class Kind { kSkipped, kFile, kLink };
  std::string name;
  Kind kind = Kind::kSkipped;
  uint32_t mode = 0;
  FileIdentity identity;
  RawSha256 hash{};
  std::string target;
  // May go into the hash cache.
  bool trusted = false;
};

struct FolderNode {
  FolderNode* parent = nullptr;
  std::string path;
  std::string name;
  // Ignored itself: exists only for the exceptions below.
  bool excluded = false;
  uint32_t mode = 0;
  int64_t mtime_nanos = 0;
  UniqueFd fd;
  std::vector<Item> items;
  std::vector<std::unique_ptr<FolderNode>> folders;
  // Listing, chunks of items and child folders that are not done.
  std::atomic<int> pending{1};
  Digest digest;
  std::string message;
  // Left out: an excluded folder without exceptions in it.
  bool dropped = false;
};

std::string_view TypeName(mode_t mode) {
  if (S_ISSOCK(mode)) return "socket";
  if (S_ISFIFO(mode)) return "named pipe";
  if (S_ISCHR(mode)) return "character device";
  return "block device";
}

// Walks with several threads: each takes a folder to list or a chunk of items to read; whoever
// finishes a folder's last part builds its message, and so on upwards.
class Scanner {
 public:
  Scanner(const ScanOptions& options, const HashCache& cache, Clock& clock)
      : options_(options), cache_(cache), clock_(clock) {}

  absl::Status Walk(FolderNode* root) {
    root_ = UniqueFd(open(options_.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_.valid()) return Problem(errno, "");
    {
      MutexLock lock(mutex_);
      unfinished_ = 1;
    }
    Push({root, 0, 0, true});
    int threads = options_.threads;
    if (threads <= 0) threads = std::clamp<int>(static_cast<int>(std::thread::hardware_concurrency()), 2, 16);
    {
      std::vector<std::jthread> pool;
      for (int i = 0; i < threads; ++i) pool.emplace_back([this] { Work(); });
    }
    {
      MutexLock lock(mutex_);
      RETURN_IF_ERROR(error_);
    }
    NameHardLinks();
    return absl::OkStatus();
  }

  std::vector<std::string> TakeNotes() {
    MutexLock lock(mutex_);
    std::sort(notes_.begin(), notes_.end());
    if (const size_t all = notes_.size(); all > kMostNotes) {
      notes_.resize(kMostNotes);
      notes_.push_back(
          fmt::format("{} more sockets, pipes and devices are left out of the context", all - kMostNotes));
    }
    return std::move(notes_);
  }
  int64_t hashed_files() const { return hashed_files_; }

 private:
  struct Work_ {
    FolderNode* folder = nullptr;
    size_t begin = 0;
    size_t end = 0;
    bool list = false;
  };
  // A file that has more than one name somewhere.
  struct Linked {
    FolderNode* folder = nullptr;
    const Item* item = nullptr;
    dev_t device = 0;
  };

  void Push(Work_ work) {
    MutexLock lock(mutex_);
    // Depth first keeps the queue and the open folders few.
    queue_.push_back(work);
    wake_.NotifyOne();
  }

  void Work() {
    while (std::optional<Work_> work = Take()) {
      const absl::Status status = Stopped()    ? absl::CancelledError("context: reading it was cancelled")
                                  : work->list ? List(work->folder)
                                               : Read(work->folder, work->begin, work->end);
      if (!status.ok()) {
        Fail(status);
        return;
      }
      PartDone(work->folder);
    }
  }

  std::optional<Work_> Take() {
    MutexLock lock(mutex_);
    while (queue_.empty() && error_.ok() && unfinished_ > 0) wake_.Wait(mutex_);
    if (queue_.empty() || !error_.ok()) return std::nullopt;
    const Work_ work = queue_.back();
    queue_.pop_back();
    return work;
  }

  bool Stopped() const { return options_.stop.stop_requested(); }

  void Fail(const absl::Status& status) {
    MutexLock lock(mutex_);
    if (error_.ok()) error_ = status;
    wake_.NotifyAll();
  }

  void Note(std::string text) {
    MutexLock lock(mutex_);
    notes_.push_back(std::move(text));
  }

  absl::Status Problem(int error, const std::string& path) {
    const std::string what = fmt::format("context: {}", Printable(path.empty() ? options_.folder : path));
    if (error == EACCES || error == EPERM) {
      return absl::PermissionDeniedError(fmt::format(
          "{}: cannot be read by this user; change its permissions, or name it in the ignore file", what));
    }
    return ErrnoStatus(error, what);
  }

  absl::Status List(FolderNode* folder);
  absl::Status ListEntry(FolderNode* folder, const dirent& entry);
  absl::Status Read(FolderNode* folder, size_t begin, size_t end);
  absl::Status ReadItem(FolderNode* folder, const HashCache::Folder* known, Item* item);
  absl::Status HashFile(FolderNode* folder, Item* item);
  void PartDone(FolderNode* folder);
  void Build(FolderNode* folder);
  // When all is read: says which files are one, and builds the messages again that this changes.
  void NameHardLinks();

  const ScanOptions& options_;
  UniqueFd root_;
  const HashCache& cache_;
  Clock& clock_;
  std::atomic<int64_t> hashed_files_{0};
  Mutex mutex_;
  CondVar wake_;
  std::deque<Work_> queue_ ABSL_GUARDED_BY(mutex_);
  // 1 until the root's message is built.
  int unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mutex_);
  std::vector<Linked> linked_ ABSL_GUARDED_BY(mutex_);
  // Value of the property; empty until the walk is over.
  std::map<const Item*, std::string> hard_links_;
};

absl::Status Scanner::ListEntry(FolderNode* folder, const dirent& entry) {
  std::string name = entry.d_name;
  if (name == "." || name == "..") return absl::OkStatus();
  const std::string path = JoinPath(folder->path, name);
  const bool excluded = options_.ignore != nullptr && options_.ignore->Excluding(path).has_value();
  unsigned char type = entry.d_type;
  if (type == DT_UNKNOWN) {
    struct stat info;
    if (fstatat(folder->fd.get(), entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? absl::OkStatus() : Problem(errno, path);
    }
    type = S_ISDIR(info.st_mode) ? DT_DIR : DT_REG;
  }
  if (type == DT_DIR) {
    if (excluded && !options_.ignore->MayHaveExceptionBelow(path)) return absl::OkStatus();
    auto node = std::make_unique<FolderNode>();
    node->parent = folder;
    node->path = path;
    node->name = std::move(name);
    node->excluded = excluded;
    folder->folders.push_back(std::move(node));
    return absl::OkStatus();
  }
  if (excluded) return absl::OkStatus();
  Item item;
  item.name = std::move(name);
  folder->items.push_back(std::move(item));
  return absl::OkStatus();
}

absl::Status Scanner::List(FolderNode* folder) {
  // From the context's own folder, so that only the path in it counts for the kernel's limit.
  const char* path = folder->path.empty() ? "." : folder->path.c_str();
  folder->fd = UniqueFd(openat(root_.get(), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!folder->fd.valid()) return Problem(errno, folder->path);
  struct stat info;
  if (fstat(folder->fd.get(), &info) != 0) return Problem(errno, folder->path);
  folder->mode = info.st_mode & 07777;
  folder->mtime_nanos = Nanos(info.st_mtim);

  // The stream takes over the descriptor it gets and closes it.
  DIR* stream = fdopendir(fcntl(folder->fd.get(), F_DUPFD_CLOEXEC, 0));
  if (stream == nullptr) return Problem(errno, folder->path);
  absl::Status status;
  while (status.ok()) {
    errno = 0;
    const dirent* entry = readdir(stream);
    if (entry == nullptr) {
      if (errno != 0) status = Problem(errno, folder->path);
      break;
    }
    status = ListEntry(folder, *entry);
  }
  closedir(stream);
  RETURN_IF_ERROR(status);

  std::sort(folder->items.begin(), folder->items.end(),
            [](const Item& a, const Item& b) { return a.name < b.name; });
  std::sort(folder->folders.begin(), folder->folders.end(),
            [](const auto& a, const auto& b) { return a->name < b->name; });
  folder->pending += static_cast<int>(folder->folders.size());
  for (size_t begin = kChunk; begin < folder->items.size(); begin += kChunk) {
    folder->pending += 1;
    Push({folder, begin, std::min(begin + kChunk, folder->items.size()), false});
  }
  for (auto& child : folder->folders) Push({child.get(), 0, 0, true});
  return Read(folder, 0, std::min(kChunk, folder->items.size()));
}

absl::Status Scanner::Read(FolderNode* folder, size_t begin, size_t end) {
  const HashCache::Folder* known = cache_.Find(folder->path);
  for (size_t i = begin; i < end; ++i) RETURN_IF_ERROR(ReadItem(folder, known, &folder->items[i]));
  return absl::OkStatus();
}

absl::Status Scanner::ReadItem(FolderNode* folder, const HashCache::Folder* known, Item* item) {
  struct stat info;
  if (fstatat(folder->fd.get(), item->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    // It was removed since the folder was listed: as if it had never been there.
    return errno == ENOENT ? absl::OkStatus() : Problem(errno, JoinPath(folder->path, item->name));
  }
  item->mode = info.st_mode & 07777;
  item->identity = IdentityOf(info);
  if (S_ISLNK(info.st_mode)) {
    std::string target(static_cast<size_t>(std::max<off_t>(info.st_size, 1)) + 1, '\0');
    const ssize_t size = readlinkat(folder->fd.get(), item->name.c_str(), target.data(), target.size());
    if (size < 0) return Problem(errno, JoinPath(folder->path, item->name));
    target.resize(static_cast<size_t>(size));
    item->target = std::move(target);
    item->kind = Item::Kind::kLink;
    return absl::OkStatus();
  }
  if (!S_ISREG(info.st_mode)) {
    Note(fmt::format("{} is a {} and is left out of the context",
                     Printable(JoinPath(folder->path, item->name)), TypeName(info.st_mode)));
    return absl::OkStatus();
  }
  item->kind = Item::Kind::kFile;
  if (info.st_nlink > 1) {
    MutexLock lock(mutex_);
    linked_.push_back({folder, item, info.st_dev});
  }
  if (const RawSha256* hash = HashCache::Find(known, item->name, item->identity)) {
    item->hash = *hash;
    item->trusted = true;
    return absl::OkStatus();
  }
  return HashFile(folder, item);
}

absl::Status Scanner::HashFile(FolderNode* folder, Item* item) {
  const std::string path = JoinPath(folder->path, item->name);
  // Kept per thread: a quarter of a megabyte is too much for every small file.
  thread_local std::vector<char> buffer(256 << 10);
  for (int attempt = 0; attempt < 3; ++attempt) {
    // Non-blocking in case a pipe took the file's place.
    UniqueFd fd(openat(folder->fd.get(), item->name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return Problem(errno, path);
    struct stat before;
    struct stat after;
    if (fstat(fd.get(), &before) != 0) return Problem(errno, path);
    Sha256 sha;
    while (true) {
      if (Stopped()) return absl::CancelledError("context: reading it was cancelled");
      auto count = ReadSome(fd.get(), buffer.data(), buffer.size());
      if (!count.ok()) return Annotate(count.status(), fmt::format("context: {}", Printable(path)));
      sha.Update({buffer.data(), *count});
      if (*count < buffer.size()) break;
    }
    const Digest digest = sha.Finish();
    if (fstat(fd.get(), &after) != 0) return Problem(errno, path);
    if (IdentityOf(before) != IdentityOf(after) || digest.size != after.st_size) continue;
    item->mode = after.st_mode & 07777;
    item->identity = IdentityOf(after);
    item->hash = RawOf(digest.hash);
    item->trusted = UnixNanos(clock_.Now()) - item->identity.ctime_nanos >= kTrustedAgeNanos;
    ++hashed_files_;
    return absl::OkStatus();
  }
  return absl::AbortedError(
      fmt::format("context: {}: the file keeps changing while it is read; name it in the ignore file, or "
                  "submit when nothing writes to it",
                  Printable(path)));
}

void Scanner::PartDone(FolderNode* folder) {
  while (folder != nullptr && --folder->pending == 0) {
    Build(folder);
    folder->fd.Reset();
    if (folder->parent == nullptr) {
      MutexLock lock(mutex_);
      unfinished_ = 0;
      wake_.NotifyAll();
    }
    folder = folder->parent;
  }
}

void Scanner::Build(FolderNode* folder) {
  reapi::Directory message;
  for (const Item& item : folder->items) {
    const NodeFacts facts = {item.name, item.mode, item.identity.mtime_nanos, options_.keep_times};
    if (item.kind == Item::Kind::kFile) {
      const auto found = hard_links_.find(&item);
      AddFile(facts, item.hash, item.identity.size, found == hard_links_.end() ? "" : found->second,
              &message);
    } else if (item.kind == Item::Kind::kLink) {
      AddLink(facts, item.target, &message);
    }
  }
  for (const auto& child : folder->folders) {
    if (!child->dropped) AddFolder(child->name, child->digest, &message);
  }
  if (folder->excluded && message.files().empty() && message.symlinks().empty() &&
      message.directories().empty()) {
    folder->dropped = true;
    return;
  }
  SetFolder({folder->name, folder->mode, folder->mtime_nanos, options_.keep_times}, &message);
  folder->message = message.SerializeAsString();
  folder->digest = DigestOf(folder->message);
}

int Depth(const FolderNode* folder) {
  int depth = 0;
  while ((folder = folder->parent) != nullptr) ++depth;
  return depth;
}

void Scanner::NameHardLinks() {
  // Content and mode count too: who changes files while they are read may have changed one between two
  // names.
  std::map<std::tuple<dev_t, uint64_t, RawSha256, uint32_t>, std::vector<Linked>> groups;
  {
    MutexLock lock(mutex_);
    for (const Linked& linked : linked_) {
      const Item& item = *linked.item;
      groups[{linked.device, item.identity.inode, item.hash, item.mode}].push_back(linked);
    }
  }
  // The deepest first.
  std::set<std::pair<int, FolderNode*>, std::greater<>> changed;
  for (const auto& [file, members] : groups) {
    if (members.size() < 2) continue;
    std::vector<std::string> paths;
    for (const Linked& member : members) paths.push_back(JoinPath(member.folder->path, member.item->name));
    const std::string value = EscapedPath(*std::min_element(paths.begin(), paths.end()));
    for (const Linked& member : members) {
      hard_links_[member.item] = value;
      for (FolderNode* folder = member.folder; folder != nullptr; folder = folder->parent) {
        if (!changed.emplace(Depth(folder), folder).second) break;
      }
    }
  }
  for (const auto& [depth, folder] : changed) Build(folder);
}

// Moves a finished tree into the result, and what may be remembered into the cache.
void Collect(FolderNode* folder, ScannedContext* result, HashCacheWriter* cache, size_t* cached) {
  HashCache::Folder entries;
  for (const Item& item : folder->items) {
    if (item.kind != Item::Kind::kFile) continue;
    result->files.push_back(
        {Digest{HexOf(item.hash), item.identity.size}, JoinPath(folder->path, item.name)});
    result->bytes += item.identity.size;
    if (item.trusted) entries.push_back({item.name, item.identity, item.hash});
  }
  cache->AddFolder(folder->path, entries);
  *cached += entries.size();
  for (const auto& child : folder->folders) Collect(child.get(), result, cache, cached);
  if (!folder->dropped) result->folders.emplace_back(folder->digest, std::move(folder->message));
}

}  // namespace

absl::StatusOr<ScannedContext> ScanContext(const ScanOptions& options, Clock& clock) {
  struct stat info;
  if (stat(options.folder.c_str(), &info) != 0) {
    return ErrnoStatus(errno, fmt::format("context folder {}", options.folder));
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(fmt::format("context {} is not a folder", options.folder));
  }
  const HashCache cache = options.cache_path.empty() ? HashCache() : HashCache::Load(options.cache_path);
  FolderNode root;
  Scanner scanner(options, cache, clock);
  RETURN_IF_ERROR(scanner.Walk(&root));

  ScannedContext result;
  HashCacheWriter writer;
  size_t cached = 0;
  Collect(&root, &result, &writer, &cached);
  result.root = root.digest;
  result.hashed_files = scanner.hashed_files();
  result.notes = scanner.TakeNotes();
  // Unchanged when nothing was read and nothing has gone.
  const bool changed = result.hashed_files > 0 || cached != cache.entry_count();
  if (!options.cache_path.empty() && changed) {
    const absl::Status written = writer.Write(options.cache_path);
    if (!written.ok()) {
      result.notes.push_back(fmt::format("the hash cache cannot be written: {}", Sv(written.message())));
    }
  }
  return result;
}

}  // namespace crossmill::context
