#include "common/blobs/blob_uses.h"

#include <algorithm>

namespace crossmill {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

BlobUses::Hold::~Hold() {
  if (uses_ == nullptr) return;
  for (const BlobName& name : names_) {
    ShardState& shard = uses_->Of(name);
    MutexLock lock(shard.mutex);
    const auto held = shard.holds.find(name);
    if (--held->second == 0) shard.holds.erase(held);
  }
}

void BlobUses::Hold::Add(const BlobName& name) {
  ShardState& shard = uses_->Of(name);
  {
    MutexLock lock(shard.mutex);
    ++shard.holds[name];
  }
  names_.push_back(name);
}

BlobUses::Touched BlobUses::Touch(const BlobName& name, int64_t now) {
  ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  while (shard.being_removed.contains(name)) shard.removed.Wait(shard.mutex);
  const auto found = shard.entries.find(name);
  if (found == shard.entries.end()) return {};
  Entry& entry = found->second;
  entry.used_at = std::max(entry.used_at, now);
  const int64_t seconds = entry.used_at / kSecond;
  if (seconds - entry.written_at < kWriteAfter) return {.known = true, .to_write = false};
  entry.written_at = static_cast<uint32_t>(seconds);
  return {.known = true, .to_write = true};
}

void BlobUses::Put(const BlobName& name, BlobForm form, int64_t blocks, int64_t used_at,
                   std::vector<BlobName> parts, std::optional<int64_t> written_at) {
  Note(name, form, blocks, used_at, std::move(parts), written_at.value_or(used_at));
  if (disk_bytes() > wake_above_) TellOfGrowth();
}

void BlobUses::OnGrowth(std::function<void()> wake) {
  MutexLock lock(wake_mutex_);
  wake_ = std::move(wake);
}

void BlobUses::TellOfGrowth() {
  MutexLock lock(wake_mutex_);
  if (disk_bytes() <= wake_above_) return;
  wake_above_ = INT64_MAX;
  if (wake_) wake_();
}

void BlobUses::Note(const BlobName& name, BlobForm form, int64_t blocks, int64_t used_at,
                    std::vector<BlobName> parts, int64_t written_at) {
  ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  const auto [place, is_new] = shard.entries.try_emplace(name);
  Entry& entry = place->second;
  if (is_new) {
    ++count_;
    entry.written_at = static_cast<uint32_t>(written_at / kSecond);
  }
  uint32_t& known = form == BlobForm::kWhole ? entry.whole_blocks : entry.parts_blocks;
  blocks_ += blocks - known;
  known = static_cast<uint32_t>(blocks);
  (form == BlobForm::kWhole ? entry.whole : entry.in_parts) = true;
  entry.used_at = std::max(entry.used_at, used_at);
  if (form == BlobForm::kWhole) return;
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  parts.shrink_to_fit();
  shard.parts[name] = std::move(parts);
}

void BlobUses::Drop(const BlobName& name, BlobForm form) {
  ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(name);
  if (found == shard.entries.end()) return;
  Entry& entry = found->second;
  uint32_t& known = form == BlobForm::kWhole ? entry.whole_blocks : entry.parts_blocks;
  blocks_ -= known;
  known = 0;
  (form == BlobForm::kWhole ? entry.whole : entry.in_parts) = false;
  if (form == BlobForm::kParts) shard.parts.erase(name);
  if (!entry.whole && !entry.in_parts) Forget(shard, name);
}

void BlobUses::Forget(ShardState& shard, const BlobName& name) {
  const auto found = shard.entries.find(name);
  if (found == shard.entries.end()) return;
  blocks_ -= int64_t{found->second.whole_blocks} + found->second.parts_blocks;
  --count_;
  shard.entries.erase(found);
  shard.parts.erase(name);
}

bool BlobUses::KnowsParts(const BlobName& name) const {
  const ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  return shard.parts.contains(name);
}

std::optional<int64_t> BlobUses::UsedAt(const BlobName& name) const {
  const ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(name);
  return found == shard.entries.end() ? std::nullopt : std::optional(found->second.used_at);
}

std::vector<BlobUse> BlobUses::Shard(int shard) const {
  const ShardState& state = shards_[static_cast<size_t>(shard)];
  MutexLock lock(state.mutex);
  std::vector<BlobUse> uses;
  uses.reserve(state.entries.size());
  for (const auto& [name, entry] : state.entries)
    uses.push_back({name, (int64_t{entry.whole_blocks} + entry.parts_blocks) * 512, entry.used_at});
  return uses;
}

std::vector<std::pair<BlobName, std::vector<BlobName>>> BlobUses::Parted(int shard) const {
  const ShardState& state = shards_[static_cast<size_t>(shard)];
  MutexLock lock(state.mutex);
  return {state.parts.begin(), state.parts.end()};
}

bool BlobUses::BeginRemoval(const BlobName& name, int64_t before) {
  ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(name);
  if (found == shard.entries.end() || found->second.used_at >= before) return false;
  if (shard.holds.contains(name)) return false;
  return shard.being_removed.insert(name).second;
}

void BlobUses::EndRemoval(const BlobName& name, bool removed) {
  ShardState& shard = Of(name);
  MutexLock lock(shard.mutex);
  if (removed) Forget(shard, name);
  shard.being_removed.erase(name);
  shard.removed.NotifyAll();
}

}  // namespace crossmill
