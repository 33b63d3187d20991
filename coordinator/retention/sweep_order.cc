#include "coordinator/retention/sweep_order.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"

namespace crossmill::coordinator {

void PartUses::Note(int64_t used_at, absl::Span<const BlobName> parts) {
  for (const BlobName& part : parts) {
    int64_t& latest = used_at_.Of(part)[part];
    latest = std::max(latest, used_at);
  }
}

int64_t PartUses::LatestOf(const BlobUse& use) const {
  const auto& used = used_at_.Of(use.name);
  const auto found = used.find(use.name);
  return found == used.end() ? use.used_at : std::max(use.used_at, found->second);
}

bool SweepOrder::Later::operator()(size_t a, size_t b) const {
  const Shard& first = (*shards)[a];
  const Shard& second = (*shards)[b];
  return second.candidates[second.next] < first.candidates[first.next];
}

SweepOrder::Considered SweepOrder::AddShard(std::vector<BlobUse> uses, absl::Span<const BlobName> parted,
                                            const NeededBlobs& needed, const PartUses& parts,
                                            int64_t horizon) {
  const absl::flat_hash_set<BlobName> made_of_others(parted.begin(), parted.end());
  Considered considered;
  Shard shard;
  for (const BlobUse& use : uses) {
    const int64_t used_at = parts.LatestOf(use);
    if (needed.Contains(use.name)) {
      considered.needed_bytes += use.disk_bytes;
    } else if (used_at >= horizon) {
      considered.recent_bytes += use.disk_bytes;
    } else {
      shard.candidates.push_back({used_at, made_of_others.contains(use.name) ? 0 : 1, use});
      bytes_ += use.disk_bytes;
      ++count_;
    }
  }
  std::sort(shard.candidates.begin(), shard.candidates.end());
  shards_.push_back(std::move(shard));
  return considered;
}

std::optional<BlobUse> SweepOrder::Next() {
  if (!begun_) {
    begun_ = true;
    for (size_t i = 0; i < shards_.size(); ++i) {
      if (!shards_[i].candidates.empty()) heap_.push_back(i);
    }
    std::make_heap(heap_.begin(), heap_.end(), Later{&shards_});
  }
  if (heap_.empty()) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), Later{&shards_});
  Shard& shard = shards_[heap_.back()];
  const BlobUse use = shard.candidates[shard.next++].use;
  if (shard.next == shard.candidates.size()) {
    heap_.pop_back();
  } else {
    std::push_heap(heap_.begin(), heap_.end(), Later{&shards_});
  }
  return use;
}

}  // namespace crossmill::coordinator
