#include "coordinator/buildkit/solve/sources/source_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "coordinator/buildkit/files/context_tree.h"
#include "coordinator/buildkit/solve/recipe_preview.h"
#include "coordinator/buildkit/solve/sources/git_context.h"
#include "coordinator/buildkit/solve/sources/http_source.h"

namespace crossmill::coordinator::buildkit {
namespace {

using moby::buildkit::v1::frontend::FileStat;

// As Go's os.FileMode.
constexpr uint32_t kGoFolder = 1u << 31;
constexpr uint32_t kGoLink = 1u << 27;

// The tree that a source is; a file from a URL is one with that file.
absl::StatusOr<Digest> TreeOf(const SolveServices& services, const ClientBuild& build, ClientResult& result,
                              const std::stop_token& stop) {
  if (!result.source) return absl::NotFoundError("the result has no files: no such file or directory");
  const RawSource& source = *result.source;
  const auto attribute = [&](const char* name) {
    const auto found = source.attributes.find(name);
    return found == source.attributes.end() ? std::string() : found->second;
  };
  if (source.kind == RawSource::Kind::kGit) {
    // Clients ask for several files one after the other.
    MutexLock lock(result.fetching);
    if (!result.fetched) {
      const GitWish wish = WishOf(source);
      ASSIGN_OR_RETURN(const GitContext git, FetchGitContext(services, build, wish, nullptr, stop));
      result.fetched = git.root;
    }
    return *result.fetched;
  }
  const FileWish wish{.url = source.url,
                      .checksum = attribute("http.checksum"),
                      .header_secret = attribute("http.authheadersecret")};
  ASSIGN_OR_RETURN(const RemoteSources::File file, FetchClientFile(services, build, wish, nullptr, stop));
  std::string name = attribute("http.filename");
  if (name.empty()) name = file.name.empty() ? "context" : file.name;
  return TreeOfFile(services.blobs, name, file.digest);
}

FileStat StatOf(const std::string& name, const TreeEntry& entry) {
  FileStat stat;
  stat.set_path(name);
  switch (entry.kind) {
    case TreeEntry::Kind::kFolder:
      stat.set_mode(kGoFolder | (entry.mode & 0777));
      break;
    case TreeEntry::Kind::kFile:
      stat.set_mode(entry.mode & 0777);
      stat.set_size(entry.digest.size);
      break;
    case TreeEntry::Kind::kLink:
      stat.set_mode(kGoLink | 0777);
      stat.set_linkname(entry.target);
      break;
  }
  return stat;
}

// Of a build's image; null: the result is another.
absl::StatusOr<std::shared_ptr<const ResultTree>> ImageTreeOf(const SolveServices& services,
                                                              ClientBuilds& builds, ClientResult& result) {
  if (result.built == nullptr) return std::shared_ptr<const ResultTree>();
  const std::vector<BuiltPlatform>& platforms = result.built->image.platforms;
  const BuiltPlatform* built = &platforms.front();
  for (const BuiltPlatform& each : platforms) {
    if (result.platform && SamePlatform(each.platform, *result.platform)) built = &each;
  }
  // Clients ask for several files one after the other.
  MutexLock lock(result.fetching);
  if (result.tree == nullptr) {
    ASSIGN_OR_RETURN(result.tree_place, builds.TakeTree());
    ASSIGN_OR_RETURN(result.tree, ResultTree::Read(built->manifest, services.exports));
  }
  return result.tree;
}

FileStat StatOf(const layer::TarEntry& entry) {
  // As Go's os.FileMode has what is more than the permissions.
  constexpr std::pair<uint32_t, uint32_t> kBits[] = {{04000, 1u << 23}, {02000, 1u << 22}, {01000, 1u << 20}};
  FileStat stat;
  const size_t slash = entry.path.rfind('/');
  stat.set_path(slash == std::string::npos ? entry.path : entry.path.substr(slash + 1));
  uint32_t mode = entry.mode & 0777;
  for (const auto& [bit, in_go] : kBits) mode |= (entry.mode & bit) != 0 ? in_go : 0;
  switch (entry.type) {
    case layer::EntryType::kDirectory:
      mode |= kGoFolder;
      break;
    case layer::EntryType::kSymlink:
      mode |= kGoLink;
      break;
    case layer::EntryType::kCharDevice:
      mode |= (1u << 26) | (1u << 21);
      break;
    case layer::EntryType::kBlockDevice:
      mode |= 1u << 26;
      break;
    case layer::EntryType::kFifo:
      mode |= 1u << 25;
      break;
    default:
      break;
  }
  stat.set_mode(mode);
  stat.set_uid(entry.uid);
  stat.set_gid(entry.gid);
  stat.set_size(entry.size);
  stat.set_modtime(entry.mtime * 1'000'000'000);
  stat.set_linkname(entry.type == layer::EntryType::kSymlink ? entry.link : "");
  return stat;
}

}  // namespace

absl::StatusOr<FileStat> StatResultFile(const SolveServices& services, ClientBuilds& builds,
                                        const ClientBuild& build, ClientResult& result,
                                        const std::string& path, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const auto tree, ImageTreeOf(services, builds, result));
  if (tree != nullptr) {
    ASSIGN_OR_RETURN(const layer::TarEntry found, tree->Stat(path));
    return StatOf(found);
  }
  ASSIGN_OR_RETURN(const Digest root, TreeOf(services, build, result, stop));
  ASSIGN_OR_RETURN(const TreeEntry entry, FindInTree(services.blobs, root, path));
  const std::string clean = FilterPath(path);
  const size_t slash = clean.rfind('/');
  return StatOf(slash == std::string::npos ? clean : clean.substr(slash + 1), entry);
}

absl::StatusOr<std::string> ReadResultFile(const SolveServices& services, ClientBuilds& builds,
                                           const ClientBuild& build, ClientResult& result,
                                           const std::string& path, const FileRange& range, int64_t most,
                                           const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const auto tree, ImageTreeOf(services, builds, result));
  if (tree != nullptr) return tree->ReadFile(path, range.offset, range.length, most);
  ASSIGN_OR_RETURN(const Digest root, TreeOf(services, build, result, stop));
  ASSIGN_OR_RETURN(const std::string text, ReadTreeFile(services.blobs, root, path, most));
  const auto size = static_cast<int64_t>(text.size());
  const int64_t offset = std::clamp<int64_t>(range.offset, 0, size);
  const int64_t length = range.length <= 0 ? size - offset : std::min(range.length, size - offset);
  return text.substr(static_cast<size_t>(offset), static_cast<size_t>(length));
}

absl::StatusOr<std::vector<FileStat>> ListResultFolder(const SolveServices& services, ClientBuilds& builds,
                                                       const ClientBuild& build, ClientResult& result,
                                                       const std::string& path, const std::string& include,
                                                       const std::stop_token& stop) {
  std::vector<FileStat> entries;
  const auto wanted = [&](const std::string& name) {
    return include.empty() || fnmatch(include.c_str(), name.c_str(), 0) == 0;
  };
  ASSIGN_OR_RETURN(const auto tree, ImageTreeOf(services, builds, result));
  if (tree != nullptr) {
    ASSIGN_OR_RETURN(const std::vector<layer::TarEntry> listed, tree->List(path));
    for (const layer::TarEntry& each : listed) {
      if (wanted(each.path)) entries.push_back(StatOf(each));
    }
    return entries;
  }
  ASSIGN_OR_RETURN(const Digest root, TreeOf(services, build, result, stop));
  ASSIGN_OR_RETURN(const TreeEntry entry, FindInTree(services.blobs, root, path));
  if (entry.kind != TreeEntry::Kind::kFolder)
    return absl::InvalidArgumentError(fmt::format("{} is no folder", Printable(path)));
  ASSIGN_OR_RETURN(const reapi::Directory folder, ReadTreeFolder(services.blobs, entry.digest));
  const auto add = [&](const std::string& name) -> absl::Status {
    if (!wanted(name)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const TreeEntry found, FindInTree(services.blobs, entry.digest, name));
    entries.push_back(StatOf(name, found));
    return absl::OkStatus();
  };
  for (const auto& node : folder.directories()) RETURN_IF_ERROR(add(node.name()));
  for (const auto& node : folder.files()) RETURN_IF_ERROR(add(node.name()));
  for (const auto& node : folder.symlinks()) {
    if (!wanted(node.name())) continue;
    entries.push_back(StatOf(node.name(), {.kind = TreeEntry::Kind::kLink, .target = node.target()}));
  }
  return entries;
}

}  // namespace crossmill::coordinator::buildkit
