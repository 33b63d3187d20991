#include "worker/tree/exporter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "common/base/files.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/layer/canonical_tar.h"
#include "worker/tree/copy_target.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/glob.h"
#include "worker/tree/long_path.h"
#include "worker/tree/lower_tree.h"
#include "worker/tree/root_path.h"
#include "worker/tree/tree_writer.h"

namespace crossmill::worker {
namespace {

constexpr size_t kChunk = 1 << 18;

// Finds what a pattern names in a root.
class Matcher {
 public:
  Matcher(std::string root, int root_fd) : root_(std::move(root)), root_fd_(root_fd) {}

  // Paths as the pattern spells them (links not resolved), as components, in bytewise order.
  absl::StatusOr<std::set<std::vector<std::string>>> Find(const std::vector<std::string>& pattern) {
    RETURN_IF_ERROR(Expand(pattern, 0, {}));
    return std::move(matches_);
  }

 private:
  absl::Status Expand(const std::vector<std::string>& pattern, size_t index,
                      const std::vector<std::string>& path) {
    if (index == pattern.size()) {
      matches_.insert(path);
      return absl::OkStatus();
    }
    std::vector<std::string> next = path;
    if (pattern[index] != "**" && !HasGlob(pattern[index])) {
      next.push_back(pattern[index]);
      auto exists = Exists(next);
      if (!exists.ok() || !*exists) return exists.status();
      return Expand(pattern, index + 1, next);
    }
    const bool any_depth = pattern[index] == "**";
    if (any_depth) RETURN_IF_ERROR(Expand(pattern, index + 1, path));
    ASSIGN_OR_RETURN(const std::vector<std::string> names, List(path, any_depth));
    next.emplace_back();
    for (const std::string& name : names) {
      next.back() = name;
      if (any_depth) {
        RETURN_IF_ERROR(Expand(pattern, index, next));
      } else if (MatchComponent(pattern[index], name)) {
        RETURN_IF_ERROR(Expand(pattern, index + 1, next));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Exists(const std::vector<std::string>& path) {
    auto resolved = ResolveParentInRoot(root_fd_, JoinNames(path));
    if (absl::IsInvalidArgument(resolved.status())) return false;  // Below a file.
    if (!resolved.ok()) return resolved.status();
    ASSIGN_OR_RETURN(const auto found, InspectFile(JoinPath(root_, *resolved), *resolved));
    return found.has_value();
  }

  // Names in a folder; none if it is no folder. `real`: folders behind a link are not entered.
  absl::StatusOr<std::vector<std::string>> List(const std::vector<std::string>& path, bool real) {
    const std::string text = JoinNames(path);
    auto resolved = real ? ResolveParentInRoot(root_fd_, text) : ResolveInRoot(root_fd_, text);
    if (absl::IsInvalidArgument(resolved.status())) return std::vector<std::string>();
    if (!resolved.ok()) return resolved.status();
    const std::string file = JoinPath(root_, *resolved);
    ASSIGN_OR_RETURN(const auto found, InspectFile(file, *resolved));
    if (!found || found->kind != FileKind::kEntry || found->entry.type != layer::EntryType::kDirectory) {
      return std::vector<std::string>();
    }
    return ListFolder(file);
  }

  const std::string root_;
  const int root_fd_;
  std::set<std::vector<std::string>> matches_;
};

// Writes matched trees to a canonical tar.
class ExportWriter {
 public:
  ExportWriter(const v1::Export& wanted, std::string root, layer::CanonicalTarWriter& tar)
      : root_(std::move(root)), tar_(tar), buffer_(kChunk, '\0') {
    for (const std::string& exclude : wanted.excludes()) excludes_.push_back(PathComponents(exclude));
  }

  // A numbered folder, with fixed metadata.
  absl::Status AddNumber(const std::string& path) {
    layer::TarEntry entry;
    entry.path = path;
    entry.type = layer::EntryType::kDirectory;
    entry.mode = 0755;
    return tar_.Add(entry);
  }

  // A folder on the way to a match, without what is in it; `source` as for a tree.
  absl::Status AddParent(const std::string& source, const std::string& path) {
    ASSIGN_OR_RETURN(std::optional<FoundFile> found, InspectFile(JoinPath(root_, source), path));
    if (!found || found->kind != FileKind::kEntry || found->entry.type != layer::EntryType::kDirectory) {
      return absl::NotFoundError(fmt::format("/{}: no such folder", layer::Printable(source)));
    }
    found->entry.mtime = std::max<int64_t>(found->entry.mtime, 0);
    return tar_.Add(found->entry);
  }

  // The tree at `source` (relative to the root, without links) as `path` of the tar.
  absl::Status AddTree(const std::string& source, const std::string& path) {
    first_names_.clear();
    return Add(source, path, {});
  }

  // What is in the folder `source`, below `path`.
  absl::Status AddContents(const std::string& source, const std::string& path) {
    first_names_.clear();
    return AddChildren(JoinPath(root_, source), source, path, {});
  }

  // A source that is a file itself is excluded by its name.
  bool IsExcluded(const std::vector<std::string>& below) const {
    return std::any_of(excludes_.begin(), excludes_.end(),
                       [&](const auto& pattern) { return Excludes(pattern, below); });
  }

 private:
  absl::Status Add(const std::string& source, const std::string& path,
                   const std::vector<std::string>& below) {
    const std::string file = JoinPath(root_, source);
    ASSIGN_OR_RETURN(std::optional<FoundFile> found, InspectFile(file, path));
    if (!found) return absl::NotFoundError(fmt::format("/{}: no such file", layer::Printable(source)));
    if (found->kind != FileKind::kEntry) return absl::OkStatus();
    layer::TarEntry& entry = found->entry;
    entry.mtime = std::max<int64_t>(entry.mtime, 0);
    if (entry.type == layer::EntryType::kDirectory) {
      RETURN_IF_ERROR(tar_.Add(entry));
      return AddChildren(file, source, path, below);
    }
    if (found->links > 1) {
      const auto [first, is_first] = first_names_.emplace(found->inode, path);
      if (!is_first) {
        entry.type = layer::EntryType::kHardLink;
        entry.link = first->second;
        entry.size = 0;
        entry.xattrs.clear();
        return tar_.Add(entry);
      }
    }
    RETURN_IF_ERROR(tar_.Add(entry));
    return entry.type == layer::EntryType::kFile ? AddContent(file) : absl::OkStatus();
  }

  absl::Status AddChildren(const std::string& file, const std::string& source, const std::string& path,
                           const std::vector<std::string>& below) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(file));
    for (const std::string& name : names) {
      std::vector<std::string> child = below;
      child.push_back(name);
      if (!IsExcluded(child)) RETURN_IF_ERROR(Add(JoinPath(source, name), path + "/" + name, child));
    }
    return absl::OkStatus();
  }

  absl::Status AddContent(const std::string& file) {
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(ReachablePath(file).text(), O_RDONLY | O_NOFOLLOW));
    while (true) {
      ASSIGN_OR_RETURN(const size_t size, ReadSome(fd.get(), buffer_.data(), buffer_.size()));
      RETURN_IF_ERROR(tar_.Data({buffer_.data(), size}));
      if (size < buffer_.size()) return absl::OkStatus();
    }
  }

  const std::string root_;
  layer::CanonicalTarWriter& tar_;
  std::vector<std::vector<std::string>> excludes_;
  // Per match, so that each can be copied without the others.
  std::map<uint64_t, std::string> first_names_;
  std::string buffer_;
};

struct Source {
  // Below the numbered folder; empty: what is in the source lies there (with --parents, of the pivot
  // itself).
  std::vector<std::string> name;
  // Relative to the root, without links.
  std::string path;
  // Likewise, the folders that `name` goes through (with --parents).
  std::vector<std::string> parents;
};

absl::StatusOr<std::vector<Source>> FindSources(const v1::Export& wanted, const std::string& root,
                                                int root_fd, const ExportWriter& writer) {
  const std::string& text = wanted.pattern();
  const std::vector<std::string> pattern = PathComponents(text);
  // With --parents, what is before "/./" is not kept.
  const size_t pivot = text.find("/./");
  const size_t kept_from = pivot == text.npos ? 0 : PathComponents(text.substr(0, pivot)).size();
  ASSIGN_OR_RETURN(const auto matches, Matcher(root, root_fd).Find(pattern));
  std::vector<Source> sources;
  for (const std::vector<std::string>& match : matches) {
    Source source;
    ASSIGN_OR_RETURN(source.path, ResolveInRoot(root_fd, JoinNames(match)));
    ASSIGN_OR_RETURN(const auto found, InspectFile(JoinPath(root, source.path), source.path));
    if (!found) {
      return absl::NotFoundError(
          fmt::format("/{} is a link that leads nowhere", layer::Printable(JoinNames(match))));
    }
    const bool folder = found->entry.type == layer::EntryType::kDirectory && found->kind == FileKind::kEntry;
    if (wanted.parents() && folder && match.size() <= kept_from) {
      sources.push_back(std::move(source));
      continue;
    }
    if (match.empty()) {
      source.name = {"rootfs"};
    } else if (wanted.parents() && match.size() > kept_from) {
      source.name.assign(match.begin() + static_cast<ptrdiff_t>(kept_from), match.end());
      for (size_t end = kept_from + 1; end < match.size(); ++end) {
        const std::vector<std::string> folder(match.begin(), match.begin() + static_cast<ptrdiff_t>(end));
        ASSIGN_OR_RETURN(source.parents.emplace_back(), ResolveInRoot(root_fd, JoinNames(folder)));
      }
    } else {
      source.name = {match.back()};
    }
    if (!folder && writer.IsExcluded({source.name.back()})) continue;
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace

absl::StatusOr<Digest> MakeExport(const v1::Export& wanted, const std::string& root, BlobStore& blobs) {
  ASSIGN_OR_RETURN(const UniqueFd root_fd, OpenRoot(root));
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> blob, blobs.Create({}));
  layer::CanonicalTarWriter tar([&blob](std::string_view bytes) { return blob->Write(bytes); });
  ExportWriter writer(wanted, root, tar);
  ASSIGN_OR_RETURN(const std::vector<Source> sources, FindSources(wanted, root, root_fd.get(), writer));
  // As in Docker's builder, a pattern may match nothing, and then nothing is copied.
  if (sources.empty() && !HasGlob(wanted.pattern())) {
    return absl::NotFoundError(
        fmt::format("{}: no such file or directory", layer::Printable(wanted.pattern())));
  }
  const size_t digits = sources.empty() ? 1 : std::to_string(sources.size() - 1).size();
  for (size_t i = 0; i < sources.size(); ++i) {
    std::string path = fmt::format("{:0{}}", i, digits);
    RETURN_IF_ERROR(writer.AddNumber(path));
    for (size_t part = 0; part < sources[i].parents.size(); ++part) {
      path += "/" + sources[i].name[part];
      RETURN_IF_ERROR(writer.AddParent(sources[i].parents[part], path));
    }
    if (sources[i].name.empty()) {
      RETURN_IF_ERROR(writer.AddContents(sources[i].path, path));
      continue;
    }
    RETURN_IF_ERROR(writer.AddTree(sources[i].path, path + "/" + sources[i].name.back()));
  }
  RETURN_IF_ERROR(tar.Finish());
  return blob->Commit();
}

}  // namespace crossmill::worker
