#include "common/plan/context_match.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::plan {
namespace {

// As many as Linux follows.
constexpr int kMostLinks = 40;

std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(begin, end - begin);
    if (!segment.empty() && segment != ".") segments.emplace_back(segment);
    begin = end + 1;
  }
  return segments;
}

uint32_t ModeOf(const reapi::NodeProperties& properties, uint32_t otherwise) {
  return properties.has_unix_mode() ? properties.unix_mode().value() : otherwise;
}

// One entry of the tree.
struct Node {
  enum Kind { kFile, kDirectory, kSymlink } kind = kDirectory;
  Digest digest;
  std::string target;
  uint32_t mode = 0;
  int64_t mtime = 0;
};

// Directories as read, each once; sorted lists make look-ups quick.
class Tree {
 public:
  Tree(const Digest& root, const ReadDirectory& read) : root_(root), read_(read) {}

  const Digest& root() const { return root_; }
  absl::StatusOr<const reapi::Directory*> Read(const Digest& digest) {
    const auto found = directories_.find(digest);
    if (found != directories_.end()) return &found->second;
    ASSIGN_OR_RETURN(reapi::Directory directory, read_(digest));
    return &directories_.emplace(digest, std::move(directory)).first->second;
  }

  absl::StatusOr<std::optional<Node>> Child(const Digest& folder, std::string_view name);
  // Names of a directory's children, sorted.
  absl::StatusOr<std::vector<std::string>> Names(const Digest& folder);

 private:
  const Digest root_;
  const ReadDirectory& read_;
  std::map<Digest, reapi::Directory> directories_;
};

template <typename List>
auto FindNamed(const List& list, std::string_view name) -> decltype(&*list.begin()) {
  const auto found =
      std::lower_bound(list.begin(), list.end(), name,
                       [](const auto& node, std::string_view wanted) { return node.name() < wanted; });
  return found != list.end() && found->name() == name ? &*found : nullptr;
}

absl::StatusOr<std::optional<Node>> Tree::Child(const Digest& folder, std::string_view name) {
  ASSIGN_OR_RETURN(const reapi::Directory* directory, Read(folder));
  Node node;
  if (const reapi::FileNode* file = FindNamed(directory->files(), name)) {
    node.kind = Node::kFile;
    node.digest = FromProto(file->digest());
    node.mode = ModeOf(file->node_properties(), file->is_executable() ? 0755 : 0644);
    node.mtime = file->node_properties().mtime().seconds();
    return node;
  }
  if (const reapi::DirectoryNode* child = FindNamed(directory->directories(), name)) {
    node.digest = FromProto(child->digest());
    return node;
  }
  if (const reapi::SymlinkNode* link = FindNamed(directory->symlinks(), name)) {
    node.kind = Node::kSymlink;
    node.target = link->target();
    node.mode = 0777;
    node.mtime = link->node_properties().mtime().seconds();
    return node;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<std::string>> Tree::Names(const Digest& folder) {
  ASSIGN_OR_RETURN(const reapi::Directory* directory, Read(folder));
  std::vector<std::string> names;
  for (const auto& node : directory->files()) names.push_back(node.name());
  for (const auto& node : directory->directories()) names.push_back(node.name());
  for (const auto& node : directory->symlinks()) names.push_back(node.name());
  std::sort(names.begin(), names.end());
  return names;
}

class Matcher {
 public:
  Matcher(const v1::ContextPattern& pattern, Tree& tree, const StoreDirectory& store)
      : pattern_(pattern), tree_(tree), store_(store) {}

  absl::StatusOr<v1::ContextMatches> Match();

 private:
  void SetSegments(std::string_view path) {
    segments_ = Segments(path);
    const auto wild = std::find_if(segments_.begin(), segments_.end(), pattern::HasWildcards);
    first_wildcard_ = static_cast<size_t>(wild - segments_.begin());
  }
  // Follows every link on the way, the last one too. Unset: something on the way does not exist.
  absl::StatusOr<std::optional<Node>> Resolve(std::string_view path);
  absl::Status MatchSegments(const Digest& folder, const std::string& path, size_t next);
  absl::Status MatchParents();
  // `modes`: of the folders that `path` goes through, itself included.
  absl::Status MatchBelow(const Digest& folder, const std::string& path, const std::vector<uint32_t>& modes,
                          const pattern::PathPattern& pattern);
  absl::Status Add(const std::string& path, const std::string& name, const Node& node,
                   const std::vector<uint32_t>& parent_modes = {});
  absl::Status NotFound(std::string_view path);
  // `path` is what excludes are matched against.
  absl::StatusOr<std::optional<Digest>> Filter(const Digest& folder, const std::string& path,
                                               bool keep_empty);

  const v1::ContextPattern& pattern_;
  Tree& tree_;
  const StoreDirectory& store_;
  pattern::IgnoreRules excludes_;
  std::vector<std::string> segments_;
  size_t first_wildcard_ = 0;
  // Of --parents: the pivot's path.
  std::string pivot_;
  std::map<std::string, v1::ContextMatch> matches_;
};

absl::StatusOr<v1::ContextMatches> Matcher::Match() {
  ASSIGN_OR_RETURN(excludes_, pattern::IgnoreRules::FromPatterns(std::vector<std::string>(
                                  pattern_.excludes().begin(), pattern_.excludes().end())));
  if (pattern_.parents()) {
    RETURN_IF_ERROR(MatchParents());
  } else {
    SetSegments(pattern::CleanAbsolute(pattern_.pattern()));
    RETURN_IF_ERROR(MatchSegments(tree_.root(), "", 0));
    if (matches_.empty() && !pattern::HasWildcards(pattern_.pattern()))
      return NotFound(pattern::Unescape(pattern_.pattern()));
  }
  v1::ContextMatches result;
  for (auto& [path, match] : matches_) *result.add_matches() = std::move(match);
  return result;
}

absl::StatusOr<std::optional<Node>> Matcher::Resolve(std::string_view path) {
  const auto split = Segments(path);
  std::deque<std::string> open(split.begin(), split.end());
  std::vector<Digest> folders{tree_.root()};
  int links = 0;
  Node node;
  node.digest = tree_.root();
  while (!open.empty()) {
    const std::string name = std::move(open.front());
    open.pop_front();
    if (node.kind != Node::kDirectory) return std::optional<Node>();
    if (name == "..") {
      if (folders.size() > 1) folders.pop_back();
      node = Node();
      node.digest = folders.back();
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<Node> child, tree_.Child(folders.back(), name));
    if (!child) return std::optional<Node>();
    node = *child;
    if (node.kind == Node::kDirectory) {
      folders.push_back(node.digest);
    } else if (node.kind == Node::kSymlink) {
      if (++links > kMostLinks) {
        return absl::FailedPreconditionError(fmt::format("'{}' is a loop of links in the context", path));
      }
      const std::string target = std::move(node.target);
      const auto steps = Segments(target);
      open.insert(open.begin(), steps.begin(), steps.end());
      if (target.starts_with('/')) folders.resize(1);
      node = Node();
      node.digest = folders.back();
    }
  }
  return node;
}

// `folder` is what `path` leads to, links followed.
absl::Status Matcher::MatchSegments(const Digest& folder, const std::string& path, size_t next) {
  if (next == segments_.size()) {
    Node node;
    node.digest = folder;
    return Add(path, next == 0 ? "" : path.substr(path.rfind('/') + 1), node);
  }
  const std::string& segment = segments_[next];
  std::vector<std::string> names{pattern::Unescape(segment)};
  if (pattern::HasWildcards(segment)) {
    ASSIGN_OR_RETURN(names, tree_.Names(folder));
    std::erase_if(names, [&](const std::string& name) { return !pattern::MatchSegment(segment, name); });
  }
  const bool last = next + 1 == segments_.size();
  for (const std::string& name : names) {
    const std::string child_path = JoinPath(path, name);
    // From the first wildcard on only the source itself is followed, not folders on the way.
    if (next >= first_wildcard_ && !last) {
      ASSIGN_OR_RETURN(const std::optional<Node> child, tree_.Child(folder, name));
      if (child && child->kind == Node::kDirectory)
        RETURN_IF_ERROR(MatchSegments(child->digest, child_path, next + 1));
      continue;
    }
    if (last && pattern::HasWildcards(segment) && excludes_.Excluding(name)) continue;
    ASSIGN_OR_RETURN(const std::optional<Node> node, Resolve(child_path));
    if (!node && pattern::HasWildcards(segment) && last) {
      return absl::NotFoundError(
          fmt::format("'{}' is a link to something that is not in the context", child_path));
    }
    if (!node) continue;
    if (node->kind == Node::kDirectory) {
      RETURN_IF_ERROR(MatchSegments(node->digest, child_path, next + 1));
    } else if (last && !excludes_.Excluding(name)) {
      RETURN_IF_ERROR(Add(child_path, name, *node));
    }
  }
  return absl::OkStatus();
}

absl::Status Matcher::MatchParents() {
  const std::string& text = pattern_.pattern();
  const size_t at = text.find("/./");
  std::string below = text;
  if (at != std::string::npos) {
    pivot_ = pattern::CleanAbsolute(text.substr(0, at)).substr(1);
    below = text.substr(at + 3);
  }
  below = pattern::CleanAbsolute(below).substr(1);
  // Wildcards before the pivot choose one folder or several.
  std::vector<std::pair<std::string, Digest>> pivots;
  if (!pattern::HasWildcards(pivot_)) {
    ASSIGN_OR_RETURN(const std::optional<Node> node, Resolve(pattern::Unescape(pivot_)));
    if (!node || node->kind != Node::kDirectory) return NotFound(pattern::Unescape(pivot_));
    pivots.emplace_back(pattern::Unescape(pivot_), node->digest);
  } else {
    Matcher finder({}, tree_, store_);
    finder.SetSegments(pivot_);
    RETURN_IF_ERROR(finder.MatchSegments(tree_.root(), "", 0));
    for (const auto& [path, match] : finder.matches_) {
      if (match.has_directory()) pivots.emplace_back(path, FromProto(match.directory()));
    }
  }
  absl::StatusOr<pattern::PathPattern> compiled = pattern::PathPattern::Compile(below);
  if (!compiled.ok()) return compiled.status();
  for (const auto& [path, digest] : pivots) {
    pivot_ = path;
    if (below.empty()) {
      Node node;
      node.digest = digest;
      RETURN_IF_ERROR(Add(path, "", node));
    } else {
      RETURN_IF_ERROR(MatchBelow(digest, "", {}, *compiled));
    }
  }
  if (matches_.empty() && !pattern::HasWildcards(text))
    return NotFound(pattern::Unescape(JoinPath(pivot_, below)));
  return absl::OkStatus();
}

absl::Status Matcher::MatchBelow(const Digest& folder, const std::string& path,
                                 const std::vector<uint32_t>& modes, const pattern::PathPattern& pattern) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, tree_.Names(folder));
  for (const std::string& name : names) {
    const std::string child_path = JoinPath(path, name);
    ASSIGN_OR_RETURN(const std::optional<Node> node, tree_.Child(folder, name));
    if (pattern.Matches(child_path)) {
      if (node->kind == Node::kDirectory || !excludes_.Excluding(child_path)) {
        RETURN_IF_ERROR(Add(JoinPath(pivot_, child_path), child_path, *node, modes));
      }
    } else if (node->kind == Node::kDirectory && pattern.MayMatchBelow(child_path)) {
      ASSIGN_OR_RETURN(const reapi::Directory* directory, tree_.Read(node->digest));
      std::vector<uint32_t> child_modes = modes;
      child_modes.push_back(ModeOf(directory->node_properties(), 0755));
      RETURN_IF_ERROR(MatchBelow(node->digest, child_path, child_modes, pattern));
    }
  }
  return absl::OkStatus();
}

absl::Status Matcher::Add(const std::string& path, const std::string& name, const Node& node,
                          const std::vector<uint32_t>& parent_modes) {
  v1::ContextMatch match;
  match.set_name(name);
  match.mutable_parent_modes()->Add(parent_modes.begin(), parent_modes.end());
  match.set_path(path);
  if (node.kind == Node::kDirectory) {
    Digest digest = node.digest;
    if (!excludes_.empty()) {
      const bool excluded = pattern_.parents() && !name.empty() && excludes_.Excluding(name).has_value();
      if (excluded && !excludes_.MayHaveExceptionBelow(name)) return absl::OkStatus();
      ASSIGN_OR_RETURN(const std::optional<Digest> filtered,
                       Filter(digest, pattern_.parents() ? name : "", /*keep_empty=*/!excluded));
      if (!filtered) return absl::OkStatus();
      digest = *filtered;
    }
    ASSIGN_OR_RETURN(const reapi::Directory* directory, tree_.Read(node.digest));
    match.set_unix_mode(ModeOf(directory->node_properties(), 0755));
    match.set_mtime(directory->node_properties().mtime().seconds());
    ToProto(digest, match.mutable_directory());
  } else if (node.kind == Node::kFile) {
    match.set_unix_mode(node.mode);
    match.set_mtime(node.mtime);
    ToProto(node.digest, match.mutable_file());
  } else {
    match.set_symlink_target(node.target);
    match.set_unix_mode(node.mode);
    match.set_mtime(node.mtime);
  }
  matches_[path] = std::move(match);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Digest>> Matcher::Filter(const Digest& folder, const std::string& path,
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
    const bool hidden = excludes_.Excluding(child).has_value();
    std::optional<Digest> digest;
    if (!hidden || excludes_.MayHaveExceptionBelow(child)) {
      ASSIGN_OR_RETURN(digest, Filter(FromProto(node.digest()), child, /*keep_empty=*/!hidden));
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

// Names the first part of the path that is missing, so that a person sees where it goes wrong.
absl::Status Matcher::NotFound(std::string_view path) {
  const std::string clean = pattern::CleanAbsolute(path).substr(1);
  std::string known;
  for (const std::string& segment : Segments(clean)) {
    const std::string next = JoinPath(known, segment);
    ASSIGN_OR_RETURN(const std::optional<Node> node, Resolve(next));
    if (!node) break;
    known = next;
  }
  if (known.empty() || known == clean) {
    return absl::NotFoundError(fmt::format("'{}' is not in the context", clean));
  }
  return absl::NotFoundError(fmt::format("'{}' is not in the context (only '{}' is)", clean, known));
}

}  // namespace

absl::StatusOr<v1::ContextMatches> MatchContext(const v1::ContextPattern& pattern, const Digest& root,
                                                const ReadDirectory& read, const StoreDirectory& store) {
  Tree tree(root, read);
  return Matcher(pattern, tree, store).Match();
}

}  // namespace crossmill::plan
