#include "coordinator/buildkit/solve/source_files.h"

#include <fnmatch.h>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/files/context_tree.h"
#include "coordinator/buildkit/solve/git_context.h"
#include "coordinator/buildkit/solve/recipe_preview.h"

namespace crossmill::coordinator::buildkit {
namespace {

using moby::buildkit::v1::frontend::FileStat;

// As Go's os.FileMode.
constexpr uint32_t kGoFolder = 1u << 31;
constexpr uint32_t kGoLink = 1u << 27;

// The tree that a source is; a file from a URL is one with that file.
absl::StatusOr<Digest> TreeOf(const SolveServices& services, const ClientBuild& build, ClientResult& result,
                              const std::stop_token& stop) {
  if (!result.source) {
    return absl::UnimplementedError(
        "files of a build's result are not read here: export it (-o type=local), or look at `crossmill "
        "image`");
  }
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
  ASSIGN_OR_RETURN(const RemoteSources::File file,
                   services.sources.FetchFile(source.url, attribute("http.checksum"), nullptr, stop));
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

}  // namespace

absl::StatusOr<FileStat> StatResultFile(const SolveServices& services, const ClientBuild& build,
                                        ClientResult& result, const std::string& path,
                                        const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Digest root, TreeOf(services, build, result, stop));
  ASSIGN_OR_RETURN(const TreeEntry entry, FindInTree(services.blobs, root, path));
  const std::string clean = FilterPath(path);
  const size_t slash = clean.rfind('/');
  return StatOf(slash == std::string::npos ? clean : clean.substr(slash + 1), entry);
}

absl::StatusOr<std::string> ReadResultFile(const SolveServices& services, const ClientBuild& build,
                                           ClientResult& result, const std::string& path, int64_t most,
                                           const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Digest root, TreeOf(services, build, result, stop));
  return ReadTreeFile(services.blobs, root, path, most);
}

absl::StatusOr<std::vector<FileStat>> ListResultFolder(const SolveServices& services,
                                                       const ClientBuild& build, ClientResult& result,
                                                       const std::string& path, const std::string& include,
                                                       const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Digest root, TreeOf(services, build, result, stop));
  ASSIGN_OR_RETURN(const TreeEntry entry, FindInTree(services.blobs, root, path));
  if (entry.kind != TreeEntry::Kind::kFolder)
    return absl::InvalidArgumentError(fmt::format("{} is no folder", Printable(path)));
  ASSIGN_OR_RETURN(const reapi::Directory folder, ReadTreeFolder(services.blobs, entry.digest));
  std::vector<FileStat> entries;
  const auto add = [&](const std::string& name) -> absl::Status {
    if (!include.empty() && fnmatch(include.c_str(), name.c_str(), 0) != 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const TreeEntry found, FindInTree(services.blobs, entry.digest, name));
    entries.push_back(StatOf(name, found));
    return absl::OkStatus();
  };
  for (const auto& node : folder.directories()) RETURN_IF_ERROR(add(node.name()));
  for (const auto& node : folder.files()) RETURN_IF_ERROR(add(node.name()));
  for (const auto& node : folder.symlinks()) {
    if (!include.empty() && fnmatch(include.c_str(), node.name().c_str(), 0) != 0) continue;
    entries.push_back(StatOf(node.name(), {.kind = TreeEntry::Kind::kLink, .target = node.target()}));
  }
  return entries;
}

}  // namespace crossmill::coordinator::buildkit
