// Links of an image, followed inside its root.
#include "common/predict/image/root_paths.h"

#include <algorithm>
#include <deque>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr int kMostLinks = 40;
// Of one path, with all links in it.
constexpr size_t kMostParts = 4096;
constexpr size_t kPiece = size_t{1} << 20;

void PutInFront(std::string_view path, std::deque<std::string>& parts) {
  const std::vector<std::string> more = absl::StrSplit(Av(path), '/', absl::SkipEmpty());
  parts.insert(parts.begin(), more.begin(), more.end());
}

}  // namespace

std::string PathIn(std::string_view folder, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  return folder.ends_with('/') ? fmt::format("{}{}", folder, path) : fmt::format("{}/{}", folder, path);
}

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? "/" : std::string(path.substr(0, slash));
}

absl::StatusOr<std::string> RootPaths::Resolve(std::string_view path) const {
  std::deque<std::string> parts;
  PutInFront(path, parts);
  std::string at;
  int links = 0;
  while (!parts.empty()) {
    if (parts.size() > kMostParts) return absl::FailedPreconditionError("a path with too many parts");
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      at.resize(at.empty() ? 0 : at.rfind('/'));
      continue;
    }
    const std::string next = at + "/" + part;
    ASSIGN_OR_RETURN(const RootFiles::Kind kind, files_.Look(next));
    if (kind != RootFiles::Kind::kLink) {
      at = next;
      continue;
    }
    if (++links > kMostLinks) {
      return absl::FailedPreconditionError(fmt::format("{}: too many links", Printable(path.substr(0, 200))));
    }
    ASSIGN_OR_RETURN(const std::string target, files_.ReadLink(next));
    if (target.starts_with('/')) at.clear();
    PutInFront(target, parts);
  }
  return at.empty() ? "/" : at;
}

bool RootPaths::IsFile(std::string_view path) const {
  const auto real = Resolve(path);
  if (!real.ok()) return false;
  const auto kind = files_.Look(*real);
  return kind.ok() && *kind == RootFiles::Kind::kFile;
}

bool RootPaths::IsFolder(std::string_view path) const {
  const auto real = Resolve(path);
  if (!real.ok()) return false;
  const auto kind = files_.Look(*real);
  return kind.ok() && *kind == RootFiles::Kind::kFolder;
}

absl::StatusOr<RootFiles::Listing> RootPaths::List(std::string_view path, size_t limit) const {
  ASSIGN_OR_RETURN(const std::string real, Resolve(path));
  return files_.List(real, limit);
}

absl::StatusOr<std::string> RootPaths::ReadHead(std::string_view path, size_t limit) const {
  ASSIGN_OR_RETURN(const std::string real, Resolve(path));
  return files_.Read(real, 0, limit);
}

absl::StatusOr<std::string> RootPaths::ReadWhole(std::string_view path, size_t limit) const {
  ASSIGN_OR_RETURN(std::string text, ReadHead(path, limit + 1));
  if (text.size() > limit) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: more than {} bytes", Printable(path.substr(0, 200)), limit));
  }
  return text;
}

absl::StatusOr<std::optional<std::string>> RootPaths::Search(
    std::string_view path, uint64_t limit, size_t overlap,
    const std::function<std::optional<std::string>(std::string_view piece)>& look) const {
  ASSIGN_OR_RETURN(const std::string real, Resolve(path));
  std::string piece;
  for (uint64_t offset = 0; offset < limit;) {
    ASSIGN_OR_RETURN(const std::string more, files_.Read(real, offset, kPiece));
    if (more.empty()) break;
    offset += more.size();
    piece.erase(0, piece.size() - std::min(piece.size(), overlap));
    piece += more;
    if (auto found = look(piece); found.has_value()) return found;
  }
  return std::optional<std::string>();
}

}  // namespace crossmill::predict
