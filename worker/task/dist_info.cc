#include "worker/task/dist_info.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <string_view>

#include "common/base/files.h"
#include "common/base/utf8.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kFolderSuffix = ".dist-info";
// Header fields of METADATA stand before the description, which may be long and is not read.
constexpr size_t kMetadataBytes = 256 << 10;
constexpr size_t kSmallFileBytes = 64 << 10;
constexpr int kMostTags = 512;
constexpr size_t kMostFolders = 20000;

// A descriptor of `path` below `folder`. No link is followed on the way: the changed paths are real paths, so
// a link on one was put there to mislead. O_NONBLOCK keeps a FIFO from holding us.
UniqueFd OpenBeneath(int folder, const std::string& path, uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how))));
}

// Up to `limit` bytes of a regular file; nullopt if there is none.
std::optional<std::string> ReadFront(int folder, const std::string& name, size_t limit) {
  const UniqueFd file = OpenBeneath(folder, name, 0);
  struct stat status = {};
  if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string text(limit, '\0');
  const auto size = ReadSome(file.get(), text.data(), text.size());
  if (!size.ok()) return std::nullopt;
  text.resize(*size);
  return text;
}

// A whole regular file; nullopt if there is none or it is longer than `limit`.
std::optional<std::string> ReadWhole(int folder, const std::string& name, size_t limit) {
  std::optional<std::string> text = ReadFront(folder, name, limit + 1);
  if (text.has_value() && text->size() > limit) return std::nullopt;
  return text;
}

bool IsRegularFile(int folder, const std::string& name) { return ReadFront(folder, name, 0).has_value(); }

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Calls `field` with name and value of each header line until the blank line before the body. Continuation
// lines belong to fields that nobody asks for here.
template <typename Field>
void ForEachField(std::string_view text, const Field& field) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    if (Trim(line).empty()) return;
    const size_t colon = line.find(':');
    if (colon == line.npos || line.front() == ' ' || line.front() == '\t') continue;
    field(line.substr(0, colon), Trim(line.substr(colon + 1)));
  }
}

std::optional<v1::DistInfo> ReadDistInfo(int root, const std::string& path) {
  const UniqueFd folder = OpenBeneath(root, path, O_DIRECTORY);
  if (!folder.valid()) return std::nullopt;
  const std::optional<std::string> metadata = ReadFront(folder.get(), "METADATA", kMetadataBytes);
  if (!metadata.has_value()) return std::nullopt;
  v1::DistInfo info;
  info.set_path(path);
  ForEachField(*metadata, [&](std::string_view name, std::string_view value) {
    if (name == "Name" && info.name().empty()) info.set_name(ValidUtf8(value));
    if (name == "Version" && info.version().empty()) info.set_version(ValidUtf8(value));
  });
  if (info.name().empty() || info.version().empty()) return std::nullopt;
  if (const auto wheel = ReadWhole(folder.get(), "WHEEL", kSmallFileBytes)) {
    ForEachField(*wheel, [&](std::string_view name, std::string_view value) {
      if (name == "Generator") info.set_generator(ValidUtf8(value));
      if (name == "Tag" && info.tags_size() < kMostTags) info.add_tags(ValidUtf8(value));
    });
  }
  if (const auto installer = ReadFront(folder.get(), "INSTALLER", 256)) {
    info.set_installer(ValidUtf8(Trim(std::string_view(*installer).substr(0, installer->find('\n')))));
  }
  if (const auto direct_url = ReadWhole(folder.get(), "direct_url.json", kSmallFileBytes)) {
    info.set_direct_url(ValidUtf8(*direct_url));
  }
  info.set_uv_build(IsRegularFile(folder.get(), "uv_build.json"));
  info.set_requested(IsRegularFile(folder.get(), "REQUESTED"));
  return info;
}

// The outermost folder NAME.dist-info that `path` lies in; empty if there is none.
std::string_view DistInfoFolder(std::string_view path) {
  for (size_t end = path.find('/'); end != path.npos; end = path.find('/', end + 1)) {
    const std::string_view folder = path.substr(0, end);
    if (folder.ends_with(kFolderSuffix)) return folder;
  }
  return {};
}

}  // namespace

std::vector<v1::DistInfo> ReadDistInfos(const std::string& root,
                                        absl::Span<const std::string> changed_paths) {
  std::set<std::string, std::less<>> folders;
  for (const std::string& path : changed_paths) {
    const std::string_view folder = DistInfoFolder(path);
    if (!folder.empty() && folders.size() < kMostFolders) folders.emplace(folder);
  }
  std::vector<v1::DistInfo> infos;
  if (folders.empty()) return infos;
  const auto root_folder = OpenFile(root, O_RDONLY | O_DIRECTORY);
  if (!root_folder.ok()) return infos;
  for (const std::string& folder : folders) {
    if (auto info = ReadDistInfo(root_folder->get(), folder)) infos.push_back(*std::move(info));
  }
  return infos;
}

}  // namespace crossmill::worker
