#include "coordinator/forecast/farm_indexes.h"

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Of each index, in bytes of pages.
constexpr size_t kMemory = size_t{64} << 20;
// Dockerfiles may name any number: the others are forgotten when there are so many, with a little memory
// each.
constexpr size_t kMostOthers = 16;
constexpr size_t kMemoryOfOthers = size_t{8} << 20;

}  // namespace

FarmIndexes::FarmIndexes(const std::vector<index::IndexAddress>& indexes, http::HttpClient& client,
                         BlobStore& blobs, index::PageArchive* archive, Clock& clock)
    : client_(client), clock_(clock), files_(client, blobs, clock) {
  index::IndexPagesOptions options;
  options.archive = archive;
  options.memory = kMemory;
  for (const index::IndexAddress& address : indexes)
    configured_.push_back(std::make_shared<index::IndexPages>(address, client_, clock_, options));
}

absl::StatusOr<std::shared_ptr<index::IndexPages>> FarmIndexes::At(const std::string& address) {
  ASSIGN_OR_RETURN(const index::IndexAddress parsed, index::ParseIndexAddress(address));
  MutexLock lock(mutex_);
  const auto found = others_.find(address);
  if (found != others_.end()) return found->second;
  if (others_.size() >= kMostOthers) others_.clear();
  index::IndexPagesOptions options;
  options.memory = kMemoryOfOthers;
  return others_[address] = std::make_shared<index::IndexPages>(parsed, client_, clock_, options);
}

}  // namespace crossmill::coordinator
