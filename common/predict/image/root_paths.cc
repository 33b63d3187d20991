// Links of an image, followed inside its root.
#include "common/predict/image/root_paths.h"

#include <algorithm>

#include "common/base/opening/resolve_in_root.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr size_t kPiece = size_t{1} << 20;

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
  return ResolveInRoot(path, [this](const std::string& at) -> absl::StatusOr<std::optional<std::string>> {
    ASSIGN_OR_RETURN(const RootFiles::Kind kind, files_.Look(at));
    if (kind != RootFiles::Kind::kLink) return std::nullopt;
    return files_.ReadLink(at);
  });
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
