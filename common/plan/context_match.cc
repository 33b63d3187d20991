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

// Of a path that is too long, in its error.
constexpr size_t kShownPath = 100;

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

absl::Status CheckPath(const std::string& path) {
  if (path.size() <= kLongestPath) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the context has a path of more than {} bytes, which no system can open: '{}...'; expected "
                  "shorter paths",
                  kLongestPath, path.substr(0, kShownPath)));
}

// Units of effort for an entry that is looked at, besides half the product of its path's bytes and of those
// of the patterns that it may be held against.
constexpr size_t kEntry = 300;
// The name of an entry, about.
constexpr size_t kNameBytes = 16;
// For each byte of a folder's message, which stays in memory while its context is looked at.
constexpr size_t kReadByte = 100;
// Paths that are remembered; they are found again through their parents.
constexpr size_t kMostKnownFolders = 100'000;

// A Merkle tree. Directories are read once; sorted lists make look-ups quick. `pattern_bytes`: of what
// entries are held against.
class MerkleTree : public SourceTree {
 public:
  MerkleTree(const Digest& root, const ReadDirectory& read, pattern::Effort* effort, size_t pattern_bytes)
      : read_(read), effort_(effort), pattern_bytes_(pattern_bytes) {
    folders_[""] = root;
  }

  absl::Status SpendOn(const reapi::Directory& folder, const std::string& path) const {
    const int entries = folder.files_size() + folder.directories_size() + folder.symlinks_size();
    return Spend(effort_, static_cast<size_t>(entries) + 1,
                 kEntry + pattern_bytes_ * (path.size() + kNameBytes) / 2);
  }

  absl::StatusOr<std::optional<Entry>> Find(const std::string& path) override {
    if (path.empty()) return Entry{Kind::kFolder, ""};
    ASSIGN_OR_RETURN(const reapi::Directory* folder, FolderOf(path));
    if (folder == nullptr) return std::nullopt;
    const std::string_view name = LastName(path);
    if (FindNamed(folder->files(), name) != nullptr) return Entry{Kind::kOther, ""};
    if (FindNamed(folder->directories(), name) != nullptr) return Entry{Kind::kFolder, ""};
    const reapi::SymlinkNode* link = FindNamed(folder->symlinks(), name);
    if (link == nullptr) return std::nullopt;
    // Each following puts all of it in front of what is left to walk.
    RETURN_IF_ERROR(CheckPath(link->target()));
    RETURN_IF_ERROR(Spend(effort_, link->target().size() + 1, kEntry));
    return Entry{Kind::kLink, link->target()};
  }

  absl::StatusOr<std::vector<std::string>> Names(const std::string& path) override {
    ASSIGN_OR_RETURN(const reapi::Directory* folder, Folder(path));
    std::vector<std::string> names;
    if (folder == nullptr) return names;
    RETURN_IF_ERROR(CheckPath(path));
    RETURN_IF_ERROR(SpendOn(*folder, path));
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
    if (folders_.size() > kMostKnownFolders) {
      const std::optional<Digest> root = folders_[""];
      folders_ = {{"", root}};
    }
    return folders_[path] = digest;
  }

  absl::StatusOr<const reapi::Directory*> Read(const Digest& digest) {
    const auto found = directories_.find(digest);
    if (found != directories_.end()) return &found->second;
    RETURN_IF_ERROR(Spend(effort_, static_cast<size_t>(digest.size), kReadByte));
    ASSIGN_OR_RETURN(reapi::Directory directory, read_(digest));
    return &directories_.emplace(digest, std::move(directory)).first->second;
  }

 private:
  const ReadDirectory& read_;
  pattern::Effort* const effort_;
  const size_t pattern_bytes_;
  // By path; unset: no folder.
  std::map<std::string, std::optional<Digest>> folders_;
  std::map<Digest, reapi::Directory> directories_;
};

// Puts what a pattern names into the words of a plan. Used once.
class Resolver {
 public:
  Resolver(const v1::ContextPattern& pattern, MerkleTree& tree, const StoreDirectory& store,
           pattern::Effort* effort)
      : pattern_(pattern), tree_(tree), store_(store), effort_(effort) {}

  absl::StatusOr<v1::ContextMatches> Resolve();

 private:
  absl::Status Add(const pattern::SourceMatch& found);
  absl::StatusOr<v1::ContextMatch*> AddNamed(const pattern::SourceMatch& found);
  absl::Status AddFolder(const pattern::SourceMatch& found);
  absl::Status AddNothing(const std::string& path);
  // A folder whose contents are being filtered.
  struct Filtering {
    // What excludes are matched against.
    std::string path;
    Digest digest;
    bool keep_empty = false;
    reapi::Directory original{};
    reapi::Directory filtered{};
    bool changed = false;
    // Of `original`: the first that was not looked at.
    int next_folder = 0;
  };
  absl::StatusOr<std::optional<Digest>> Filter(const Digest& folder, const std::string& path,
                                               bool keep_empty);
  absl::StatusOr<Filtering> BeginFolder(const Digest& folder, std::string path, bool keep_empty);
  absl::StatusOr<std::optional<Digest>> FinishFolder(const Filtering& folder);

  const v1::ContextPattern& pattern_;
  MerkleTree& tree_;
  const StoreDirectory& store_;
  pattern::Effort* const effort_;
  pattern::IgnoreRules excludes_;
  v1::ContextMatches result_;
};

absl::StatusOr<v1::ContextMatches> Resolver::Resolve() {
  RETURN_IF_ERROR(Spend(effort_, pattern_.pattern().size() + 1, kEntry));
  ASSIGN_OR_RETURN(excludes_, pattern::IgnoreRules::FromPatterns(std::vector<std::string>(
                                  pattern_.excludes().begin(), pattern_.excludes().end())));
  ASSIGN_OR_RETURN(const pattern::SourceMatches found, pattern::MatchSources({.text = pattern_.pattern(),
                                                                              .parents = pattern_.parents(),
                                                                              .excludes = excludes_,
                                                                              .tree_name = "the context",
                                                                              .effort = effort_},
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

// Its files and links that are not excluded; its folders follow one by one.
absl::StatusOr<Resolver::Filtering> Resolver::BeginFolder(const Digest& folder, std::string path,
                                                          bool keep_empty) {
  RETURN_IF_ERROR(CheckPath(path));
  ASSIGN_OR_RETURN(const reapi::Directory* directory, tree_.Read(folder));
  Filtering begun{.path = std::move(path), .digest = folder, .keep_empty = keep_empty};
  RETURN_IF_ERROR(tree_.SpendOn(*directory, begun.path));
  // Copied, because reading children may move what `directory` points to.
  begun.original = *directory;
  if (begun.original.has_node_properties())
    *begun.filtered.mutable_node_properties() = begun.original.node_properties();
  const auto excluded = [&](const std::string& name) {
    return excludes_.Excluding(JoinPath(begun.path, name)).has_value();
  };
  for (const reapi::FileNode& node : begun.original.files()) {
    if (excluded(node.name())) {
      begun.changed = true;
    } else {
      *begun.filtered.add_files() = node;
    }
  }
  for (const reapi::SymlinkNode& node : begun.original.symlinks()) {
    if (excluded(node.name())) {
      begun.changed = true;
    } else {
      *begun.filtered.add_symlinks() = node;
    }
  }
  return begun;
}

absl::StatusOr<std::optional<Digest>> Resolver::FinishFolder(const Filtering& folder) {
  const reapi::Directory& left = folder.filtered;
  const bool empty = left.files().empty() && left.directories().empty() && left.symlinks().empty();
  if (!folder.keep_empty && empty) return std::optional<Digest>();
  if (!folder.changed) return std::optional<Digest>(folder.digest);
  ASSIGN_OR_RETURN(const Digest stored, store_(left));
  return std::optional<Digest>(stored);
}

// Not by recursion: how deep a context is, its sender says.
absl::StatusOr<std::optional<Digest>> Resolver::Filter(const Digest& folder, const std::string& path,
                                                       bool keep_empty) {
  std::vector<Filtering> open;
  ASSIGN_OR_RETURN(Filtering first, BeginFolder(folder, path, keep_empty));
  open.push_back(std::move(first));
  while (true) {
    Filtering& top = open.back();
    if (top.next_folder < top.original.directories_size()) {
      const reapi::DirectoryNode& node = top.original.directories(top.next_folder++);
      std::string child = JoinPath(top.path, node.name());
      const Verdict verdict = excludes_.Judge(child);
      if (verdict == Verdict::kHidden) {
        top.changed = true;
        continue;
      }
      ASSIGN_OR_RETURN(Filtering below, BeginFolder(FromProto(node.digest()), std::move(child),
                                                    /*keep_empty=*/verdict == Verdict::kTaken));
      open.push_back(std::move(below));
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<Digest> digest, FinishFolder(top));
    const Digest before = top.digest;
    open.pop_back();
    if (open.empty()) return digest;
    Filtering& parent = open.back();
    parent.changed = parent.changed || digest != before;
    if (!digest) continue;
    reapi::DirectoryNode& kept = *parent.filtered.add_directories();
    kept.set_name(parent.original.directories(parent.next_folder - 1).name());
    ToProto(*digest, kept.mutable_digest());
  }
}

}  // namespace

absl::StatusOr<v1::ContextMatches> MatchContext(const v1::ContextPattern& pattern, const Digest& root,
                                                const ReadDirectory& read, const StoreDirectory& store,
                                                pattern::Effort* effort) {
  size_t pattern_bytes = pattern.pattern().size();
  for (const std::string& exclude : pattern.excludes()) pattern_bytes += exclude.size();
  MerkleTree tree(root, read, effort, pattern_bytes);
  return Resolver(pattern, tree, store, effort).Resolve();
}

}  // namespace crossmill::plan
