#include "coordinator/forecast/layer_index.h"

#include <optional>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostEntries = 2'000'000;
constexpr size_t kMostKept = 1'000'000;
constexpr size_t kLongestPath = 4096;

}  // namespace

absl::StatusOr<LayerIndex> IndexTar(const layer::Source& tar, const std::stop_token& stop) {
  layer::TarReader reader([&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (stop.stop_requested()) return absl::CancelledError("cancelled");
    return tar(buffer, size);
  });
  LayerIndex index;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<layer::TarEntry> entry, reader.Next());
    if (!entry.has_value()) return index;
    // No file system has it.
    if (entry->path.size() > kLongestPath) continue;
    if (index.size() == kMostEntries)
      return absl::ResourceExhaustedError(fmt::format("a layer of more than {} entries", kMostEntries));
    index.push_back(
        {std::move(entry->path), entry->type, reader.offset(), entry->size, std::move(entry->link)});
  }
}

absl::StatusOr<std::shared_ptr<const LayerIndex>> LayerIndexes::Get(const Digest& tar,
                                                                    const std::stop_token& stop) {
  {
    MutexLock lock(mutex_);
    if (const auto found = by_hash_.find(tar.hash); found != by_hash_.end()) {
      kept_.splice(kept_.begin(), kept_, found->second);
      return found->second->index;
    }
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, blobs_.Open(tar, 0));
  ASSIGN_OR_RETURN(LayerIndex read,
                   IndexTar([&](char* buffer, size_t size) { return blob->Read(buffer, size); }, stop));
  auto index = std::make_shared<const LayerIndex>(std::move(read));
  MutexLock lock(mutex_);
  // Somebody else may have read it meanwhile.
  if (by_hash_.contains(tar.hash)) return index;
  kept_.push_front({tar.hash, index});
  by_hash_[tar.hash] = kept_.begin();
  entries_ += index->size();
  while (entries_ > kMostKept && kept_.size() > 1) {
    entries_ -= kept_.back().index->size();
    by_hash_.erase(kept_.back().hash);
    kept_.pop_back();
  }
  return index;
}

}  // namespace crossmill::coordinator
