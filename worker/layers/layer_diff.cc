#include "worker/layers/layer_diff.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/long_path.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {
namespace {

constexpr size_t kChunk = 1 << 16;

absl::StatusOr<bool> SameContent(const std::string& first, const std::string& second) {
  ASSIGN_OR_RETURN(const UniqueFd a, OpenFile(ReachablePath(first).text(), O_RDONLY | O_NOFOLLOW));
  ASSIGN_OR_RETURN(const UniqueFd b, OpenFile(ReachablePath(second).text(), O_RDONLY | O_NOFOLLOW));
  std::string buffer_a(kChunk, '\0'), buffer_b(kChunk, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t size_a, ReadSome(a.get(), buffer_a.data(), kChunk));
    ASSIGN_OR_RETURN(const size_t size_b, ReadSome(b.get(), buffer_b.data(), kChunk));
    if (size_a != size_b || std::memcmp(buffer_a.data(), buffer_b.data(), size_a) != 0) return false;
    if (size_a < kChunk) return true;
  }
}

bool IsFolder(const layer::TarEntry& entry) { return entry.type == layer::EntryType::kDirectory; }

class Differ {
 public:
  Differ(std::string upper, const DiffOptions& options) : upper_(std::move(upper)), options_(options) {
    for (std::string_view stub : options.stubs) {
      while (stub.starts_with('/')) stub.remove_prefix(1);
      while (stub.ends_with('/')) stub.remove_suffix(1);
      if (stub.empty()) continue;
      stubs_.emplace(stub);
      for (size_t slash = stub.rfind('/'); slash != stub.npos; slash = stub.rfind('/')) {
        stub = stub.substr(0, slash);
        stub_folders_.emplace(stub);
      }
      stub_folders_.emplace("");
    }
  }

  absl::StatusOr<UpperDiff> Run(const MergedFolder& lowers) {
    bool ignored = false;
    RETURN_IF_ERROR(Walk("", lowers, false, &diff_.nodes, &ignored));
    KeepLinkGroups(&diff_.nodes);
    Keep(&diff_.nodes);
    return std::move(diff_);
  }

 private:
  // The mtime that the layer records.
  int64_t LayerTime(int64_t mtime) const {
    if (options_.keep_times) return layer::ClampTime(mtime, std::numeric_limits<int64_t>::max());
    return mtime >= options_.started_at ? options_.clamp_time : layer::ClampTime(mtime, options_.clamp_time);
  }

  std::string OnDisk(const std::string& path) const { return fmt::format("{}/{}", upper_, path); }

  // Fills `nodes` with what the upper directory has at `path`. `hidden`: the upper directory, or one it
  // lies in, is opaque, so that what is below and not here was removed. `names_changed`: something was
  // added to or removed from the directory.
  absl::Status Walk(const std::string& path, const MergedFolder& lower, bool hidden,
                    std::vector<DiffNode>* nodes, bool* names_changed) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(OnDisk(path)));
    for (const std::string& name : names) {
      RETURN_IF_ERROR(
          Visit(path.empty() ? name : path + "/" + name, name, lower, hidden, nodes, names_changed));
    }
    if (hidden && !lower.empty()) {
      ASSIGN_OR_RETURN(const std::set<std::string> below, ListMerged(lower));
      for (const std::string& name : below) {
        if (std::binary_search(names.begin(), names.end(), name)) continue;
        DiffNode& node = nodes->emplace_back();
        node.entry.path = path.empty() ? name : path + "/" + name;
        node.whiteout = node.changed = true;
        node.on_disk = false;
        *names_changed = true;
      }
    }
    // The order of the tar, where the removal of "a" is called ".wh.a".
    std::sort(nodes->begin(), nodes->end(), [](const DiffNode& a, const DiffNode& b) {
      return layer::ComparePaths(TarPathOf(a), TarPathOf(b)) < 0;
    });
    return absl::OkStatus();
  }

  static std::string TarPathOf(const DiffNode& node) {
    return node.whiteout ? layer::WhiteoutPath(node.entry.path) : node.entry.path;
  }

  absl::Status Visit(const std::string& path, const std::string& name, const MergedFolder& lower, bool hidden,
                     std::vector<DiffNode>* nodes, bool* names_changed) {
    ASSIGN_OR_RETURN(std::optional<FoundFile> found, InspectFile(OnDisk(path), path));
    if (!found) return absl::UnavailableError(fmt::format("{} vanished", layer::Printable(path)));
    ASSIGN_OR_RETURN(const std::optional<LowerFile> below, LookUp(lower, name));
    DiffNode node;
    node.entry = std::move(found->entry);
    node.has_overlay_xattrs = found->has_overlay_xattrs;
    node.inode = found->inode;
    node.links = found->links;
    if (found->kind == FileKind::kWhiteout) {
      node.whiteout = true;
      node.changed = below.has_value();
      *names_changed |= below.has_value();
    } else if (found->kind != FileKind::kEntry) {
      diff_.left_out.push_back(path);
      // What it took the place of is gone all the same.
      node.whiteout = node.changed = below.has_value();
      node.in_the_way = true;
      *names_changed |= below.has_value();
    } else {
      RETURN_IF_ERROR(Compare(*found, below, hidden, &node));
      *names_changed |= node.changed && !below;
    }
    nodes->push_back(std::move(node));
    return absl::OkStatus();
  }

  absl::Status Compare(const FoundFile& found, const std::optional<LowerFile>& below, bool hidden,
                       DiffNode* node) {
    const int64_t on_disk_time = node->entry.mtime;
    node->disk_mtime = on_disk_time;
    node->disk_fraction = found.fraction;
    if (below) node->lower_mtime = below->found.entry.mtime;
    int64_t time = LayerTime(on_disk_time);
    const std::string path = node->entry.path;
    bool dropped_below = false;
    if (IsFolder(node->entry)) {
      const MergedFolder folder = below ? below->folder : MergedFolder();
      bool names_changed = false;
      RETURN_IF_ERROR(Walk(path, folder, hidden || found.opaque, &node->children, &names_changed));
      // Creating a mount point touched the folder; nothing else did.
      if (stub_folders_.contains(path) && !names_changed && !folder.empty()) {
        time = LayerTime(below->found.entry.mtime);
      }
      for (const DiffNode& child : node->children) {
        dropped_below |= !child.changed && stub_paths_dropped_.contains(child.entry.path);
      }
    }
    node->entry.mtime = time;
    if (!below && IsStub(*node, dropped_below)) {
      stub_paths_dropped_.insert(path);
    } else {
      ASSIGN_OR_RETURN(const bool same, Same(*node, below));
      node->changed = !same;
    }
    if (node->changed && options_.exact_times && !options_.keep_times)
      node->entry.mtime = options_.clamp_time;
    node->time_differs = found.fraction != 0 || node->entry.mtime != on_disk_time;
    return absl::OkStatus();
  }

  // New, and as a runtime makes mount points: an empty file, or a folder with nothing else in it.
  bool IsStub(const DiffNode& node, bool dropped_below) const {
    const std::string& path = node.entry.path;
    if (node.entry.type == layer::EntryType::kFile) return node.entry.size == 0 && stubs_.contains(path);
    if (!IsFolder(node.entry)) return false;
    if (!stubs_.contains(path) && !(dropped_below && stub_folders_.contains(path))) return false;
    return std::none_of(node.children.begin(), node.children.end(),
                        [](const DiffNode& child) { return child.changed; });
  }

  absl::StatusOr<bool> Same(const DiffNode& node, const std::optional<LowerFile>& below) const {
    if (!below || below->found.kind != FileKind::kEntry) return false;
    layer::TarEntry lower = below->found.entry;
    lower.path = node.entry.path;
    lower.mtime = LayerTime(lower.mtime);
    if (lower != node.entry) return false;
    if (node.entry.type != layer::EntryType::kFile || node.entry.size == 0) return true;
    return SameContent(OnDisk(node.entry.path), below->file);
  }

  // A file that did not change stays if a name that did is linked to it: the link is the change.
  void KeepLinkGroups(std::vector<DiffNode>* nodes) {
    std::set<uint64_t> changed;
    CollectChangedLinks(*nodes, &changed);
    if (!changed.empty()) MarkLinks(nodes, changed);
  }

  static bool HasLinks(const DiffNode& node) {
    return node.links > 1 && !node.whiteout && !IsFolder(node.entry);
  }

  static void CollectChangedLinks(const std::vector<DiffNode>& nodes, std::set<uint64_t>* changed) {
    for (const DiffNode& node : nodes) {
      if (HasLinks(node) && node.changed) changed->insert(node.inode);
      CollectChangedLinks(node.children, changed);
    }
  }

  void MarkLinks(std::vector<DiffNode>* nodes, const std::set<uint64_t>& changed) {
    for (DiffNode& node : *nodes) {
      if (HasLinks(node) && changed.contains(node.inode) && !LeftOut(node)) node.changed = true;
      MarkLinks(&node.children, changed);
    }
  }

  bool LeftOut(const DiffNode& node) const {
    return std::find(diff_.left_out.begin(), diff_.left_out.end(), node.entry.path) != diff_.left_out.end();
  }

  // Directories on the way to a change belong to the layer too: who unpacks it would have to invent them.
  static bool Keep(std::vector<DiffNode>* nodes) {
    bool any = false;
    for (DiffNode& node : *nodes) {
      const bool below = Keep(&node.children);
      node.kept = node.changed || below;
      any |= node.kept;
    }
    return any;
  }

  const std::string upper_;
  const DiffOptions& options_;
  std::set<std::string> stubs_;
  std::set<std::string> stub_folders_;
  std::set<std::string> stub_paths_dropped_;
  UpperDiff diff_;
};

}  // namespace

absl::StatusOr<UpperDiff> DiffUpper(const std::string& upper, const std::vector<std::string>& lowers,
                                    const DiffOptions& options) {
  return Differ(upper, options).Run(lowers);
}

}  // namespace crossmill::worker
