// A bucket in memory, which a test damages, empties and takes away.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/bucket/bucket.h"

namespace crossmill::bucket {

class MemoryBucket final : public Bucket {
 public:
  std::string name() const override { return name_; }

  absl::Status Put(const std::string& key, const Digest& digest, const http::BodySource& source,
                   const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    std::string bytes(static_cast<size_t>(digest.size), '\0');
    for (size_t done = 0; done < bytes.size();) {
      ASSIGN_OR_RETURN(const size_t count,
                       source(static_cast<int64_t>(done), bytes.data() + done, bytes.size() - done));
      if (count == 0) return absl::DataLossError("short");
      done += count;
    }
    if (DigestOf(bytes) != digest) return absl::DataLossError("other bytes");
    Set(key, std::move(bytes));
    MutexLock lock(mutex_);
    ++puts_;
    return absl::OkStatus();
  }
  absl::Status PutNew(const std::string& key, std::string_view bytes, const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    MutexLock lock(mutex_);
    return objects_.emplace(key, bytes).second ? absl::OkStatus() : absl::AlreadyExistsError(key);
  }
  absl::Status Get(const std::string& key, int64_t size, int64_t offset, int64_t length,
                   const BytesSink& sink, const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    std::string bytes;
    {
      MutexLock lock(mutex_);
      ++gets_;
      const auto found = objects_.find(key);
      if (found == objects_.end()) return absl::NotFoundError("no such key");
      bytes = found->second;
    }
    if (static_cast<int64_t>(bytes.size()) != size) return absl::DataLossError("another size");
    return sink(std::string_view(bytes).substr(static_cast<size_t>(offset), static_cast<size_t>(length)));
  }
  absl::StatusOr<std::string> GetSmall(const std::string& key, size_t, const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return absl::NotFoundError("no such key");
    return found->second;
  }
  absl::StatusOr<int64_t> Head(const std::string& key, const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const std::string bytes, GetSmall(key, 0, stop));
    return static_cast<int64_t>(bytes.size());
  }
  absl::Status Delete(const std::string& key, const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    MutexLock lock(mutex_);
    objects_.erase(key);
    return absl::OkStatus();
  }
  absl::Status List(const std::string& prefix, const PageSink& sink, const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    std::vector<ObjectInfo> page;
    {
      MutexLock lock(mutex_);
      for (const auto& [key, bytes] : objects_)
        if (key.starts_with(prefix)) page.push_back({key, static_cast<int64_t>(bytes.size())});
    }
    return sink(page);
  }
  absl::StatusOr<std::vector<UnfinishedUpload>> ListUnfinished(const std::string&,
                                                               const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    MutexLock lock(mutex_);
    return unfinished_;
  }
  absl::Status Abort(const UnfinishedUpload& upload, const std::stop_token&) override {
    RETURN_IF_ERROR(Ask());
    MutexLock lock(mutex_);
    std::erase_if(unfinished_, [&](const UnfinishedUpload& each) { return each.id == upload.id; });
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> PresignGet(const std::string& key, absl::Duration) override {
    return "url:" + key;
  }

  // ---- the test's ----
  void TakeAway(absl::Status why = absl::UnavailableError("no route to host")) {
    MutexLock lock(mutex_);
    away_ = std::move(why);
  }
  void BringBack() { TakeAway(absl::OkStatus()); }
  void Set(const std::string& key, std::string bytes) {
    MutexLock lock(mutex_);
    objects_[key] = std::move(bytes);
  }
  void Remove(const std::string& key) {
    MutexLock lock(mutex_);
    objects_.erase(key);
  }
  bool Has(const std::string& key) {
    MutexLock lock(mutex_);
    return objects_.contains(key);
  }
  size_t count() {
    MutexLock lock(mutex_);
    return objects_.size();
  }
  int gets() {
    MutexLock lock(mutex_);
    return gets_;
  }
  int puts() {
    MutexLock lock(mutex_);
    return puts_;
  }
  void AddUnfinished(UnfinishedUpload upload) {
    MutexLock lock(mutex_);
    unfinished_.push_back(std::move(upload));
  }
  size_t unfinished() {
    MutexLock lock(mutex_);
    return unfinished_.size();
  }
  std::string name_ = "s3://farm";

 private:
  absl::Status Ask() {
    MutexLock lock(mutex_);
    return away_;
  }

  Mutex mutex_;
  absl::Status away_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> objects_ ABSL_GUARDED_BY(mutex_);
  std::vector<UnfinishedUpload> unfinished_ ABSL_GUARDED_BY(mutex_);
  int gets_ ABSL_GUARDED_BY(mutex_) = 0;
  int puts_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::bucket
