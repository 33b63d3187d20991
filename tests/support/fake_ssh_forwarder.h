// Ssh agents that answer what they hear in capital letters.
#pragma once

#include <cctype>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "worker/mounts/ssh_relay.h"

namespace crossmill {

class FakeSshForwarder final : public worker::SshForwarder {
 public:
  explicit FakeSshForwarder(std::set<std::string> ids) : ids_(std::move(ids)) {}
  absl::StatusOr<std::unique_ptr<worker::ForwardStream>> Open(uint64_t, const std::string& ssh_id) override {
    return std::make_unique<Stream>(ids_.contains(ssh_id));
  }

 private:
  class Stream final : public worker::ForwardStream {
   public:
    explicit Stream(bool known) : known_(known) {}
    absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
      MutexLock lock(mutex_);
      if (!known_) return absl::NotFoundError("no such id");
      while (waiting_.empty() && !ended_) changed_.Wait(mutex_);
      const size_t count = waiting_.copy(buffer, size);
      waiting_.erase(0, count);
      return count;
    }
    absl::Status Write(std::string_view bytes) override {
      MutexLock lock(mutex_);
      for (const char c : bytes) waiting_ += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      changed_.NotifyAll();
      return absl::OkStatus();
    }
    absl::Status CloseWrite() override {
      Cancel();
      return absl::OkStatus();
    }
    void Cancel() override {
      MutexLock lock(mutex_);
      ended_ = true;
      changed_.NotifyAll();
    }

   private:
    const bool known_;
    Mutex mutex_;
    CondVar changed_;
    std::string waiting_ ABSL_GUARDED_BY(mutex_);
    bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  };

  const std::set<std::string> ids_;
};

}  // namespace crossmill
