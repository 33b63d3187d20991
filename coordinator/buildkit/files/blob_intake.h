// Contents on their way into the blob store: small ones many at a time, on threads of its own, so that
// whoever receives them does not wait for the disk.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/mutex.h"
#include "common/context/hash_cache.h"

namespace crossmill::coordinator::buildkit {

// Used by one thread. What waits is bounded: who brings more waits.
class BlobIntake {
 public:
  // RESOURCE_EXHAUSTED: there is no thread for it.
  static absl::StatusOr<std::unique_ptr<BlobIntake>> Start(BlobStore& blobs);
  // Abandons what waits.
  ~BlobIntake();
  BlobIntake(const BlobIntake&) = delete;
  BlobIntake& operator=(const BlobIntake&) = delete;

  // `number` is told with its hash by Finish. Errors are those of the store, of anything that was taken
  // before.
  absl::Status Take(uint32_t number, std::string bytes);
  // A content that was written, to be committed.
  absl::Status Take(uint32_t number, std::unique_ptr<BlobWriter> written);
  // Waits for all of it. Nothing may be taken afterwards.
  absl::StatusOr<std::vector<std::pair<uint32_t, context::RawSha256>>> Finish();

 private:
  struct Item {
    uint32_t number = 0;
    std::string bytes;
    std::unique_ptr<BlobWriter> written;
  };

  explicit BlobIntake(BlobStore& blobs) : blobs_(blobs) {}
  absl::Status Take(Item item);
  void Work();
  // Some of what waits, together; nothing: there will be no more.
  std::vector<Item> Next();
  absl::Status Store(std::vector<Item> items);

  BlobStore& blobs_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Item> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<uint32_t, context::RawSha256>> hashes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace crossmill::coordinator::buildkit
