#include "coordinator/buildkit/files/blob_intake.h"

#include "common/base/status.h"
#include "common/base/threads.h"
#include "common/context/directory_nodes.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr int kIntakeThreads = 2;
constexpr size_t kMostWaitingBytes = 32 << 20;
constexpr size_t kMostWaitingItems = 8'192;
// The store makes many durable at once in the time of a few.
constexpr size_t kMostTogether = 2'048;
constexpr size_t kMostBytesTogether = 16 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<BlobIntake>> BlobIntake::Start(BlobStore& blobs) {
  std::unique_ptr<BlobIntake> intake(new BlobIntake(blobs));
  for (int i = 0; i < kIntakeThreads; ++i) {
    ASSIGN_OR_RETURN(std::jthread thread, StartThread([raw = intake.get()] { raw->Work(); }));
    intake->threads_.push_back(std::move(thread));
  }
  return intake;
}

BlobIntake::~BlobIntake() {
  {
    MutexLock lock(mutex_);
    closed_ = abandoned_ = true;
    changed_.NotifyAll();
  }
  threads_.clear();
}

absl::Status BlobIntake::Take(uint32_t number, std::string bytes) {
  Item item;
  item.number = number;
  item.bytes = std::move(bytes);
  return Take(std::move(item));
}

absl::Status BlobIntake::Take(uint32_t number, std::unique_ptr<BlobWriter> written) {
  Item item;
  item.number = number;
  item.written = std::move(written);
  return Take(std::move(item));
}

absl::Status BlobIntake::Take(Item item) {
  MutexLock lock(mutex_);
  // Writers hold a descriptor each.
  const auto full = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_bytes_ >= kMostWaitingBytes || waiting_.size() >= kMostWaitingItems;
  };
  while (full() && error_.ok()) changed_.Wait(mutex_);
  RETURN_IF_ERROR(error_);
  // A written content counts as if it were large: few of them wait.
  waiting_bytes_ += item.written ? kMostWaitingBytes / 32 : item.bytes.size();
  waiting_.push_back(std::move(item));
  changed_.NotifyAll();
  return absl::OkStatus();
}

std::vector<BlobIntake::Item> BlobIntake::Next() {
  MutexLock lock(mutex_);
  while (waiting_.empty() && !closed_ && error_.ok()) changed_.Wait(mutex_);
  std::vector<Item> items;
  if (abandoned_ || !error_.ok()) return items;
  size_t bytes = 0;
  while (!waiting_.empty() && items.size() < kMostTogether && bytes < kMostBytesTogether) {
    Item& item = waiting_.front();
    const size_t size = item.written ? kMostWaitingBytes / 32 : item.bytes.size();
    waiting_bytes_ -= size;
    bytes += size;
    items.push_back(std::move(item));
    waiting_.pop_front();
  }
  changed_.NotifyAll();
  return items;
}

absl::Status BlobIntake::Store(std::vector<Item> items) {
  std::vector<std::pair<Digest, std::string>> small;
  std::vector<std::pair<uint32_t, context::RawSha256>> hashes;
  for (Item& item : items) {
    Digest digest;
    if (item.written) {
      ASSIGN_OR_RETURN(digest, item.written->Commit());
    } else {
      digest = DigestOf(item.bytes);
      small.emplace_back(digest, std::move(item.bytes));
    }
    hashes.emplace_back(item.number, context::RawOf(digest.hash));
  }
  RETURN_IF_ERROR(blobs_.Put(small));
  MutexLock lock(mutex_);
  hashes_.insert(hashes_.end(), hashes.begin(), hashes.end());
  return absl::OkStatus();
}

void BlobIntake::Work() {
  for (std::vector<Item> items = Next(); !items.empty(); items = Next()) {
    const absl::Status stored = Store(std::move(items));
    if (stored.ok()) continue;
    MutexLock lock(mutex_);
    error_.Update(stored);
    changed_.NotifyAll();
  }
}

absl::StatusOr<std::vector<std::pair<uint32_t, context::RawSha256>>> BlobIntake::Finish() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }
  threads_.clear();
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(error_);
  return std::move(hashes_);
}

}  // namespace crossmill::coordinator::buildkit
