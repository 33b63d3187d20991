#include "worker/tree/exporter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/layer/canonical_tar.h"
#include "common/pattern/path_pattern.h"
#include "common/pattern/tree_match.h"
#include "worker/tree/copy_target.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/full_store.h"
#include "worker/tree/long_path.h"
#include "worker/tree/lower_tree.h"
#include "worker/tree/root_tree.h"

namespace crossmill::worker {
namespace {

using pattern::IgnoreRules;
using Verdict = IgnoreRules::Verdict;

constexpr size_t kExportChunk = 1 << 18;
constexpr size_t kMaxNotedPaths = 50'000;

// Writes matched trees to a canonical tar.
class ExportWriter {
 public:
  ExportWriter(const IgnoreRules& excludes, std::string root, std::stop_token stop,
               layer::CanonicalTarWriter& tar)
      : excludes_(excludes),
        root_(std::move(root)),
        stop_(std::move(stop)),
        tar_(tar),
        buffer_(kExportChunk, '\0') {}

  // A numbered folder, with fixed metadata. Its time says how many folders come before the match in it.
  absl::Status AddNumber(const std::string& path, size_t parents) {
    layer::TarEntry entry;
    entry.path = path;
    entry.type = layer::EntryType::kDirectory;
    entry.mode = 0755;
    entry.mtime = static_cast<int64_t>(parents);
    return tar_.Add(entry);
  }

  // A folder on the way to a match, without what is in it; `source` as for a tree. It comes with the match.
  absl::Status AddParent(const std::string& source, const std::string& path) {
    ASSIGN_OR_RETURN(std::optional<FoundFile> found, InspectFile(JoinPath(root_, source), path));
    if (!found || found->kind != FileKind::kEntry || found->entry.type != layer::EntryType::kDirectory) {
      return absl::NotFoundError(fmt::format("/{}: no such folder", layer::Printable(source)));
    }
    found->entry.mtime = std::max<int64_t>(found->entry.mtime, 0);
    waiting_.push_back(std::move(found->entry));
    return absl::OkStatus();
  }

  // The tree at `source` (relative to the root, without links) as `path` of the tar. Excludes are matched
  // with what is in it below `shown`; with a `shown` that is not empty, also with the tree's own.
  absl::Status AddTree(const std::string& source, const std::string& path, const std::string& shown) {
    first_names_.clear();
    RETURN_IF_ERROR(Add(source, path, shown));
    waiting_.clear();
    return absl::OkStatus();
  }

  // What is in the folder `source`, below `path`.
  absl::Status AddContents(const std::string& source, const std::string& path) {
    first_names_.clear();
    return AddChildren(JoinPath(root_, source), source, path, "");
  }

 private:
  absl::Status Add(const std::string& source, const std::string& path, const std::string& shown) {
    if (stop_.stop_requested()) return absl::CancelledError("cancelled");
    const Verdict verdict = shown.empty() ? Verdict::kTaken : excludes_.Judge(shown);
    if (verdict == Verdict::kHidden) return absl::OkStatus();
    const std::string file = JoinPath(root_, source);
    ASSIGN_OR_RETURN(std::optional<FoundFile> found, InspectFile(file, path));
    if (!found) return absl::NotFoundError(fmt::format("/{}: no such file", layer::Printable(source)));
    if (found->kind != FileKind::kEntry) return absl::OkStatus();
    layer::TarEntry& entry = found->entry;
    entry.mtime = std::max<int64_t>(entry.mtime, 0);
    if (entry.type == layer::EntryType::kDirectory) {
      // A hidden one waits for what an exception brings back.
      waiting_.push_back(entry);
      if (verdict == Verdict::kTaken) RETURN_IF_ERROR(AddWaiting());
      RETURN_IF_ERROR(AddChildren(file, source, path, shown));
      if (!waiting_.empty()) waiting_.pop_back();
      return absl::OkStatus();
    }
    if (verdict != Verdict::kTaken) return absl::OkStatus();
    RETURN_IF_ERROR(AddWaiting());
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
                           const std::string& shown) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(file));
    for (const std::string& name : names) {
      RETURN_IF_ERROR(Add(JoinPath(source, name), path + "/" + name, JoinPath(shown, name)));
    }
    return absl::OkStatus();
  }

  absl::Status AddWaiting() {
    for (const layer::TarEntry& folder : std::exchange(waiting_, {})) RETURN_IF_ERROR(tar_.Add(folder));
    return absl::OkStatus();
  }

  absl::Status AddContent(const std::string& file) {
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(ReachablePath(file).text(), O_RDONLY | O_NOFOLLOW));
    while (true) {
      if (stop_.stop_requested()) return absl::CancelledError("cancelled");
      ASSIGN_OR_RETURN(const size_t size, ReadSome(fd.get(), buffer_.data(), buffer_.size()));
      RETURN_IF_ERROR(tar_.Data({buffer_.data(), size}));
      if (size < buffer_.size()) return absl::OkStatus();
    }
  }

  const IgnoreRules& excludes_;
  const std::string root_;
  const std::stop_token stop_;
  layer::CanonicalTarWriter& tar_;
  // Folders on the way to where the walk is that are not in the tar yet, outermost first: they come with the
  // first thing below them that is taken.
  std::vector<layer::TarEntry> waiting_;
  // Per match, so that each can be copied without the others.
  std::map<uint64_t, std::string> first_names_;
  std::string buffer_;
};

// One match as numbered folder of the tar.
absl::Status AddMatch(const pattern::SourceMatch& match, bool parents, std::string path,
                      ExportWriter& writer) {
  RETURN_IF_ERROR(writer.AddNumber(path, match.parents.size()));
  if (match.nothing) return absl::OkStatus();
  if (match.name.empty() && parents) return writer.AddContents(match.real_path, path);
  const std::vector<std::string> names = pattern::Components(match.name.empty() ? "rootfs" : match.name);
  for (size_t i = 0; i < match.parents.size(); ++i) {
    path += "/" + names[i];
    RETURN_IF_ERROR(writer.AddParent(match.parents[i], path));
  }
  return writer.AddTree(match.real_path, path + "/" + names.back(), parents ? match.name : "");
}

v1::ExportedPaths PathsOf(const pattern::SourceMatches& found) {
  std::set<std::string> trees;
  std::set<std::string> folders;
  for (const pattern::SourceMatch& match : found.matches) {
    if (!match.nothing) trees.insert(match.real_path);
    folders.insert(match.parents.begin(), match.parents.end());
  }
  v1::ExportedPaths paths;
  if (trees.size() + folders.size() + found.links.size() + found.searches.size() > kMaxNotedPaths) {
    // Too much to tell apart: the whole root counts.
    paths.add_trees("");
    return paths;
  }
  *paths.mutable_trees() = {trees.begin(), trees.end()};
  *paths.mutable_folders() = {folders.begin(), folders.end()};
  *paths.mutable_links() = {found.links.begin(), found.links.end()};
  for (const pattern::SourceSearch& search : found.searches) {
    v1::ExportedPaths::Search& row = *paths.add_searches();
    row.set_folder(search.folder);
    row.set_pattern(search.pattern);
    row.set_ignore_dialect(search.dialect == pattern::Dialect::kIgnore);
  }
  return paths;
}

absl::StatusOr<Digest> WriteExport(const std::vector<pattern::SourceMatch>& matches, bool parents,
                                   const IgnoreRules& excludes, const std::string& root, BlobStore& blobs,
                                   const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> blob, blobs.Create({}));
  layer::CanonicalTarWriter tar(*blob);
  ExportWriter writer(excludes, root, stop, tar);
  const size_t digits = matches.empty() ? 1 : std::to_string(matches.size() - 1).size();
  for (size_t i = 0; i < matches.size(); ++i) {
    RETURN_IF_ERROR(AddMatch(matches[i], parents, fmt::format("{:0{}}", i, digits), writer));
  }
  RETURN_IF_ERROR(tar.Finish());
  return blob->Commit();
}

}  // namespace

absl::StatusOr<Digest> MakeExport(const v1::Export& wanted, const std::string& root, BlobStore& blobs,
                                  const std::stop_token& stop, v1::ExportedPaths* paths) {
  ASSIGN_OR_RETURN(const IgnoreRules excludes, IgnoreRules::FromPatterns(std::vector<std::string>(
                                                   wanted.excludes().begin(), wanted.excludes().end())));
  RootTree tree(root, stop);
  ASSIGN_OR_RETURN(const pattern::SourceMatches found, pattern::MatchSources({.text = wanted.pattern(),
                                                                              .parents = wanted.parents(),
                                                                              .excludes = excludes,
                                                                              .tree_name = "the stage"},
                                                                             tree));
  if (paths != nullptr) *paths = PathsOf(found);
  return WriteWhenThereIsRoom(stop, [&] {
    auto blob = WriteExport(found.matches, wanted.parents(), excludes, root, blobs, stop);
    // As with layers: a store on this machine that was started again has lost what was handed over.
    if (absl::IsUnavailable(blob.status()))
      blob = WriteExport(found.matches, wanted.parents(), excludes, root, blobs, stop);
    return blob;
  });
}

}  // namespace crossmill::worker
