#include "coordinator/verdict/squashed_root.h"

#include <string_view>

#include "common/base/status.h"
#include "common/layer/tar_entry.h"

namespace crossmill::verdict {
namespace {

// Everything of an entry but its path and time. A name of a file that has others is told like the file.
std::string Described(const layer::ManifestEntry& each,
                      const std::map<std::string_view, const layer::ManifestEntry*>& files) {
  const layer::ManifestEntry* file = &each;
  if (each.entry.type == layer::EntryType::kHardLink) {
    if (const auto target = files.find(each.entry.link); target != files.end()) file = target->second;
  }
  const layer::TarEntry& entry = file->entry;
  std::string text =
      fmt::format("{} {:o} {}:{} {} {}:{} {} {}", EntryTypeName(entry.type), entry.mode, entry.uid, entry.gid,
                  entry.size, entry.dev_major, entry.dev_minor, file->sha256, entry.link);
  for (const auto& [name, value] : entry.xattrs) text += fmt::format(" {}={}", name, value);
  return text;
}

class Squasher {
 public:
  void Add(const layer::LayerManifest& layer) {
    std::map<std::string_view, const layer::ManifestEntry*> files;
    for (const layer::ManifestEntry& each : layer.entries) {
      const std::string& path = each.entry.path;
      if (each.whiteout) {
        RemoveBelow(path);
        root_.entries.erase(path);
        root_.removed.insert(path);
        continue;
      }
      if (each.entry.type == layer::EntryType::kFile) files[path] = &each;
      if (each.entry.type != layer::EntryType::kDirectory) RemoveBelow(path);
      root_.entries[path] = Described(each, files);
    }
  }
  SquashedRoot Take() { return std::move(root_); }

 private:
  void RemoveBelow(const std::string& path) {
    const std::string folder = path + "/";
    auto first = root_.entries.lower_bound(folder);
    auto last = first;
    while (last != root_.entries.end() && last->first.starts_with(folder)) ++last;
    root_.entries.erase(first, last);
  }

  SquashedRoot root_;
};

}  // namespace

SquashedRoot Squash(absl::Span<const layer::LayerManifest* const> layers) {
  Squasher squasher;
  for (const layer::LayerManifest* layer : layers) squasher.Add(*layer);
  return squasher.Take();
}

}  // namespace crossmill::verdict
