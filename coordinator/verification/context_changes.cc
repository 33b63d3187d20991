#include "coordinator/verification/context_changes.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// One entry of a folder, of whatever kind.
struct Entry {
  // 'f', 'd' or 'l'.
  char kind = 'f';
  // Digest or target.
  std::string content;
  uint32_t mode = 0;
  reapi::Digest folder;
};

std::map<std::string, Entry> EntriesOf(const reapi::Directory& directory) {
  std::map<std::string, Entry> entries;
  for (const reapi::FileNode& file : directory.files())
    entries[file.name()] = {'f', file.digest().hash(), file.node_properties().unix_mode().value(), {}};
  for (const reapi::DirectoryNode& folder : directory.directories())
    entries[folder.name()] = {'d', folder.digest().hash(), 0, folder.digest()};
  for (const reapi::SymlinkNode& link : directory.symlinks())
    entries[link.name()] = {'l', link.target(), 0, {}};
  return entries;
}

class TreeComparison {
 public:
  TreeComparison(BlobStore& blobs, const ContextLimits& limits, v1::BuildChanges* changes)
      : blobs_(blobs), limits_(limits), changes_(changes) {}

  // Roots without a digest are trees that there are not.
  void Compare(const reapi::Digest& before, const reapi::Digest& now, const std::string& prefix) {
    std::vector<Pair> pairs = {{before, now, prefix}};
    while (!pairs.empty()) {
      const Pair pair = std::move(pairs.back());
      pairs.pop_back();
      if (pair.before.hash() == pair.now.hash()) continue;
      reapi::Directory old_folder;
      reapi::Directory new_folder;
      if (!Read(pair.before, pair.path, &old_folder) || !Read(pair.now, pair.path, &new_folder)) return;
      if (old_folder.node_properties().unix_mode().value() !=
              new_folder.node_properties().unix_mode().value() &&
          !pair.before.hash().empty() && !pair.now.hash().empty())
        Add(pair.path.empty() ? "." : pair.path, v1::ContextChange::KIND_MODE);
      CompareEntries(EntriesOf(old_folder), EntriesOf(new_folder), pair.path, &pairs);
    }
  }

  void Add(const std::string& path, v1::ContextChange::Kind kind) {
    changes_->set_context_total(changes_->context_total() + 1);
    if (static_cast<size_t>(changes_->context_size()) >= limits_.changes) return;
    v1::ContextChange& change = *changes_->add_context();
    change.set_path(path);
    change.set_kind(kind);
  }

 private:
  struct Pair {
    reapi::Digest before;
    reapi::Digest now;
    std::string path;
  };

  // False: nothing more can be told.
  bool Read(const reapi::Digest& digest, const std::string& path, reapi::Directory* directory) {
    if (digest.hash().empty()) return true;
    if (++read_ > limits_.folders) {
      changes_->set_context_problem(fmt::format("more than {} folders differ", limits_.folders));
      return false;
    }
    const auto bytes = blobs_.Get(FromProto(digest));
    if (bytes.ok() && directory->ParseFromString(*bytes)) return true;
    changes_->set_context_problem(fmt::format(
        "folder {} of a context {}", path.empty() ? "." : path,
        absl::IsNotFound(bytes.status()) ? "is no longer in the farm's store" : "cannot be read"));
    return false;
  }

  void CompareEntries(const std::map<std::string, Entry>& before, const std::map<std::string, Entry>& now,
                      const std::string& folder, std::vector<Pair>* pairs) {
    std::set<std::string> names;
    for (const auto& [name, entry] : before) names.insert(name);
    for (const auto& [name, entry] : now) names.insert(name);
    for (const std::string& name : names) {
      const std::string path = folder.empty() || folder.ends_with(':') ? folder + name : folder + "/" + name;
      const auto old_entry = before.find(name);
      const auto new_entry = now.find(name);
      const bool gone = new_entry == now.end();
      const bool added = old_entry == before.end();
      if (gone || added) {
        Add(path, gone ? v1::ContextChange::KIND_REMOVED : v1::ContextChange::KIND_ADDED);
        continue;
      }
      const Entry& left = old_entry->second;
      const Entry& right = new_entry->second;
      if (left.kind == 'd' && right.kind == 'd') {
        if (left.content != right.content) pairs->push_back({left.folder, right.folder, path});
      } else if (left.kind != right.kind || left.content != right.content) {
        Add(path, v1::ContextChange::KIND_CONTENT);
      } else if (left.mode != right.mode) {
        Add(path, v1::ContextChange::KIND_MODE);
      }
    }
  }

  BlobStore& blobs_;
  const ContextLimits& limits_;
  v1::BuildChanges* changes_;
  size_t read_ = 0;
};

std::map<std::string, const v1::NamedContext*> NamedContexts(const v1::Recipe& recipe) {
  std::map<std::string, const v1::NamedContext*> contexts;
  for (const v1::NamedContext& context : recipe.contexts()) contexts[context.name()] = &context;
  return contexts;
}

}  // namespace

void AddContextChanges(const v1::Recipe& before, const v1::Recipe& now, BlobStore& blobs,
                       const ContextLimits& limits, v1::BuildChanges* changes) {
  TreeComparison comparison(blobs, limits, changes);
  comparison.Compare(before.context_root(), now.context_root(), "");
  const auto old_contexts = NamedContexts(before);
  const auto new_contexts = NamedContexts(now);
  for (const auto& [name, context] : old_contexts) {
    const auto other = new_contexts.find(name);
    if (other == new_contexts.end()) {
      comparison.Add(name + ":", v1::ContextChange::KIND_REMOVED);
    } else if (context->has_tree() && other->second->has_tree()) {
      comparison.Compare(context->tree(), other->second->tree(), name + ":");
    } else if (context->source_case() != other->second->source_case() ||
               context->image() != other->second->image() ||
               context->image_root().hash() != other->second->image_root().hash()) {
      comparison.Add(name + ":", v1::ContextChange::KIND_CONTENT);
    }
  }
  for (const auto& [name, context] : new_contexts) {
    if (!old_contexts.contains(name)) comparison.Add(name + ":", v1::ContextChange::KIND_ADDED);
  }
}

}  // namespace crossmill::coordinator
