#include "common/fetch/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/files.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/layer/archive_stream.h"

namespace crossmill::fetch {
namespace {

constexpr size_t kChunk = 1 << 18;
// More than the headers of a file take that has a long name, and its padding.
constexpr int64_t kHeaderBytes = 8 << 10;
// One entry each; how many more there are is said in one.
constexpr int64_t kMostNotes = 100;
// Of a path that is too long, in its error.
constexpr size_t kShownPath = 100;

// A tar's header block holds the sum of its own bytes.
bool IsTarHeader(std::string_view block) {
  if (block.size() < 512) return false;
  constexpr size_t kSum = 148;
  constexpr size_t kSumSize = 8;
  int64_t sum = 0;
  for (size_t i = 0; i < 512; ++i) {
    sum += i >= kSum && i < kSum + kSumSize ? ' ' : static_cast<unsigned char>(block[i]);
  }
  int64_t said = 0;
  bool any = false;
  for (const char c : block.substr(kSum, kSumSize)) {
    if (c >= '0' && c <= '7') {
      said = said * 8 + (c - '0');
      any = true;
    } else if (any || (c != ' ' && c != '\0')) {
      break;
    }
  }
  return any && said == sum;
}

// Writes entries below one folder. Every path is walked from the folder's descriptor, link by link refused.
class Extractor {
 public:
  Extractor(layer::Source source, const std::string& folder, const ExtractOptions& options)
      : source_(Limited(layer::AnyDecompressed(std::move(source)))),
        reader_(source_, options.refuse_foreign ? layer::TarNames::kRelative : layer::TarNames::kStrict),
        folder_(folder),
        options_(options) {}

  absl::Status Run() {
    const absl::Status extracted = ExtractAll();
    return over_limit_ ? extracted : NoLimit(extracted);
  }

 private:
  absl::Status ExtractAll() {
    ASSIGN_OR_RETURN(root_, OpenFile(folder_, O_RDONLY | O_DIRECTORY));
    while (true) {
      if (options_.stop.stop_requested()) return absl::CancelledError("extracting an archive: cancelled");
      ASSIGN_OR_RETURN(const std::optional<layer::TarEntry> entry, reader_.Next());
      if (!entry) break;
      RETURN_IF_ERROR(Extract(*entry));
    }
    RETURN_IF_ERROR(ReadToEnd());
    if (notes_ > kMostNotes && options_.notes != nullptr) {
      options_.notes->push_back(
          fmt::format("{} more devices and pipes are left out of the context", notes_ - kMostNotes));
    }
    RETURN_IF_ERROR(FinishFolders());
    return FinishRoot();
  }

  // What compressed the archive says only at its end whether it came whole and, but for gzip, unchanged.
  absl::Status ReadToEnd() {
    buffer_.resize(kChunk);
    while (!options_.stop.stop_requested()) {
      ASSIGN_OR_RETURN(const size_t count, source_(buffer_.data(), buffer_.size()));
      if (count == 0) return absl::OkStatus();
    }
    return absl::CancelledError("extracting an archive: cancelled");
  }

  absl::Status OverLimit(const std::string& what) {
    over_limit_ = true;
    return absl::ResourceExhaustedError(what);
  }

  // The same stream, until it is longer than it may be with all its headers: few bytes can unpack to many
  // that are no file's.
  layer::Source Limited(layer::Source source) {
    return [this, source = std::move(source)](char* buffer, size_t size) -> absl::StatusOr<size_t> {
      ASSIGN_OR_RETURN(const size_t count, source(buffer, size));
      stream_bytes_ += static_cast<int64_t>(count);
      const bool limited = options_.most_bytes > 0 && options_.most_files > 0;
      if (limited && stream_bytes_ > options_.most_bytes + kHeaderBytes * options_.most_files) {
        return OverLimit(fmt::format("the archive is longer than {} bytes and {} files can be",
                                     options_.most_bytes, options_.most_files));
      }
      return count;
    };
  }

  absl::Status CountBytes(const layer::TarEntry& entry) {
    if (options_.most_bytes == 0 || entry.type != layer::EntryType::kFile) return absl::OkStatus();
    if (entry.size <= options_.most_bytes - file_bytes_) {
      file_bytes_ += entry.size;
      return absl::OkStatus();
    }
    return OverLimit(fmt::format("the archive's files are larger than {} bytes, with {} of {}",
                                 options_.most_bytes, layer::Printable(entry.path), entry.size));
  }

  absl::Status CountFile() {
    ++files_;
    if (options_.most_files == 0 || files_ <= options_.most_files) return absl::OkStatus();
    return OverLimit(fmt::format("the archive has more than {} files and folders, with {}",
                                 options_.most_files, layer::Printable(at_)));
  }

  absl::Status Problem(const std::string& path, int error) const {
    return ErrnoStatus(error, fmt::format("extracting {}", layer::Printable(path)));
  }

  // The folder that `path` is in, made if it is missing, and the base name.
  absl::StatusOr<UniqueFd> OpenParent(const std::string& path, std::string* name) {
    UniqueFd at(fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
    if (!at.valid()) return Problem(path, errno);
    std::string_view rest = path;
    while (true) {
      const size_t slash = rest.find('/');
      if (slash == std::string_view::npos) {
        *name = rest;
        return at;
      }
      const std::string part(rest.substr(0, slash));
      rest.remove_prefix(slash + 1);
      if (mkdirat(at.get(), part.c_str(), 0755) == 0) {
        RETURN_IF_ERROR(CountFile());
        // Whatever the umask says.
        fchmodat(at.get(), part.c_str(), 0755, 0);
      } else if (errno != EEXIST) {
        return Problem(path, errno);
      }
      UniqueFd next(openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!next.valid()) {
        if (errno == ELOOP || errno == ENOTDIR) {
          return absl::InvalidArgumentError(
              fmt::format("the archive's entry {} is below {}, which is not a folder", layer::Printable(path),
                          layer::Printable(part)));
        }
        return Problem(path, errno);
      }
      at = std::move(next);
    }
  }

  static absl::Status CheckLength(const layer::TarEntry& entry, std::string_view path,
                                  std::string_view what) {
    if (path.size() <= kLongestPath) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("the archive's entry {}...: {} is {} bytes long, and no more than {} are possible",
                    layer::Printable(entry.path.substr(0, kShownPath)), what, path.size(), kLongestPath));
  }

  void NoteLeftOut(const layer::TarEntry& entry) {
    if (options_.notes == nullptr || ++notes_ > kMostNotes) return;
    options_.notes->push_back(fmt::format("{} is a {} and is left out of the context",
                                          layer::Printable(entry.path), layer::EntryTypeName(entry.type)));
  }

  absl::Status Extract(const layer::TarEntry& entry) {
    using layer::EntryType;
    RETURN_IF_ERROR(CheckLength(entry, entry.path, "its path"));
    RETURN_IF_ERROR(CheckLength(entry, entry.link, "the path that it links to"));
    at_ = entry.path;
    // What is left out counts, too: few bytes can unpack to many of them.
    RETURN_IF_ERROR(CountFile());
    if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice ||
        entry.type == EntryType::kFifo) {
      if (options_.refuse_foreign && entry.type != EntryType::kFifo) {
        return layer::RefuseEntry(entry, "a context holds files, folders and links; leave it out");
      }
      NoteLeftOut(entry);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(CountBytes(entry));
    std::string name;
    ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(entry.path, &name));
    if (entry.type == EntryType::kDirectory) return MakeFolder(entry, parent.get(), name);
    // A later entry of the same name takes the place of an earlier one.
    if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT) return Problem(entry.path, errno);
    switch (entry.type) {
      case EntryType::kSymlink:
        if (symlinkat(entry.link.c_str(), parent.get(), name.c_str()) != 0) return Problem(entry.path, errno);
        SetTime(parent.get(), name, entry.mtime);
        return absl::OkStatus();
      case EntryType::kHardLink:
        return Link(entry, parent.get(), name);
      default:
        return WriteFile(entry, parent.get(), name);
    }
  }

  absl::Status MakeFolder(const layer::TarEntry& entry, int parent, const std::string& name) {
    if (mkdirat(parent, name.c_str(), 0755) != 0) {
      if (errno != EEXIST) return Problem(entry.path, errno);
      struct stat info;
      if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Problem(entry.path, errno);
      if (!S_ISDIR(info.st_mode)) {
        if (unlinkat(parent, name.c_str(), 0) != 0 || mkdirat(parent, name.c_str(), 0755) != 0) {
          return Problem(entry.path, errno);
        }
      }
    }
    // Mode and time at the end: what is in it still has to be written.
    folders_[entry.path] = {entry.mode, entry.mtime};
    return absl::OkStatus();
  }

  absl::Status Link(const layer::TarEntry& entry, int parent, const std::string& name) {
    std::string target_name;
    ASSIGN_OR_RETURN(const UniqueFd target, OpenParent(entry.link, &target_name));
    // Without AT_SYMLINK_FOLLOW: a link itself may be linked, never what it points to.
    if (linkat(target.get(), target_name.c_str(), parent, name.c_str(), 0) == 0) return absl::OkStatus();
    if (errno == ENOENT) {
      return absl::InvalidArgumentError(
          fmt::format("the archive's entry {} is a link to {}, which is not before it",
                      layer::Printable(entry.path), layer::Printable(entry.link)));
    }
    return Problem(entry.path, errno);
  }

  absl::Status WriteFile(const layer::TarEntry& entry, int parent, const std::string& name) {
    const UniqueFd file(
        openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return Problem(entry.path, errno);
    buffer_.resize(kChunk);
    while (true) {
      if (options_.stop.stop_requested()) return absl::CancelledError("extracting an archive: cancelled");
      ASSIGN_OR_RETURN(const size_t count, reader_.ReadData(buffer_.data(), buffer_.size()));
      if (count == 0) break;
      RETURN_IF_ERROR(WriteAll(file.get(), {buffer_.data(), count}));
    }
    if (fchmod(file.get(), entry.mode & 07777) != 0) return Problem(entry.path, errno);
    const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
    if (futimens(file.get(), times) != 0) return Problem(entry.path, errno);
    return absl::OkStatus();
  }

  static void SetTime(int parent, const std::string& name, int64_t mtime) {
    const timespec times[2] = {{mtime, 0}, {mtime, 0}};
    // File systems without times of links lose nothing that counts.
    utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }

  // Deepest first, so that a folder that cannot be entered closes last.
  absl::Status FinishFolders() {
    for (auto it = folders_.rbegin(); it != folders_.rend(); ++it) {
      if (options_.stop.stop_requested()) return absl::CancelledError("extracting an archive: cancelled");
      std::string name;
      ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(it->first, &name));
      const UniqueFd folder(
          openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      // A later entry has taken its place.
      if (!folder.valid()) continue;
      if (fchmod(folder.get(), it->second.first & 07777) != 0) return Problem(it->first, errno);
      const timespec times[2] = {{it->second.second, 0}, {it->second.second, 0}};
      futimens(folder.get(), times);
    }
    return absl::OkStatus();
  }

  absl::Status FinishRoot() {
    if (!options_.keep_root || !reader_.root()) return absl::OkStatus();
    const timespec times[2] = {{reader_.root()->mtime, 0}, {reader_.root()->mtime, 0}};
    if (fchmod(root_.get(), reader_.root()->mode & 07777) != 0) return Problem(".", errno);
    futimens(root_.get(), times);
    return absl::OkStatus();
  }

  layer::Source source_;
  layer::TarReader reader_;
  const std::string folder_;
  const ExtractOptions& options_;
  UniqueFd root_;
  // Path -> mode, mtime; parents come before what is in them.
  std::map<std::string, std::pair<uint32_t, int64_t>, layer::PathLess> folders_;
  std::string buffer_;
  // The entry that is being read.
  std::string at_;
  int64_t stream_bytes_ = 0;
  bool over_limit_ = false;
  int64_t file_bytes_ = 0;
  int64_t files_ = 0;
  int64_t notes_ = 0;
};

}  // namespace

bool IsArchive(std::string_view beginning) {
  using namespace std::string_view_literals;
  for (const std::string_view magic : {"\x1f\x8b\x08"sv, "BZh"sv,
                                       "\xfd"
                                       "7zXZ\0"sv,
                                       "\x28\xb5\x2f\xfd"sv}) {
    if (beginning.starts_with(magic)) return true;
  }
  return IsTarHeader(beginning);
}

absl::Status ExtractArchive(layer::Source archive, const std::string& folder, const ExtractOptions& options) {
  return Extractor(std::move(archive), folder, options).Run();
}

}  // namespace crossmill::fetch
