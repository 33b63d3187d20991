#include "worker/task/root_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "common/base/opening/open_resolved.h"

namespace crossmill::worker {

RootReader::RootReader(const std::string& root) {
  auto folder = OpenFile(root, O_RDONLY | O_DIRECTORY);
  if (folder.ok()) root_ = *std::move(folder);
}

UniqueFd RootReader::Open(const std::string& path, int flags) const {
  if (!root_.valid()) return UniqueFd();
  flags |= O_NOFOLLOW;
  // O_NONBLOCK keeps a FIFO from holding us.
  if ((flags & O_PATH) == 0) flags |= O_RDONLY | O_NONBLOCK | O_NOCTTY;
  return OpenResolved(root_.get(), path.empty() ? "." : path, flags,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

std::optional<std::string> RootReader::ReadFront(const std::string& path, size_t limit) const {
  const UniqueFd file = Open(path, 0);
  struct stat status = {};
  if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string text(limit, '\0');
  const auto size = ReadSome(file.get(), text.data(), text.size());
  if (!size.ok()) return std::nullopt;
  text.resize(*size);
  return text;
}

std::optional<std::string> RootReader::ReadWhole(const std::string& path, size_t limit) const {
  std::optional<std::string> text = ReadFront(path, limit + 1);
  if (text.has_value() && text->size() > limit) return std::nullopt;
  return text;
}

bool RootReader::IsFile(const std::string& path) const { return ReadFront(path, 0).has_value(); }

bool RootReader::IsFolder(const std::string& path) const { return Open(path, O_PATH | O_DIRECTORY).valid(); }

bool RootReader::Exists(const std::string& path) const { return Open(path, O_PATH).valid(); }

std::vector<std::string> RootReader::List(const std::string& path, size_t limit) const {
  std::vector<std::string> names;
  UniqueFd folder = Open(path, O_DIRECTORY);
  if (!folder.valid()) return names;
  DIR* stream = fdopendir(folder.get());
  if (stream == nullptr) return names;
  folder.Release();
  while (names.size() < limit) {
    const dirent* entry = readdir(stream);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace crossmill::worker
