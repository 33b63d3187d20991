#include "coordinator/buildkit/files/context_tree.h"

#include <deque>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

// As many as the kernel follows.
constexpr int kMostLinksInTree = 40;
constexpr int64_t kMostFolderBytes = int64_t{64} << 20;

absl::Status NoSuchFile(std::string_view path) {
  return absl::NotFoundError(fmt::format("{}: no such file or directory", Printable(path)));
}

uint32_t ModeOf(const reapi::NodeProperties& properties, bool executable) {
  return properties.has_unix_mode() ? properties.unix_mode().value() : executable ? 0755 : 0644;
}

// What a folder has of that name; false: nothing.
bool FindName(const reapi::Directory& folder, std::string_view name, TreeEntry* entry) {
  for (const reapi::DirectoryNode& node : folder.directories()) {
    if (node.name() != name) continue;
    *entry = {.kind = TreeEntry::Kind::kFolder, .digest = FromProto(node.digest())};
    return true;
  }
  for (const reapi::FileNode& node : folder.files()) {
    if (node.name() != name) continue;
    *entry = {.kind = TreeEntry::Kind::kFile,
              .digest = FromProto(node.digest()),
              .mode = ModeOf(node.node_properties(), node.is_executable())};
    return true;
  }
  for (const reapi::SymlinkNode& node : folder.symlinks()) {
    if (node.name() != name) continue;
    *entry = {.kind = TreeEntry::Kind::kLink, .target = node.target()};
    return true;
  }
  return false;
}

void PushFront(std::string_view path, std::deque<std::string>* parts) {
  const std::vector<std::string> more = absl::StrSplit(Av(path), '/', absl::SkipEmpty());
  parts->insert(parts->begin(), more.begin(), more.end());
}

}  // namespace

absl::StatusOr<reapi::Directory> ReadTreeFolder(BlobStore& blobs, const Digest& folder) {
  if (folder.size > kMostFolderBytes)
    return absl::InvalidArgumentError("a folder of the context has too many entries");
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(folder));
  reapi::Directory directory;
  if (!directory.ParseFromString(bytes))
    return absl::DataLossError(fmt::format("blob {} is no folder of a context", ToString(folder)));
  return directory;
}

absl::StatusOr<TreeEntry> FindInTree(BlobStore& blobs, const Digest& root, std::string_view path) {
  std::deque<std::string> parts;
  PushFront(path, &parts);
  // From the root on.
  std::vector<TreeEntry> way = {{.kind = TreeEntry::Kind::kFolder, .digest = root}};
  int links = 0;
  while (!parts.empty()) {
    const std::string part = parts.front();
    parts.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      if (way.size() == 1)
        return absl::InvalidArgumentError(fmt::format("{} leads out of the context", Printable(path)));
      way.pop_back();
      continue;
    }
    if (way.back().kind != TreeEntry::Kind::kFolder) return NoSuchFile(path);
    ASSIGN_OR_RETURN(const reapi::Directory folder, ReadTreeFolder(blobs, way.back().digest));
    TreeEntry entry;
    if (!FindName(folder, part, &entry)) return NoSuchFile(path);
    if (entry.kind != TreeEntry::Kind::kLink) {
      way.push_back(std::move(entry));
      continue;
    }
    if (++links > kMostLinksInTree)
      return absl::InvalidArgumentError(fmt::format("{}: too many links", Printable(path)));
    if (entry.target.starts_with("/")) way.resize(1);
    PushFront(entry.target, &parts);
  }
  return way.back();
}

absl::StatusOr<std::string> ReadTreeFile(BlobStore& blobs, const Digest& root, std::string_view path,
                                         int64_t most) {
  ASSIGN_OR_RETURN(const TreeEntry entry, FindInTree(blobs, root, path));
  if (entry.kind != TreeEntry::Kind::kFile)
    return absl::InvalidArgumentError(fmt::format("{} is a folder", Printable(path)));
  if (entry.digest.size > most)
    return absl::ResourceExhaustedError(
        fmt::format("{} has {} bytes; expected at most {}", Printable(path), entry.digest.size, most));
  return blobs.Get(entry.digest);
}

absl::StatusOr<Digest> EmptyTree(BlobStore& blobs) {
  return blobs.PutBytes(reapi::Directory().SerializeAsString());
}

absl::StatusOr<Digest> TreeOfFile(BlobStore& blobs, std::string_view name, const Digest& file) {
  reapi::Directory folder;
  reapi::FileNode& node = *folder.add_files();
  node.set_name(std::string(name));
  ToProto(file, node.mutable_digest());
  node.mutable_node_properties()->mutable_unix_mode()->set_value(0600);
  return blobs.PutBytes(folder.SerializeAsString());
}

}  // namespace crossmill::coordinator::buildkit
