// From an image's layers to its root file system: the tree a container would see, in canonical order.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "common/base/opening/nameless_file.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/tar_entry.h"
#include "common/layer/tar_reader.h"
#include "common/oci/image.h"

namespace crossmill::oci {

// Not thread safe. Memory grows with the number of paths, not with contents: these go through the file. The
// result depends on the layers only (docs/formats.md, "Images").
class Flattener {
 public:
  // Gets the entries of the tree in the order of canonical tars. Of several hard links to one file the first
  // is the file, the others name it. `content` is for files with size > 0 and need not be read.
  using Visitor = std::function<absl::Status(const layer::TarEntry& entry, const layer::Source& content)>;

  explicit Flattener(NamelessFile& contents) : contents_(contents) {}

  // The next layer up, uncompressed. Whiteouts and opaque markers remove what the layers below have; entries
  // below a symlink go where it leads (inside the root). INVALID_ARGUMENT names a path that cannot be
  // applied.
  absl::Status AddLayer(const layer::Source& tar);

  absl::Status Visit(const Visitor& visitor) const;
  size_t paths() const { return tree_.size(); }

 private:
  // What hard links share.
  struct File {
    // `path` and, for links, the rest of the tree's business are not used.
    layer::TarEntry entry;
    int64_t content = 0;  // Offset in the file.
  };
  struct Node {
    std::shared_ptr<File> file;
    int layer = 0;
  };
  using Tree = std::map<std::string, Node, layer::PathLess>;

  absl::Status Apply(layer::TarReader& reader, layer::TarEntry entry);
  absl::Status Link(const std::string& path, const layer::TarEntry& entry);
  absl::StatusOr<std::string> Resolve(std::string_view path) const;
  absl::StatusOr<std::string> ResolveFolder(std::string_view folder) const;
  void AddFolders(std::string_view path);
  // What the layers below have at the path and below it, or only below it.
  void RemoveLower(const std::string& path, bool itself);
  void RemoveAll(const std::string& path);
  void Put(const std::string& path, std::shared_ptr<File> file);

  NamelessFile& contents_;
  Tree tree_;
  int layer_ = 0;
};

// The layers of one platform's image (a manifest), each checked against its diffID. Errors as
// Flattener::AddLayer.
absl::Status AddImageLayers(BlobStore& store, const Digest& manifest, Flattener& flattener);

// An entry of the tree as canonical tars have it: symlinks have mode 0777, and nothing is older than 1970.
layer::TarEntry CanonicalEntry(const layer::TarEntry& entry);

// The tree as canonical tar entries below `prefix` (empty: at the root; else "linux_amd64", whose own entry
// is added, mode 0755).

absl::Status WriteTree(const Flattener& flattener, std::string_view prefix, layer::CanonicalTarWriter& tar);

}  // namespace crossmill::oci
