#include "common/layer/tar_entry.h"

#include <algorithm>
#include <limits>

#include "common/base/status.h"

namespace crossmill::layer {

absl::Status RefuseEntry(const TarEntry& entry, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("{} '{}': {}", EntryTypeName(entry.type), Printable(entry.path), why));
}

namespace {

absl::Status CheckLink(const TarEntry& entry) {
  switch (entry.type) {
    case EntryType::kSymlink:
      if (entry.link.empty()) return RefuseEntry(entry, "has no target");
      if (entry.link.find('\0') != std::string::npos)
        return RefuseEntry(entry, "its target contains a NUL byte");
      if (entry.mode != 0777) return RefuseEntry(entry, "has not mode 0777");
      return absl::OkStatus();
    case EntryType::kHardLink: {
      const absl::Status form = CheckPath(entry.link);
      if (!form.ok()) return RefuseEntry(entry, fmt::format("target: {}", Sv(form.message())));
      if (ComparePaths(entry.link, entry.path) >= 0) {
        return RefuseEntry(entry,
                           fmt::format("its target '{}' does not come before it", Printable(entry.link)));
      }
      if (!entry.xattrs.empty()) return RefuseEntry(entry, "has xattrs of its own");
      return absl::OkStatus();
    }
    default:
      return entry.link.empty() ? absl::OkStatus() : RefuseEntry(entry, "has a link target");
  }
}

}  // namespace

absl::Status CheckEntry(const TarEntry& entry) {
  RETURN_IF_ERROR(CheckPath(entry.path));
  RETURN_IF_ERROR(CheckLink(entry));
  if (entry.mode > 07777) return RefuseEntry(entry, fmt::format("mode {:o} is over 7777", entry.mode));
  constexpr uint32_t kNoOwner = std::numeric_limits<uint32_t>::max();
  if (entry.uid == kNoOwner || entry.gid == kNoOwner) return RefuseEntry(entry, "has no valid owner");
  if (entry.mtime < 0) return RefuseEntry(entry, "has an mtime before 1970 (see ClampTime)");
  if (entry.size < 0 || (entry.type != EntryType::kFile && entry.size != 0)) {
    return RefuseEntry(entry, fmt::format("has size {}", entry.size));
  }
  const bool device = entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice;
  // What a ustar header holds; Linux has at most 12 and 20 bits.
  const uint32_t largest = device ? (uint32_t{1} << 21) - 1 : 0;
  if (entry.dev_major > largest || entry.dev_minor > largest) {
    return RefuseEntry(entry, fmt::format("has device number {}:{}", entry.dev_major, entry.dev_minor));
  }
  for (const auto& [name, value] : entry.xattrs) {
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos) {
      return RefuseEntry(entry, fmt::format("a tar cannot hold the xattr name '{}'", Printable(name)));
    }
  }
  return absl::OkStatus();
}

std::string_view EntryTypeName(EntryType type) {
  switch (type) {
    case EntryType::kFile:
      return "file";
    case EntryType::kDirectory:
      return "directory";
    case EntryType::kSymlink:
      return "symlink";
    case EntryType::kHardLink:
      return "hard link";
    case EntryType::kCharDevice:
      return "character device";
    case EntryType::kBlockDevice:
      return "block device";
    case EntryType::kFifo:
      return "fifo";
  }
  return "unknown";
}

int ComparePaths(std::string_view first, std::string_view second) {
  const size_t shared = std::min(first.size(), second.size());
  const auto [a, b] = std::mismatch(first.begin(), first.begin() + shared, second.begin());
  if (a == first.begin() + shared) {
    return first.size() == second.size() ? 0 : first.size() < second.size() ? -1 : 1;
  }
  if (*a == '/') return -1;
  if (*b == '/') return 1;
  return static_cast<unsigned char>(*a) < static_cast<unsigned char>(*b) ? -1 : 1;
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path[folder.size()] == '/' && path.starts_with(folder);
}

absl::Status CheckPath(std::string_view path) {
  const auto fail = [path](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("path '{}' {}", Printable(path), why));
  };
  if (path.empty()) return fail("is empty");
  if (path.find('\0') != std::string_view::npos) return fail("contains a NUL byte");
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    if (component.empty()) return fail("has an empty component");
    if (component == "." || component == "..") return fail(fmt::format("has the component '{}'", component));
    begin = end + 1;
  }
  return absl::OkStatus();
}

std::string Printable(std::string_view path) {
  std::string text;
  text.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      text.push_back(c);
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text;
}

int64_t ClampTime(int64_t mtime, int64_t clamp_time) {
  return std::max<int64_t>(0, std::min(mtime, clamp_time));
}

}  // namespace crossmill::layer
