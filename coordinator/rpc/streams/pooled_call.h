// A call that streams answers to its client by steps on a StreamPool: it holds memory while nothing is to be
// told, no thread.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/streams/stream_pool.h"

namespace crossmill::coordinator {

// Owned by itself from Start to its end. `pool` outlives it.
template <typename Response>
class PooledCall : public grpc::ServerWriteReactor<Response>,
                   public StreamPool::Work,
                   public std::enable_shared_from_this<PooledCall<Response>> {
 public:
  // What there is to do now.
  struct Next {
    enum class Kind {
      // `response` is filled in.
      kWrite,
      // Nothing until somebody calls Wake.
      kWait,
      // Nothing for `pause`.
      kPause,
      // The call ends with `status`.
      kEnd
    };
    Kind kind = Kind::kWait;
    std::chrono::milliseconds pause{0};
    absl::Status status = absl::OkStatus();
  };

  explicit PooledCall(StreamPool& pool) : pool_(pool) {}

  // Its first step comes soon. Of an error it is the end.
  grpc::ServerWriteReactor<Response>* Start(const absl::Status& allowed) {
    self_ = this->shared_from_this();
    if (allowed.ok()) {
      Wake();
    } else {
      MutexLock lock(mutex_);
      End(allowed);
    }
    return this;
  }

 protected:
  // One answer, or why there is none now. On a thread of the pool, never while an answer is on its way.
  virtual Next Produce(Response* response) = 0;
  // The call is over; nothing is produced any more.
  virtual void Over() {}
  // From any thread.
  void Wake() { pool_.Soon(this->shared_from_this()); }

 private:
  void Step() final {
    {
      MutexLock lock(mutex_);
      if (writing_ || ended_) return;
      if (gone_) return End(absl::CancelledError("the client is gone"));
    }
    response_.Clear();
    const Next next = Produce(&response_);
    MutexLock lock(mutex_);
    if (gone_) return End(absl::CancelledError("the client is gone"));
    switch (next.kind) {
      case Next::Kind::kWrite:
        writing_ = true;
        this->StartWrite(&response_);
        break;
      case Next::Kind::kPause:
        pool_.After(this->shared_from_this(), next.pause);
        break;
      case Next::Kind::kEnd:
        End(next.status);
        break;
      case Next::Kind::kWait:
        break;
    }
  }
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (std::exchange(ended_, true)) return;
    this->Finish(rpc::ToGrpc(status));
  }
  void OnWriteDone(bool ok) final {
    {
      MutexLock lock(mutex_);
      writing_ = false;
      if (!ok) gone_ = true;
    }
    Wake();
  }
  void OnCancel() final {
    {
      MutexLock lock(mutex_);
      gone_ = true;
    }
    Wake();
  }
  void OnDone() final {
    Over();
    // Work that waits in the pool may keep it for a while.
    self_.reset();
  }

  StreamPool& pool_;
  std::shared_ptr<PooledCall> self_;
  // gRPC's while `writing_`.
  Response response_;
  Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator
