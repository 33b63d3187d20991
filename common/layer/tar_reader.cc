#include "common/layer/tar_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "common/base/status.h"
#include "common/layer/ustar.h"

namespace crossmill::layer {
namespace {

using ustar::kBlock;

constexpr size_t kReadBuffer = 256 << 10;
constexpr int64_t kMaxPax = 4 << 20;
constexpr int64_t kMaxGnuName = 64 << 10;
// Global records live as long as the reader.
constexpr size_t kMaxGlobalRecords = 1000;
constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";

bool AllZero(const char* block) { return block[0] == '\0' && std::memcmp(block, block + 1, kBlock - 1) == 0; }

// A whole decimal integer.
std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// pax times are decimal with an optional fraction; the result is rounded down, as the kernel does.
std::optional<int64_t> ParsePaxTime(std::string_view text) {
  const size_t dot = text.find('.');
  std::string_view fraction = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  const bool digits =
      std::all_of(fraction.begin(), fraction.end(), [](char c) { return c >= '0' && c <= '9'; });
  auto seconds = ParseInteger(text.substr(0, dot));
  if (!seconds.has_value() || !digits) return std::nullopt;
  const bool some = fraction.find_first_not_of('0') != std::string_view::npos;
  if (text.front() == '-' && some) {
    if (*seconds == std::numeric_limits<int64_t>::min()) return std::nullopt;
    --*seconds;
  }
  return seconds;
}

// The path in the form of TarEntry::path; empty for the root. nullopt if it has a ".." component that is not
// forgiven.
std::optional<std::string> Normalised(std::string_view path, TarNames names) {
  std::string result;
  result.reserve(path.size());
  size_t begin = 0;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    begin = end + 1;
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (names != TarNames::kForgiving) return std::nullopt;
      const size_t last = result.rfind('/');
      result.resize(last == std::string::npos ? 0 : last);
      continue;
    }
    if (!result.empty()) result.push_back('/');
    result.append(component);
  }
  return result;
}

std::optional<EntryType> TypeOf(char flag) {
  switch (flag) {
    case '\0':
    case '0':
    case '7':  // Contiguous file: nobody makes a difference.
      return EntryType::kFile;
    case '1':
      return EntryType::kHardLink;
    case '2':
      return EntryType::kSymlink;
    case '3':
      return EntryType::kCharDevice;
    case '4':
      return EntryType::kBlockDevice;
    case '5':
      return EntryType::kDirectory;
    case '6':
      return EntryType::kFifo;
    default:
      return std::nullopt;
  }
}

}  // namespace

Source SourceOf(std::string_view bytes) {
  return [bytes](char* buffer, size_t size) mutable -> absl::StatusOr<size_t> {
    const size_t count = bytes.copy(buffer, size);
    bytes.remove_prefix(count);
    return count;
  };
}

TarReader::TarReader(Source source, TarNames names)
    : source_(std::move(source)), names_(names), buffer_(kReadBuffer, '\0') {}

absl::Status TarReader::Error(std::string_view what) const {
  return absl::InvalidArgumentError(fmt::format("tar: {} (entry at offset {})", what, header_offset_));
}

absl::Status TarReader::Fill() {
  begin_ = end_ = 0;
  if (source_ended_) return absl::OkStatus();
  ASSIGN_OR_RETURN(end_, source_(buffer_.data(), buffer_.size()));
  source_ended_ = end_ == 0;
  return absl::OkStatus();
}

absl::StatusOr<size_t> TarReader::Take(char* buffer, size_t size) {
  size_t count = 0;
  if (begin_ == end_ && size >= kReadBuffer && !source_ended_) {
    // Large reads go straight to the caller.
    ASSIGN_OR_RETURN(count, source_(buffer, size));
    source_ended_ = count == 0;
  } else {
    if (begin_ == end_) RETURN_IF_ERROR(Fill());
    count = std::min(size, end_ - begin_);
    std::memcpy(buffer, buffer_.data() + begin_, count);
    begin_ += count;
  }
  offset_ += static_cast<int64_t>(count);
  return count;
}

absl::Status TarReader::TakeAll(char* buffer, size_t size) {
  while (size > 0) {
    ASSIGN_OR_RETURN(const size_t count, Take(buffer, size));
    if (count == 0) return Error(fmt::format("ends early, at offset {}", offset_));
    buffer += count;
    size -= count;
  }
  return absl::OkStatus();
}

absl::Status TarReader::Skip(int64_t size) {
  while (size > 0) {
    if (begin_ == end_) RETURN_IF_ERROR(Fill());
    if (begin_ == end_) return Error(fmt::format("ends early, at offset {}", offset_));
    const auto count = std::min<int64_t>(size, static_cast<int64_t>(end_ - begin_));
    begin_ += static_cast<size_t>(count);
    offset_ += count;
    size -= count;
  }
  return absl::OkStatus();
}

// False at the end of the stream. Many programs leave out one or both of the final zero blocks.
absl::StatusOr<bool> TarReader::ReadBlock(char* block) {
  header_offset_ = offset_;
  ASSIGN_OR_RETURN(const size_t count, Take(block, kBlock));
  if (count == 0) return false;
  RETURN_IF_ERROR(TakeAll(block + count, kBlock - count));
  return true;
}

// After a zero block: another one or the end of the stream. What follows is padding.
absl::Status TarReader::ReadEnd() {
  done_ = true;
  char block[kBlock];
  ASSIGN_OR_RETURN(const bool more, ReadBlock(block));
  if (more && !AllZero(block)) return Error("a zero block is followed by more");
  while (true) {
    RETURN_IF_ERROR(Fill());
    if (end_ == 0) return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<TarEntry>> TarReader::Next() {
  if (done_) return std::nullopt;
  RETURN_IF_ERROR(Skip(std::exchange(data_left_, 0)));
  RETURN_IF_ERROR(Skip(std::exchange(padding_, 0)));
  Pending pending;
  char block[kBlock];
  while (true) {
    ASSIGN_OR_RETURN(const bool more, ReadBlock(block));
    const bool zeros = more && AllZero(block);
    if (!more || zeros) {
      if (pending.any) return Error("an extended header is followed by no entry");
      done_ = true;
      if (zeros) RETURN_IF_ERROR(ReadEnd());
      return std::nullopt;
    }
    ASSIGN_OR_RETURN(const int64_t stated,
                     Number(block, ustar::kChecksum.position, ustar::kChecksum.length, "checksum"));
    const ustar::Checksum sum = ustar::ChecksumOf(block);
    if (stated != sum.as_unsigned && stated != sum.as_signed) return Error("header checksum is wrong");
    const char type = block[ustar::kType];
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
      const bool pax = type == 'x' || type == 'g';
      ASSIGN_OR_RETURN(const int64_t size, Number(block, ustar::kSize.position, ustar::kSize.length, "size"));
      ASSIGN_OR_RETURN(std::string text, ReadExtension(size, pax ? kMaxPax : kMaxGnuName));
      if (pax) {
        RETURN_IF_ERROR(ParsePax(text, type == 'x' ? &pending.pax : &global_));
        if (global_.size() > kMaxGlobalRecords) return Error("too many global records");
      } else {
        text.resize(strnlen(text.data(), text.size()));
        (type == 'L' ? pending.gnu_path : pending.gnu_link) = std::move(text);
      }
      pending.any |= type != 'g';
      continue;
    }
    ASSIGN_OR_RETURN(std::optional<TarEntry> entry, MakeEntry(block, pending));
    if (entry.has_value()) return entry;
    // An entry for the root: left out.
    RETURN_IF_ERROR(Skip(std::exchange(data_left_, 0)));
    RETURN_IF_ERROR(Skip(std::exchange(padding_, 0)));
    pending = Pending();
  }
}

absl::StatusOr<size_t> TarReader::ReadData(char* buffer, size_t size) {
  size = static_cast<size_t>(std::min<int64_t>(data_left_, static_cast<int64_t>(size)));
  if (size == 0) return size_t{0};
  ASSIGN_OR_RETURN(const size_t count, Take(buffer, size));
  if (count == 0) return Error(fmt::format("ends early, at offset {}", offset_));
  data_left_ -= static_cast<int64_t>(count);
  return count;
}

absl::StatusOr<std::string> TarReader::ReadExtension(int64_t size, int64_t limit) {
  if (size < 0 || size > limit) return Error(fmt::format("extended header of {} bytes", size));
  std::string text(static_cast<size_t>(size), '\0');
  RETURN_IF_ERROR(TakeAll(text.data(), text.size()));
  const auto over = static_cast<int64_t>(text.size() % kBlock);
  if (over != 0) RETURN_IF_ERROR(Skip(static_cast<int64_t>(kBlock) - over));
  return text;
}

absl::Status TarReader::ParsePax(std::string_view text, Records* records) const {
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const auto length = ParseInteger(text.substr(0, space));
    if (space == std::string_view::npos || !length.has_value() ||
        *length <= static_cast<int64_t>(space) + 1 || *length > static_cast<int64_t>(text.size())) {
      return Error("pax record has a wrong length");
    }
    std::string_view record = text.substr(space + 1, static_cast<size_t>(*length) - space - 1);
    text.remove_prefix(static_cast<size_t>(*length));
    const size_t equals = record.find('=');
    if (record.back() != '\n' || equals == std::string_view::npos || equals == 0) {
      return Error("pax record is not KEY=VALUE");
    }
    const std::string_view key = record.substr(0, equals);
    if (key.find('\0') != std::string_view::npos || key == kXattrPrefix)
      return Error("pax record has a bad key");
    if (key.starts_with("GNU.sparse.")) return Error("sparse files are not supported");
    (*records)[std::string(key)] = record.substr(equals + 1, record.size() - equals - 2);
  }
  return absl::OkStatus();
}

// An empty value takes a record (also a global one) back.
std::optional<std::string> TarReader::Record(const Pending& pending, const std::string& key) const {
  auto it = pending.pax.find(key);
  if (it == pending.pax.end()) {
    it = global_.find(key);
    if (it == global_.end()) return std::nullopt;
  }
  if (it->second.empty()) return std::nullopt;
  return it->second;
}

absl::StatusOr<int64_t> TarReader::Number(const char* block, size_t position, size_t length,
                                          std::string_view what) const {
  const auto value = ustar::GetNumber(block, {position, length});
  if (!value.has_value()) return Error(fmt::format("{} is not a number", what));
  return *value;
}

absl::Status TarReader::ApplyNumbers(const char* block, const Pending& pending, TarEntry* entry,
                                     int64_t* size) const {
  const auto get = [&](ustar::Field field, const char* key, int64_t least,
                       int64_t most) -> absl::StatusOr<int64_t> {
    std::optional<int64_t> value;
    if (const auto record = Record(pending, key); record.has_value()) {
      value = std::string_view(key) == "mtime" ? ParsePaxTime(*record) : ParseInteger(*record);
    } else {
      value = ustar::GetNumber(block, field);
    }
    if (!value.has_value()) return Error(fmt::format("{} is not a number", key));
    if (*value < least || *value > most) return Error(fmt::format("{} {} is out of range", key, *value));
    return *value;
  };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  // The largest 32-bit id means "no owner".
  constexpr int64_t kMostId = int64_t{std::numeric_limits<uint32_t>::max()} - 1;
  ASSIGN_OR_RETURN(const int64_t uid, get(ustar::kUid, "uid", 0, kMostId));
  ASSIGN_OR_RETURN(const int64_t gid, get(ustar::kGid, "gid", 0, kMostId));
  ASSIGN_OR_RETURN(entry->mtime, get(ustar::kMtime, "mtime", std::numeric_limits<int64_t>::min(), kMost));
  ASSIGN_OR_RETURN(*size, get(ustar::kSize, "size", 0, kMost - static_cast<int64_t>(kBlock)));
  ASSIGN_OR_RETURN(const int64_t mode, Number(block, ustar::kMode.position, ustar::kMode.length, "mode"));
  entry->uid = static_cast<uint32_t>(uid);
  entry->gid = static_cast<uint32_t>(gid);
  // Some programs put the file type above the permission bits.
  entry->mode = static_cast<uint32_t>(mode & 07777);
  if (entry->type == EntryType::kCharDevice || entry->type == EntryType::kBlockDevice) {
    ASSIGN_OR_RETURN(const int64_t major, get(ustar::kDevMajor, "SCHILY.devmajor", 0, kMostId));
    ASSIGN_OR_RETURN(const int64_t minor, get(ustar::kDevMinor, "SCHILY.devminor", 0, kMostId));
    entry->dev_major = static_cast<uint32_t>(major);
    entry->dev_minor = static_cast<uint32_t>(minor);
  }
  return absl::OkStatus();
}

absl::Status TarReader::ApplyNames(const char* block, const Pending& pending, TarEntry* entry,
                                   bool* directory) const {
  std::string path(ustar::GetText(block, ustar::kName));
  const std::string_view magic(block + ustar::kMagic.position, ustar::kMagic.length);
  // GNU's magic differs in the byte after "ustar", and it has other fields where the prefix would be.
  if (magic.starts_with(std::string_view("ustar\0", 6))) {
    const bool star =
        std::string_view(block + ustar::kStarMagic.position, ustar::kStarMagic.length) == ustar::kMagicStar;
    const size_t length = star ? ustar::kStarPrefixLength : ustar::kPrefix.length;
    const std::string_view prefix = ustar::GetText(block, {ustar::kPrefix.position, length});
    if (!prefix.empty()) path = fmt::format("{}/{}", prefix, path);
  }
  std::string link(ustar::GetText(block, ustar::kLink));
  if (pending.gnu_path.has_value()) path = *pending.gnu_path;
  if (pending.gnu_link.has_value()) link = *pending.gnu_link;
  if (auto record = Record(pending, "path"); record.has_value()) path = *std::move(record);
  if (auto record = Record(pending, "linkpath"); record.has_value()) link = *std::move(record);
  if (path.find('\0') != std::string::npos || link.find('\0') != std::string::npos) {
    return Error("a name contains a NUL byte");
  }
  if (path.empty() && names_ != TarNames::kForgiving) return Error("an entry has no name");
  if (names_ == TarNames::kRelative) {
    if (path.starts_with('/')) return Error(fmt::format("path '{}' is absolute", Printable(path)));
    if (entry->type == EntryType::kHardLink && link.starts_with('/')) {
      return Error(
          fmt::format("'{}' is a hard link to '{}', which is absolute", Printable(path), Printable(link)));
    }
  }
  *directory = path.ends_with('/');
  auto normal = Normalised(path, names_);
  if (!normal.has_value()) return Error(fmt::format("path '{}' has a '..' component", Printable(path)));
  entry->path = *std::move(normal);
  if (entry->type == EntryType::kHardLink) {
    auto target = Normalised(link, names_);
    if (!target.has_value() || target->empty()) {
      return Error(fmt::format("'{}' is a hard link to '{}'", Printable(path), Printable(link)));
    }
    entry->link = *std::move(target);
  } else if (entry->type == EntryType::kSymlink) {
    if (link.empty()) return Error(fmt::format("symlink '{}' has no target", Printable(path)));
    entry->link = std::move(link);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TarEntry>> TarReader::MakeEntry(const char* block, const Pending& pending) {
  const char flag = block[ustar::kType];
  const auto type = TypeOf(flag);
  if (!type.has_value()) {
    return Error(
        fmt::format("entries of type '{}' are not supported", Printable(std::string_view(&flag, 1))));
  }
  TarEntry entry;
  entry.type = *type;
  bool named_as_directory = false;
  int64_t size = 0;
  RETURN_IF_ERROR(ApplyNames(block, pending, &entry, &named_as_directory));
  RETURN_IF_ERROR(ApplyNumbers(block, pending, &entry, &size));
  // v7 had no type for directories.
  if (entry.type == EntryType::kFile && named_as_directory) entry.type = EntryType::kDirectory;
  for (const Records* records : {&std::as_const(global_), &pending.pax}) {
    for (auto it = records->lower_bound(std::string(kXattrPrefix));
         it != records->end() && it->first.starts_with(kXattrPrefix); ++it) {
      entry.xattrs[it->first.substr(kXattrPrefix.size())] = it->second;
    }
  }
  // Only files have content; a size in other headers means nothing (old programs give a hard link its
  // file's size).
  if (entry.type == EntryType::kFile) {
    entry.size = data_left_ = size;
    const int64_t over = size % static_cast<int64_t>(kBlock);
    padding_ = over == 0 ? 0 : static_cast<int64_t>(kBlock) - over;
  }
  if (entry.path.empty()) {
    if (entry.type != EntryType::kDirectory && names_ != TarNames::kForgiving) {
      return Error("the root is not a directory");
    }
    if (entry.type == EntryType::kDirectory) root_ = std::move(entry);
    return std::nullopt;
  }
  return entry;
}

}  // namespace crossmill::layer
