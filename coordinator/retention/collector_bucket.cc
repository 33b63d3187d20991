// The part of the collector that knows of a bucket behind the disk.
#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "coordinator/retention/collector.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kBucketSecond = 1'000'000'000;

}  // namespace

DocumentSource Collector::Documents() {
  DocumentSource source;
  source.read = [this](const std::string& hash) -> absl::StatusOr<std::optional<std::string>> {
    auto bytes = PeekBlob(blobs_.folder(), hash, kLargestDocument);
    if (bytes.ok()) return std::optional<std::string>(*std::move(bytes));
    const bool none = absl::IsNotFound(bytes.status()) || absl::IsDataLoss(bytes.status()) ||
                      absl::IsOutOfRange(bytes.status());
    if (!none) return bytes.status();
    if (options_.bucket == nullptr) return std::optional<std::string>();
    return options_.bucket->Peek(hash, kLargestDocument, stop_.get_token());
  };
  source.has = [this](const BlobName& name) -> absl::StatusOr<bool> {
    if (blobs_.uses().UsedAt(name)) return true;
    if (options_.bucket == nullptr) return false;
    ASSIGN_OR_RETURN(const std::optional<int64_t> used_at, options_.bucket->UsedAt(name));
    return used_at.has_value();
  };
  return source;
}

// A blob on the disk that is not in the bucket is read by its parts.
absl::StatusOr<absl::flat_hash_set<BlobName>> Collector::PartsOfUncopied() {
  absl::flat_hash_set<BlobName> stay;
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    RETURN_IF_ERROR(pacer_.Breathe());
    for (const auto& [name, parts] : blobs_.uses().Parted(shard)) {
      ASSIGN_OR_RETURN(const std::optional<int64_t> used_at, options_.bucket->UsedAt(name));
      if (!used_at) stay.insert(parts.begin(), parts.end());
    }
  }
  return stay;
}

absl::Status Collector::SweepBucket(const SweepRequest& request, const Needed& needed, int64_t horizon,
                                    BucketSweep* report) {
  BucketBlobStore& bucket = *options_.bucket;
  const BucketStatus status = bucket.status();
  report->name = status.name;
  report->trouble = status.trouble;
  report->budget = policies()[Policy::kBucketBudget];
  if (!request.dry_run && !request.all && Excess() > 0) {
    const auto left = bucket.LeaveDisk(Excess(), stop_.get_token());
    if (left.ok()) report->left_disk_bytes = *left;
    if (!left.ok() && !absl::IsUnavailable(left.status())) return left.status();
  }
  ASSIGN_OR_RETURN(const absl::flat_hash_set<BlobName> stay, PartsOfUncopied());
  SweepOrder order;
  int64_t total = 0;
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    RETURN_IF_ERROR(pacer_.Breathe());
    ASSIGN_OR_RETURN(std::vector<BlobUse> uses, bucket.InBucket(shard));
    for (BlobUse& use : uses) {
      total += use.disk_bytes;
      // What is used on the disk is not told to the bucket.
      use.used_at = std::max(use.used_at, blobs_.uses().UsedAt(use.name).value_or(0));
      if (const auto keeper = needed.blobs.Find(use.name)) {
        report->needed[static_cast<size_t>(*keeper)].Add(use);
      } else {
        report->rest.Add(use);
      }
    }
    std::erase_if(uses, [&](const BlobUse& use) { return stay.contains(use.name); });
    order.AddShard(std::move(uses), needed.parted[static_cast<size_t>(shard)], needed.blobs, needed.parts,
                   horizon);
  }
  const int64_t unused = policies()[Policy::kBucketUnused];
  const int64_t unused_before = unused == kNoLimit ? 0 : UnixNanos(clock_.Now()) - unused * kBucketSecond;
  return RemoveFromBucket(order, horizon, unused_before, total, request, report);
}

absl::Status Collector::RemoveFromBucket(SweepOrder& order, int64_t horizon, int64_t unused_before,
                                         int64_t total, const SweepRequest& request, BucketSweep* report) {
  while (const std::optional<BlobUse> next = order.Next()) {
    RETURN_IF_ERROR(pacer_.Breathe());
    // In the order of their last use: once neither age nor budget asks for one, none is.
    const bool over = total - report->bytes > report->budget;
    if (!request.all && !over && next->used_at >= unused_before) return absl::OkStatus();
    if (!request.dry_run) {
      // From the disk first: what is on it is copied to the bucket again.
      if (blobs_.uses().UsedAt(next->name)) {
        const absl::StatusOr<bool> removed = RemoveBlob(blobs_.folder(), next->name, horizon, blobs_.uses());
        if (!removed.ok()) LogWarning("a blob stays: {}", Sv(removed.status().message()));
        if (!removed.value_or(false)) continue;
      }
      ASSIGN_OR_RETURN(const bool removed,
                       options_.bucket->RemoveFromBucket(next->name, horizon, stop_.get_token()));
      if (!removed) continue;
    }
    ++report->blobs;
    report->bytes += next->disk_bytes;
  }
  return absl::OkStatus();
}

bool Collector::BucketIsDue(absl::Time now) {
  if (now < bucket_quiet_until_ || !blobs_.uses().complete()) return false;
  const BucketStatus status = options_.bucket->status();
  if (!status.trouble.empty()) return false;
  return status.bytes > policies()[Policy::kBucketBudget] ||
         now >= bucket_looked_at_ + options_.bucket_interval;
}

void Collector::LookAtBucket(bool hurried) {
  const int64_t allowed = budget();
  options_.bucket->SetDiskBudget(allowed == kNoLimit ? 0 : allowed);
  const absl::Time now = clock_.Now();
  if (hurried && Excess() > 0) {
    const auto left = options_.bucket->LeaveDisk(Excess(), stop_.get_token());
    if (!left.ok() && !absl::IsCancelled(left.status()))
      LogWarning("nothing leaves the disk: {}", Sv(left.status().message()));
  }
  if (!BucketIsDue(now)) return;
  const auto report = Collect({}, false);
  if (!report.ok()) {
    if (!absl::IsCancelled(report.status()))
      LogWarning("nothing could be removed from the bucket: {}", Sv(report.status().message()));
    bucket_quiet_until_ = now + options_.patience;
    return;
  }
  bucket_looked_at_ = now;
  if (report->bucket.blobs > 0)
    LogInfo("removed bucket_blobs={} bytes={}", report->bucket.blobs, report->bucket.bytes);
  const int64_t left = options_.bucket->status().bytes;
  if (left <= report->bucket.budget) return;
  // Needed, or used a moment ago: looked for again, not over and over.
  bucket_quiet_until_ = now + options_.patience;
  LogWarning(
      "the bucket has {} bytes, more than the policy bucket.budget allows ({}): the rest is needed or was "
      "used within the grace time",
      left, report->bucket.budget);
}

}  // namespace crossmill::coordinator
