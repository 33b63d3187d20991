#include "coordinator/bucket/bucket_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/blobs/blob_files.h"
#include "coordinator/bucket/bucket_keys.h"
#include "coordinator/bucket/disk_leave.h"

namespace crossmill::coordinator {
namespace {

constexpr char kOwnerKey[] = "owner";
constexpr size_t kLongestOwner = 4096;
constexpr std::chrono::seconds kClaimPatience{5};
constexpr absl::Duration kLongestPause = absl::Minutes(1);
// An upload in parts that nobody finished by then is nobody's any more.
constexpr absl::Duration kOldUpload = absl::Hours(24);
// A little more leaves the disk than has to, so that it is not looked for at every blob.
constexpr int64_t kSlack = 10;
constexpr absl::Duration kUsesInterval = absl::Minutes(1);
constexpr size_t kUsesTogether = 1000;

}  // namespace

BucketKeeper::BucketKeeper(DiskBlobStore& disk, bucket::Bucket& bucket, storage::BucketIndex& index,
                           BucketReads& reads, WaitingUploads& waiting, BucketUses& uses, NotedUses& noted,
                           Clock& clock, const BucketStoreOptions& options)
    : disk_(disk),
      bucket_(bucket),
      index_(index),
      reads_(reads),
      waiting_(waiting),
      uses_(uses),
      noted_(noted),
      clock_(clock),
      options_(options),
      next_pause_(options.interval) {}

absl::Status BucketKeeper::ReadOwner(const std::stop_token& stop) {
  const std::string mine = "crossmill farm " + options_.owner + "\n";
  absl::StatusOr<std::string> owner = bucket_.GetSmall(kOwnerKey, kLongestOwner, stop);
  if (absl::IsNotFound(owner.status())) {
    const absl::Status written = bucket_.PutNew(kOwnerKey, mine, stop);
    if (!written.ok() && !absl::IsAlreadyExists(written)) return written;
    // Read again: another farm may have been first, at a server that replaces objects whatever is asked.
    owner = bucket_.GetSmall(kOwnerKey, kLongestOwner, stop);
  }
  RETURN_IF_ERROR(owner.status());
  if (*owner == mine) return absl::OkStatus();
  return absl::AbortedError(
      fmt::format("{} belongs to another farm (its object '{}' does not name this one, {}): give each farm a "
                  "prefix of its own, "
                  "or remove that object if the other farm is no more",
                  bucket_.name(), kOwnerKey, options_.owner));
}

absl::Status BucketKeeper::Claim() {
  // A start does not wait for a host that does not answer.
  const StopAfter patience(kClaimPatience);
  const absl::Status status = ReadOwner(patience.token());
  if (absl::IsAborted(status)) return absl::FailedPreconditionError(status.message());
  owned_ = status.ok();
  reads_.MayRemove(owned_);
  if (!status.ok()) {
    const std::string reason = absl::IsCancelled(status) ? bucket_.name() + " did not answer within 5 s"
                                                         : std::string(Sv(status.message()));
    LogWarning("the bucket is not used yet: {}", reason);
    MutexLock lock(mutex_);
    trouble_ = reason;
    trouble_since_ = clock_.Now();
  }
  return absl::OkStatus();
}

void BucketKeeper::Start() {
  threads_.emplace_back([this] { Keep(); });
  for (int i = 0; i < options_.upload_threads; ++i) threads_.emplace_back([this] { Upload(); });
}

void BucketKeeper::Stop() {
  stop_.request_stop();
  stopping_.NotifyAll();
  waiting_.WakeAll();
  threads_.clear();
}

void BucketKeeper::Pause(absl::Duration time) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  MutexLock lock(mutex_);
  while (!stop_.stop_requested()) {
    const auto left = end - std::chrono::steady_clock::now();
    // In short turns: a wake-up between the look and the wait is not lost for long.
    if (left.count() <= 0) return;
    stopping_.WaitFor(mutex_, std::min<std::chrono::nanoseconds>(left, std::chrono::milliseconds(200)));
  }
}

bool BucketKeeper::Went(const absl::Status& status) {
  if (stop_.stop_requested()) return false;
  absl::Duration pause;
  bool news = false;
  {
    MutexLock lock(mutex_);
    if (status.ok()) {
      news = !trouble_.empty();
      trouble_.clear();
      next_pause_ = options_.interval;
    } else {
      news = trouble_.empty();
      if (news) trouble_since_ = clock_.Now();
      trouble_ = Sv(status.message());
      pause = next_pause_;
      next_pause_ = std::min(2 * next_pause_, kLongestPause);
    }
  }
  if (status.ok()) {
    if (news) LogInfo("the bucket is used again");
    return true;
  }
  if (news) LogWarning("the bucket cannot be used; uploads wait: {}", Sv(status.message()));
  Pause(pause);
  return false;
}

absl::Status BucketKeeper::List() {
  RETURN_IF_ERROR(index_.BeginListing());
  RETURN_IF_ERROR(bucket_.List(
      "blobs/",
      [this](const std::vector<bucket::ObjectInfo>& page) {
        std::vector<Digest> digests;
        for (const bucket::ObjectInfo& object : page) {
          Digest digest = DigestOfKey(object.key, object.size);
          if (!digest.empty()) digests.push_back(std::move(digest));
        }
        return index_.AddListed(digests);
      },
      stop_.get_token()));
  RETURN_IF_ERROR(index_.EndListing(clock_.Now()));
  const storage::BucketIndex::Totals totals = index_.Sum();
  LogInfo("bucket_listed blobs={} bytes={}", totals.blobs, totals.bytes);
  return absl::OkStatus();
}

absl::Status BucketKeeper::AbortOldUploads() {
  ASSIGN_OR_RETURN(const std::vector<bucket::UnfinishedUpload> uploads,
                   bucket_.ListUnfinished("blobs/", stop_.get_token()));
  for (const bucket::UnfinishedUpload& upload : uploads) {
    if (upload.begun > clock_.Now() - kOldUpload) continue;
    RETURN_IF_ERROR(bucket_.Abort(upload, stop_.get_token()));
    LogInfo("bucket_abort unfinished={}", upload.key);
  }
  return absl::OkStatus();
}

void BucketKeeper::Scan() {
  for (int shard = 0; shard < BlobUses::kShards && !stop_.stop_requested(); ++shard) {
    const absl::Status status = ScanBlobs(disk_.folder(), shard, disk_.uses(), [this](const Digest& digest) {
      const auto known = index_.Has(digest);
      if (!known.ok() || !*known) waiting_.Add(digest);
    });
    if (!status.ok()) LogWarning("the blobs on disk cannot be listed: {}", Sv(status.message()));
  }
  if (!stop_.stop_requested()) disk_.uses().SetComplete();
}

// Uploads in parts that a killed coordinator left cost money and are no failure of the farm's: they are
// looked for once with each listing, and a server that cannot list them is left alone.
void BucketKeeper::Keep() {
  Scan();
  absl::Time next_listing = absl::InfinitePast();
  absl::Time last_listing = absl::InfinitePast();
  absl::Time next_uses = clock_.Now() + kUsesInterval;
  int64_t lost = 0;
  if (const auto listed = index_.ListedAt(); listed.ok() && *listed != absl::InfinitePast()) {
    listed_ = true;
    next_listing = *listed + options_.listing_interval;
  }
  while (!stop_.stop_requested()) {
    if (!owned_) {
      const absl::Status owner = ReadOwner(stop_.get_token());
      if (!Went(owner)) continue;
      owned_ = true;
      reads_.MayRemove(true);
    }
    if (reads_.lost() > lost && clock_.Now() >= last_listing + options_.relisting_interval)
      next_listing = absl::InfinitePast();
    if (!listed_ || clock_.Now() >= next_listing) {
      lost = reads_.lost();
      last_listing = clock_.Now();
      if (!Went(List())) continue;
      listed_ = true;
      next_listing = clock_.Now() + options_.listing_interval;
      if (const absl::Status old = AbortOldUploads(); !old.ok())
        LogWarning("unfinished uploads in the bucket are not looked for: {}", Sv(old.message()));
    }
    if (waiting_.TakeOverflow()) Scan();
    LookAtDisk();
    if (clock_.Now() >= next_uses) {
      WriteUses();
      next_uses = clock_.Now() + kUsesInterval;
    }
    Pause(options_.interval);
  }
  WriteUses();
}

void BucketKeeper::WriteUses() {
  // Before they are listed: what is noted behind this stays noted.
  if (const absl::Status begun = noted_.Begin(); !begun.ok()) {
    LogWarning("uses of blobs in the bucket are not written down: {}", Sv(begun.message()));
    return;
  }
  const std::vector<std::pair<BlobName, int64_t>> uses = uses_.Unwritten();
  for (size_t from = 0; from < uses.size(); from += kUsesTogether) {
    const std::vector<std::pair<BlobName, int64_t>> slice(
        uses.begin() + static_cast<std::ptrdiff_t>(from),
        uses.begin() + static_cast<std::ptrdiff_t>(std::min(uses.size(), from + kUsesTogether)));
    std::vector<std::pair<std::string, int64_t>> rows;
    rows.reserve(slice.size());
    for (const auto& [name, used_at] : slice) rows.emplace_back(HashOfName(name), used_at);
    if (const absl::Status written = index_.WriteUses(rows); !written.ok()) {
      LogWarning("uses of blobs in the bucket are not written down: {}", Sv(written.message()));
      return;
    }
    uses_.Written(slice);
  }
  if (const absl::Status forgotten = noted_.Forget(); !forgotten.ok())
    LogWarning("noted uses of blobs in the bucket stay: {}", Sv(forgotten.message()));
}

void BucketKeeper::LookAtDisk() {
  int64_t excess = 0;
  for (const int64_t bound : {options_.disk_bytes, disk_budget_.load()}) {
    const int64_t over = bound > 0 ? disk_.uses().disk_bytes() - bound : 0;
    if (over > 0) excess = std::max(excess, over + bound / kSlack);
  }
  if (options_.wanted_room) excess = std::max(excess, options_.wanted_room());
  if (excess <= 0) return;
  const int64_t before = absl::ToUnixNanos(absl::Now() - options_.grace);
  const auto left = LeaveDisk(excess, before, stop_.get_token());
  // Nothing left: the bucket may not have been asked.
  if (!left.ok() || *left > 0) Went(left.status());
}

absl::StatusOr<int64_t> BucketKeeper::LeaveDisk(int64_t bytes, int64_t before, const std::stop_token& stop) {
  // Before that a list of parts may be unknown.
  if (!ready() || !disk_.uses().complete()) return 0;
  ASSIGN_OR_RETURN(const LeftDisk left,
                   LeaveTheDisk({disk_, bucket_, index_, uses_, noted_}, bytes, before, stop));
  for (const Digest& digest : left.lost) {
    reads_.NoteLost();
    waiting_.Add(digest);
  }
  left_disk_ += left.blobs;
  if (left.blobs > 0) LogInfo("bucket_left_disk blobs={} bytes={}", left.blobs, left.bytes);
  return left.bytes;
}

absl::Status BucketKeeper::UploadOne(const Digest& digest, bool* asked) {
  // Behind the removal of the same blob, if there is one.
  uses_.Touch(NameOfHash(digest.hash), absl::GetCurrentTimeNanos());
  ASSIGN_OR_RETURN(const bool known, index_.Has(digest));
  if (known) return absl::OkStatus();
  std::unique_ptr<BlobReader> reader;
  int64_t position = -1;
  absl::Status of_disk;
  const http::BodySource source = [&](int64_t offset, char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (offset != position) {
      auto opened = disk_.Open(digest, offset);
      of_disk = opened.status();
      RETURN_IF_ERROR(of_disk);
      reader = *std::move(opened);
      position = offset;
    }
    const auto count = reader->Read(buffer, size);
    of_disk = count.status();
    RETURN_IF_ERROR(of_disk);
    position += static_cast<int64_t>(*count);
    return *count;
  };
  *asked = true;
  const absl::Status put = bucket_.Put(KeyOf(digest.hash), digest, source, stop_.get_token());
  // It has left the disk, or was moved aside: nothing that could be copied.
  if (absl::IsNotFound(of_disk) || absl::IsDataLoss(of_disk) || absl::IsDataLoss(put)) {
    LogWarning("bucket_upload digest={} given up: {}", ToString(digest),
               Sv(of_disk.ok() ? put.message() : of_disk.message()));
    *asked = false;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(put);
  ++uploaded_;
  return index_.Add(digest);
}

void BucketKeeper::Upload() {
  while (!stop_.stop_requested()) {
    if (!ready()) {
      Pause(absl::Milliseconds(100));
      continue;
    }
    const std::optional<Digest> digest = waiting_.Take(std::chrono::milliseconds(500), stop_.get_token());
    if (!digest.has_value()) continue;
    bool asked = false;
    const absl::Status status = UploadOne(*digest, &asked);
    status.ok() ? waiting_.Done(*digest) : waiting_.Again(*digest);
    if (asked || !status.ok()) Went(status);
  }
}

void BucketKeeper::Fill(BucketStatus* status) const {
  status->name = bucket_.name();
  const storage::BucketIndex::Totals known = index_.Sum();
  status->blobs = known.blobs;
  status->bytes = known.bytes;
  const WaitingUploads::Totals waiting = waiting_.Sum();
  status->waiting_blobs = waiting.blobs;
  status->waiting_bytes = waiting.bytes;
  status->more_waiting = waiting.more;
  status->uploaded_blobs = uploaded_;
  status->left_disk_blobs = left_disk_;
  MutexLock lock(mutex_);
  status->trouble = trouble_;
  status->trouble_since = trouble_since_;
}

}  // namespace crossmill::coordinator
