// A root file system as its layers make it, without unpacking them: later layers over earlier ones, contents
// read out of blobs when they are asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/predict/image/root_files.h"
#include "coordinator/forecast/layer_index.h"

namespace crossmill::coordinator {

// Where the bytes of a file are.
struct FileContent {
  // A part of a blob, or, without one, `text`. Sizes in bytes.
  Digest blob;
  int64_t offset = 0;
  int64_t size = 0;
  std::shared_ptr<const std::string> text;
};

// A copy is a root of its own. Not thread safe. The store outlives it.
class MergedRoot final : public predict::RootFiles {
 public:
  explicit MergedRoot(BlobStore& blobs) : blobs_(&blobs) {}

  // The next layer up, whose tar is the blob `tar`: what it removes goes from the layers below, and entries
  // below a link go where it leads, inside the root. Devices and the like are there as kOther.
  // RESOURCE_EXHAUSTED: more than 1,000,000 paths.
  absl::Status AddLayer(const LayerIndex& layer, const Digest& tar);

  // As COPY and WORKDIR make them: folders on the way are made, links on it followed; what is in the way
  // gives way, but for a folder where one is wanted. Paths are absolute.
  absl::Status PutFile(std::string_view path, FileContent content);
  absl::Status PutLink(std::string_view path, std::string target);
  absl::Status PutFolder(std::string_view path);

  size_t paths() const { return nodes_.size(); }

  // NOT_FOUND if no file is there; links are not followed.
  absl::StatusOr<FileContent> ContentOf(std::string_view path) const;

  absl::StatusOr<Kind> Look(std::string_view path) override;
  absl::StatusOr<Listing> List(std::string_view path, size_t limit) override;
  absl::StatusOr<std::string> Read(std::string_view path, uint64_t offset, size_t limit) override;
  absl::StatusOr<std::string> ReadLink(std::string_view path) override;

 private:
  struct Node {
    Kind kind = Kind::kFolder;
    FileContent content;
    std::string link;
  };

  // Where the path's folder really is, made if it is not there, with the path's name behind it.
  absl::StatusOr<std::string> Place(std::string_view path);
  absl::StatusOr<std::string> RealFolder(std::string_view folder);
  absl::Status Put(std::string_view path, Node node);
  absl::Status Apply(const IndexedEntry& entry, const Digest& tar);
  void Remove(const LayerIndex& layer);
  void RemoveBelow(const std::string& path);

  BlobStore* blobs_;
  // Without the root itself: "/a", "/a/b".
  std::map<std::string, Node, std::less<>> nodes_;
  // What RealFolder said last: entries come folder by folder.
  std::string last_folder_;
  std::string last_real_;
};

}  // namespace crossmill::coordinator
