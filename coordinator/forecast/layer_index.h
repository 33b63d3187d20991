// What is where in the tar of a layer, so that single files are read out of it.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/mutex.h"
#include "common/layer/tar_entry.h"
#include "common/layer/tar_reader.h"

namespace crossmill::coordinator {

struct IndexedEntry {
  // As TarEntry::path.
  std::string path;
  layer::EntryType type = layer::EntryType::kFile;
  // Of a file's content in the tar, in bytes.
  int64_t offset = 0;
  int64_t size = 0;
  // As TarEntry::link.
  std::string link;
};

// In the order of the tar.
using LayerIndex = std::vector<IndexedEntry>;

// Of an uncompressed tar: reads it whole. RESOURCE_EXHAUSTED: it has more than 2,000,000 entries; CANCELLED;
// else as of TarReader and the source.
absl::StatusOr<LayerIndex> IndexTar(const layer::Source& tar, const std::stop_token& stop);

// Remembers those that were asked for last, up to 1,000,000 entries. Thread safe.
class LayerIndexes {
 public:
  // The store outlives it.
  explicit LayerIndexes(BlobStore& blobs) : blobs_(blobs) {}

  // NOT_FOUND: the tar is not in the store; else as of IndexTar.
  absl::StatusOr<std::shared_ptr<const LayerIndex>> Get(const Digest& tar, const std::stop_token& stop);

 private:
  struct Kept {
    std::string hash;
    std::shared_ptr<const LayerIndex> index;
  };

  BlobStore& blobs_;
  Mutex mutex_;
  // The latest first.
  std::list<Kept> kept_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::list<Kept>::iterator> by_hash_ ABSL_GUARDED_BY(mutex_);
  size_t entries_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::coordinator
