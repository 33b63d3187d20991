#include "common/compare/neutral/platform_root.h"

#include <utility>

namespace crossmill::compare {
namespace {

void RemoveBelow(const std::string& path, PlatformRoot* root) {
  const std::string folder = path + "/";
  auto first = root->lower_bound(folder);
  auto last = first;
  while (last != root->end() && last->first.starts_with(folder)) ++last;
  root->erase(first, last);
}

}  // namespace

PlatformRoot RootOf(absl::Span<const layer::LayerManifest> layers) {
  PlatformRoot root;
  for (size_t i = 0; i < layers.size(); ++i) {
    std::map<std::string_view, const layer::ManifestEntry*> files;
    for (const layer::ManifestEntry& each : layers[i].entries) {
      const std::string& path = each.entry.path;
      if (each.whiteout || each.entry.type != layer::EntryType::kDirectory) RemoveBelow(path, &root);
      if (each.whiteout || each.entry.type == layer::EntryType::kDirectory) {
        root.erase(path);
        continue;
      }
      const layer::ManifestEntry* source = &each;
      if (each.entry.type == layer::EntryType::kFile) files[path] = &each;
      if (each.entry.type == layer::EntryType::kHardLink) {
        const auto target = files.find(each.entry.link);
        if (target != files.end()) source = target->second;
      }
      RootEntry entry{.entry = *source, .layer = i, .path = path};
      entry.entry.entry.path = path;
      root[path] = std::move(entry);
    }
  }
  return root;
}

}  // namespace crossmill::compare
