#include "common/plan/context_match.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"
#include "common/pattern/tree_match.h"

namespace crossmill::plan {
namespace {

using pattern::SourceTree;
using Verdict = pattern::IgnoreRules::Verdict;

uint32_t ModeOf(const reapi::NodeProperties& properties, uint32_t otherwise) {
  return properties.has_unix_mode() ? properties.unix_mode().value() : otherwise;
}

template <typename List>
auto FindNamed(const List& list, std::string_view name) -> decltype(&*list.begin()) {
  const auto found =
      std::lower_bound(list.begin(), list.end(), name,
                       [](const auto& node, std::string_view wanted) { return node.name() < wanted; });
  return found != list.end() && found->name() == name ? &*found : nullptr;
}

// A Merkle tree. Directories are read once; sorted lists make look-ups quick.
class MerkleTree : public SourceTree {
 public:
  MerkleTree(const Digest& root, const ReadDirectory& read) : read_(read) { folders_[""] = root; }

  absl::StatusOr<std::optional<Entry>> Find(const std::string& path) override {
    if (path.empty()) return Entry{Kind::kFolder, ""};
    ASSIGN_OR_RETURN(const reapi::Directory* folder, FolderOf(path));
    if (folder == nullptr) return std::nullopt;
    const std::string_view name = LastName(path);
    if (FindNamed(folder->files(), name) != nullptr) return Entry{Kind::kOther, ""};
    if (FindNamed(folder->directories(), name) != nullptr) return Entry{Kind::kFolder, ""};
    const reapi::SymlinkNode* link = FindNamed(folder->symlinks(), name);
    if (link == nullptr) return std::nullopt;
    return Entry{Kind::kLink, link->target()};
  }

  absl::StatusOr<std::vector<std::string>> Names(const std::string& path) override {
    ASSIGN_OR_RETURN(const reapi::Directory* folder, Folder(path));
    std::vector<std::string> names;
    if (folder == nullptr) return names;
    for (const auto& node : folder->files()) names.push_back(node.name());
    for (const auto& node : folder->directories()) names.push_back(node.name());
    for (const auto& node : folder->symlinks()) names.push_back(node.name());
    std::sort(names.begin(), names.end());
    return names;
  }

  // nullptr if `path` is no folder. What is returned stays where it is.
  absl::StatusOr<const reapi::Directory*> Folder(const std::string& path) {
    ASSIGN_OR_RETURN(const std::optional<Digest> digest, DigestOfFolder(path));
    if (!digest) return nullptr;
    return Read(*digest);
  }
  // Of the folder that `path` lies in.
  absl::StatusOr<const reapi::Directory*> FolderOf(const std::string& path) {
    const size_t slash = path.rfind('/');
    return Folder(slash == path.npos ? "" : path.substr(0, slash));
  }

  absl::StatusOr<std::optional<Digest>> DigestOfFolder(const std::string& path) {
    if (const auto known = folders_.find(path); known != folders_.end()) return known->second;
    ASSIGN_OR_RETURN(const reapi::Directory* parent, FolderOf(path));
    const reapi::DirectoryNode* node =
        parent == nullptr ? nullptr : FindNamed(parent->directories(), LastName(path));
    std::optional<Digest> digest;
    if (node != nullptr) digest = FromProto(node->digest());
    return folders_[path] = digest;
  }

  absl::StatusOr<const reapi::Directory*> Read(const Digest& digest) {
    const auto found = directories_.find(digest);
    if (found != directories_.end()) return &found->second;
    ASSIGN_OR_RETURN(reapi::Directory directory, read_(digest));
    return &directories_.emplace(digest, std::move(directory)).first->second;
  }

 private:
  const ReadDirectory& read_;
  // By path; unset: no folder.
  std::map<std::string, std::optional<Digest>> folders_;
  std::map<Digest, reapi::Directory> directories_;
};

// Puts what a pattern names into the words of a plan. Used once.
class Resolver {
 public:
  Resolver(const v1::ContextPattern& pattern, MerkleTree& tree, const StoreDirectory& store)
      : pattern_(pattern), tree_(tree), store_(store) {}

  absl::StatusOr<v1::ContextMatches> Resolve();

 private:
  absl::Status Add(const pattern::SourceMatch& found);
  absl::StatusOr<v1::ContextMatch*> AddNamed(const pattern::SourceMatch& found);
  absl::Status AddFolder(const pattern::SourceMatch& found);
  absl::Status AddNothing(const std::string& path);
  // `path` is what excludes are matched against.
  absl::StatusOr<std::optional<Digest>> Filter(const Digest& folder, const std::string& path,
                                               bool keep_empty);

  const v1::ContextPattern& pattern_;
  MerkleTree& tree_;
  const StoreDirectory& store_;
  pattern::IgnoreRules excludes_;
  v1::ContextMatches result_;
};

absl::StatusOr<v1::ContextMatches> Resolver::Resolve() {
  ASSIGN_OR_RETURN(excludes_, pattern::IgnoreRules::FromPatterns(std::vector<std::string>(
                                  pattern_.excludes().begin(), pattern_.excludes().end())));
  ASSIGN_OR_RETURN(const pattern::SourceMatches found, pattern::MatchSources({.text = pattern_.pattern(),
                                                                              .parents = pattern_.parents(),
                                                                              .excludes = excludes_,
                                                                              .tree_name = "the context"},
                                                                             tree_));
  for (const pattern::SourceMatch& match : found.matches) RETURN_IF_ERROR(Add(match));
  // All that matched may have been hidden.
  if (pattern_.parents() && !found.matches.empty() && result_.matches().empty()) {
    RETURN_IF_ERROR(AddNothing(found.matches[0].path));
  }
  return std::move(result_);
}

absl::Status Resolver::Add(const pattern::SourceMatch& found) {
  if (found.nothing) return AddNothing(found.path);
  if (found.kind == SourceTree::Kind::kFolder) return AddFolder(found);
  ASSIGN_OR_RETURN(v1::ContextMatch* const match, AddNamed(found));
  ASSIGN_OR_RETURN(const reapi::Directory* folder, tree_.FolderOf(found.real_path));
  const std::string_view name = LastName(found.real_path);
  if (const reapi::FileNode* file = FindNamed(folder->files(), name)) {
    match->set_unix_mode(ModeOf(file->node_properties(), file->is_executable() ? 0755 : 0644));
    match->set_mtime(file->node_properties().mtime().seconds());
    *match->mutable_file() = file->digest();
  } else if (const reapi::SymlinkNode* link = FindNamed(folder->symlinks(), name)) {
    match->set_symlink_target(link->target());
    match->set_unix_mode(0777);
    match->set_mtime(link->node_properties().mtime().seconds());
  }
  return absl::OkStatus();
}

// A match without what it is.
absl::StatusOr<v1::ContextMatch*> Resolver::AddNamed(const pattern::SourceMatch& found) {
  v1::ContextMatch* const match = result_.add_matches();
  match->set_name(found.name);
  match->set_path(found.path);
  for (const std::string& parent : found.parents) {
    ASSIGN_OR_RETURN(const reapi::Directory* folder, tree_.Folder(parent));
    match->add_parent_modes(ModeOf(folder->node_properties(), 0755));
  }
  return match;
}

absl::Status Resolver::AddFolder(const pattern::SourceMatch& found) {
  ASSIGN_OR_RETURN(const std::optional<Digest> folder, tree_.DigestOfFolder(found.real_path));
  std::optional<Digest> digest = folder;
  if (!excludes_.empty()) {
    // Without --parents nothing is said about the source itself, only about what is in it.
    const std::string below = pattern_.parents() ? found.name : "";
    const bool keep_empty = below.empty() || excludes_.Judge(below) == Verdict::kTaken;
    ASSIGN_OR_RETURN(digest, Filter(*folder, below, keep_empty));
    if (!digest) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const reapi::Directory* directory, tree_.Read(*folder));
  ASSIGN_OR_RETURN(v1::ContextMatch* const match, AddNamed(found));
  match->set_unix_mode(ModeOf(directory->node_properties(), 0755));
  match->set_mtime(directory->node_properties().mtime().seconds());
  ToProto(*digest, match->mutable_directory());
  return absl::OkStatus();
}

// --parents that finds nothing makes the destination: an empty folder without a name is copied.
absl::Status Resolver::AddNothing(const std::string& path) {
  ASSIGN_OR_RETURN(const Digest empty, store_(reapi::Directory()));
  v1::ContextMatch& match = *result_.add_matches();
  match.set_path(path);
  match.set_unix_mode(0755);
  ToProto(empty, match.mutable_directory());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Digest>> Resolver::Filter(const Digest& folder, const std::string& path,
                                                       bool keep_empty) {
  ASSIGN_OR_RETURN(const reapi::Directory* directory, tree_.Read(folder));
  // Copied, because reading children may move what `directory` points to.
  const reapi::Directory original = *directory;
  reapi::Directory filtered;
  if (original.has_node_properties()) *filtered.mutable_node_properties() = original.node_properties();
  const auto excluded = [&](const std::string& name) {
    return excludes_.Excluding(JoinPath(path, name)).has_value();
  };
  bool changed = false;
  for (const reapi::FileNode& node : original.files()) {
    if (excluded(node.name())) {
      changed = true;
    } else {
      *filtered.add_files() = node;
    }
  }
  for (const reapi::SymlinkNode& node : original.symlinks()) {
    if (excluded(node.name())) {
      changed = true;
    } else {
      *filtered.add_symlinks() = node;
    }
  }
  for (const reapi::DirectoryNode& node : original.directories()) {
    const std::string child = JoinPath(path, node.name());
    const Verdict verdict = excludes_.Judge(child);
    std::optional<Digest> digest;
    if (verdict != Verdict::kHidden) {
      ASSIGN_OR_RETURN(digest,
                       Filter(FromProto(node.digest()), child, /*keep_empty=*/verdict == Verdict::kTaken));
    }
    changed = changed || !digest || *digest != FromProto(node.digest());
    if (!digest) continue;
    reapi::DirectoryNode& kept = *filtered.add_directories();
    kept.set_name(node.name());
    ToProto(*digest, kept.mutable_digest());
  }
  if (!keep_empty && filtered.files().empty() && filtered.directories().empty() &&
      filtered.symlinks().empty()) {
    return std::optional<Digest>();
  }
  if (!changed) return std::optional<Digest>(folder);
  ASSIGN_OR_RETURN(const Digest stored, store_(filtered));
  return std::optional<Digest>(stored);
}

}  // namespace

absl::StatusOr<v1::ContextMatches> MatchContext(const v1::ContextPattern& pattern, const Digest& root,
                                                const ReadDirectory& read, const StoreDirectory& store) {
  MerkleTree tree(root, read);
  return Resolver(pattern, tree, store).Resolve();
}

}  // namespace crossmill::plan
